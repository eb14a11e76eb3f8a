/* The retry policy: what to do when a try of a call did not bring its outcome.

   Pure: no thread, memory or socket; the clock and the dice are arguments. */
#ifndef STATED_CLIENT_RETRY_H
#define STATED_CLIENT_RETRY_H

#include "stated/access.h"
#include "stated/status.h"

#include <stdbool.h>
#include <stdint.h>

struct retry_policy {
    bool retries;          /* false: every call is sent once */
    uint32_t max_tries;    /* 0 = as many as the time allows */
    uint32_t pause_min_ms; /* after the first refusal; doubles */
    uint32_t pause_max_ms; /* up to this */
};

/* What has become of a call so far. */
struct retry_call {
    enum stated_access access;
    bool numbered;     /* it has a sequence: sending it again cannot repeat it */
    bool once;         /* its caller wants it sent once */
    bool shared;       /* its last frame held other calls as well */
    uint32_t tries;    /* sent so often */
    uint32_t refusals; /* answered so often that it was not executed now */
    bool doubt;        /* a try was not answered, or with UNKNOWN: it may have been executed */
    uint64_t deadline_ns;
};

enum retry_action {
    RETRY_END,       /* what happened is the outcome */
    RETRY_AGAIN,     /* at once */
    RETRY_ALONE,     /* at once, in a frame of its own */
    RETRY_PLAIN,     /* at once, without a sequence: the server keeps no record of them */
    RETRY_LATER,     /* at the time given */
    RETRY_UNCERTAIN, /* the outcome, but an earlier try may have been executed: UNKNOWN */
};

/* A reply came that says `code` (with OK it is always RETRY_END). at_ns: with RETRY_LATER, when.
   random: any number. Whether UNIMPLEMENTED is about the sequence shows when the call is sent
   without it. */
enum retry_action retry_after_reply(const struct retry_policy *policy,
                                    const struct retry_call *call, enum stated_code code,
                                    bool replayed, uint32_t retry_after_ms, uint64_t now_ns,
                                    uint32_t random, uint64_t *at_ns);

/* The call was sent and its connection was lost, or its try has taken too long. */
enum retry_action retry_after_loss(const struct retry_policy *policy, const struct retry_call *call,
                                   uint64_t now_ns, uint32_t random, uint64_t *at_ns);

#endif
