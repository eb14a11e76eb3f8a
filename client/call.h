/* One call: what it asks, until when, and what became of it. */
#ifndef STATED_CLIENT_CALL_H
#define STATED_CLIENT_CALL_H

#include "outcome.h"

#include "stated/client.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slot;

struct call {
    const struct stated_client_method *method;
    uint64_t deadline_ns;          /* for queueing, sending and the reply */
    uint32_t timeout_ms;           /* what the caller gave; for messages */
    bool once;                     /* not to be sent twice */
    struct stated_call_info *info; /* the caller's, or NULL */
    struct stated_cancel *cancel;  /* the same */
    stated_call_done done;         /* NULL for a synchronous call */
    stated_callback callback;
    void *argument;
};

/* Until when the client waits for the reply: the deadline, and for a PARK method, which answers
   when its time is over, a while for that answer to arrive. */
uint64_t call_wait_until_ns(const struct call *self);

/* Tells the caller's info, if it wants one. */
void call_fill_info(const struct call *self, uint32_t tries, uint64_t sequence);

/* Puts the packed request into the slot. INVALID_ARGUMENT, and a message that says by how much,
   when its frame would be larger than max_message_bytes; RESOURCE_EXHAUSTED when memory is out. */
enum stated_code call_encode(const struct call *self, const ProtobufCMessage *request,
                             uint64_t max_message_bytes, struct slot *slot,
                             struct stated_status *status) STATED_MUST_USE;

/* What explains an outcome beside itself. */
struct call_context {
    const char *endpoint; /* for a call that was never sent */
    bool connected;       /* whether there is a connection now */
    bool busy;            /* whether as many calls as may be are on their way */
    ProtobufCAllocator *memory;
};

/* What the call came to. *response is NULL unless OK, and then the caller's. */
enum stated_code call_conclude(const struct call *self, const struct outcome *outcome,
                               const struct call_context *context, ProtobufCMessage **response,
                               struct stated_status *status) STATED_MUST_USE;

/* The outcomes of a call that did not begin: the client was closed, its handle was cancelled
   before, memory was out. */
enum stated_code call_was_cancelled(const struct call *self, struct stated_status *status);
enum stated_code call_was_closed(const struct call *self, struct stated_status *status);
enum stated_code call_had_no_memory(const struct call *self, struct stated_status *status);

#endif
