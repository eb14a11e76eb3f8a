/* The order oracle: replays recorded calls by ticket on a plain map and names the first reply that
   does not fit.

   What it checks, over the calls of one server epoch:
   - no ticket twice; and, when the recorded calls are all there were, no ticket missing;
   - real time: a reply seen before another call was sent has the smaller ticket;
   - every reply: what a call saw is what the calls with smaller tickets left behind, and the
     revisions count the applied writes.

   Time is linear in calls, steps and keys; each read that the order does not explain also looks
   through the lost calls. Memory beyond the caller's arrays is 36 bytes per call, freed before it
   returns. Pure: no thread, clock or socket. */
#ifndef STATED_ORDER_ORACLE_H
#define STATED_ORDER_ORACLE_H

#include "stated/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum oracle_kind { ORACLE_ABSENT, ORACLE_BYTES, ORACLE_NUMBER, ORACLE_UNKNOWN };

/* A value as the map keeps it, whatever its size: canonical decimals as their number, so that ADD
   can be replayed, other bytes as a 64-bit digest. Zeroed memory is an absent value. Of an unknown
   one, which only cells have, the first read that shows it is believed. */
struct oracle_value {
    uint64_t bits;
    enum oracle_kind kind;
};

/* One key of the map. Zeroed memory is an absent key. */
struct oracle_cell {
    struct oracle_value value;
    uint64_t mod_revision; /* 0 = not known */
    uint64_t version;      /* 0 = not known */
    uint64_t ticket;       /* of the call that wrote it last; 0 = none of the recorded ones */
};

enum oracle_action {
    ORACLE_EXPECT, /* the reply showed this value (absent for a key that was not there) */
    ORACLE_PUT,    /* the call set this value */
    ORACLE_DELETE, /* the call deleted the key, there or not */
    ORACLE_ADD,    /* the call added value.bits, a number; an absent key counts as 0 */
};

/* What a call saw or did, one key at a time, in the order it happens inside the call. */
struct oracle_step {
    enum oracle_action action;
    uint32_t key; /* index into the cells */
    struct oracle_value value;
    uint64_t mod_revision; /* EXPECT: as the reply showed it; 0 = not shown */
    uint64_t version;      /* EXPECT: as the reply showed it; 0 = not shown */
};

/* One recorded call. A call that was refused without a ticket is recorded with ticket 0 and no
   steps, or left out; one that took a ticket and failed has its ticket and no steps. */
struct oracle_call {
    uint64_t ticket;
    uint64_t sent_ns;     /* before it was handed to the client library */
    uint64_t received_ns; /* after its reply was handed back */
    uint64_t revision;    /* as the reply showed it; 0 = not shown */
    const struct oracle_step *steps;
    uint32_t n_steps;
    bool writes; /* an applied write with mutations: the revision is its own */
    bool lost;   /* no reply came: its steps took effect once or never, its ticket is not known */
};

/* What was recorded. All of it stays the caller's. */
struct oracle_history {
    const struct oracle_call *calls; /* in any order */
    size_t n_calls;                  /* below 2^32 */
    struct oracle_cell *cells; /* the state before the first call; then as the replay left it */
    size_t n_keys;
    uint64_t revision;     /* before the first call; 0 = not known */
    uint64_t first_ticket; /* what the first call had to get; 0 = not known */
    bool alone; /* nobody else called the server meanwhile: tickets and revisions have no gap */
};

enum oracle_fault {
    ORACLE_FAULT_NONE,
    ORACLE_FAULT_DUPLICATE, /* a ticket twice */
    ORACLE_FAULT_GAP,       /* a ticket missing */
    ORACLE_FAULT_REAL_TIME, /* a later call before an earlier one */
    ORACLE_FAULT_REPLY,     /* a reply that the order does not explain */
    ORACLE_FAULT_REVISION,  /* a revision that the order does not explain */
};

struct oracle_report {
    enum oracle_fault fault;
    size_t tickets;   /* calls that had one */
    size_t checked;   /* EXPECT steps that were compared */
    size_t unchecked; /* EXPECT steps on keys that were unknown: nobody had shown or written them
                         yet, or a lost ADD had made them uncertain */
    uint64_t ticket;  /* where the order broke; 0 = nowhere */
    uint32_t key;     /* with FAULT_REPLY */
    char message[STATED_MESSAGE_BYTES]; /* for people; "" when nothing was found */
};

/* The value of these bytes. Any thread. */
struct oracle_value oracle_value_of(const void *bytes, size_t length);

/* A number, as a counter holds it and as ADD takes it. Any thread. */
struct oracle_value oracle_value_number(int64_t number);

/* Whether both are the same value, or both are none. Any thread. */
static inline bool oracle_value_same(struct oracle_value a, struct oracle_value b)
{
    return a.kind == b.kind && (a.kind == ORACLE_ABSENT || a.bits == b.bits);
}

/* Replays the history. OK: everything fits. DATA_LOSS: something does not, and *report says what
   and where (the first finding). INVALID_ARGUMENT: the history is malformed (a step names a key
   beyond n_keys, a reply before its call). RESOURCE_EXHAUSTED: no memory to sort the calls.

   Lost calls make it milder, never stricter: as many tickets as there are lost calls may be
   missing, a read may show a lost PUT or DELETE (each once), versions are not compared. Any thread;
   does not block. */
enum stated_code oracle_check(const struct oracle_history *history,
                              struct oracle_report *report) STATED_MUST_USE;

/* Whether the history is well formed, as every check needs it: else INVALID_ARGUMENT, and the
   message says where it is not. Any thread; does not block. */
enum stated_code oracle_check_shape(const struct oracle_history *history,
                                    char message[STATED_MESSAGE_BYTES]) STATED_MUST_USE;

#endif
