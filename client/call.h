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
    uint64_t deadline_ns;  /* for queueing, sending and the reply */
    uint32_t timeout_ms;   /* what the caller gave; for messages */
    stated_call_done done; /* NULL for a synchronous call */
    stated_callback callback;
    void *argument;
};

/* Until when the client waits for the reply: the deadline, and for a PARK method, which answers
   when its time is over, a while for that answer to arrive. */
uint64_t call_wait_until_ns(const struct call *self);

/* INVALID_ARGUMENT, and a message that says by how much, when the frame of a call with a request of
   so many bytes would be larger than max_message_bytes. */
enum stated_code call_check_size(const struct call *self, size_t payload_bytes,
                                 uint64_t max_message_bytes,
                                 struct stated_status *status) STATED_MUST_USE;

/* Puts a request frame with this one call, with the time it has left, into the slot.
   INVALID_ARGUMENT as above, RESOURCE_EXHAUSTED when memory is out. */
enum stated_code call_encode(const struct call *self, const ProtobufCMessage *request,
                             uint64_t max_message_bytes, struct slot *slot,
                             struct stated_status *status) STATED_MUST_USE;

/* The same for a request that is packed already, and known to fit. False when memory is out. */
bool call_encode_packed(const struct call *self, const uint8_t *payload, size_t payload_bytes,
                        struct slot *slot) STATED_MUST_USE;

/* What an exchange of the call's frame came to. connected: whether there is a connection now.
 * *response is NULL unless OK, and then the caller's. */
enum stated_code call_conclude(const struct call *self, const struct outcome *outcome,
                               const char *endpoint, bool connected, ProtobufCMessage **response,
                               struct stated_status *status) STATED_MUST_USE;

/* The outcomes of a call that was not sent: the client closed, the time in the line was over,
   memory was out. */
enum stated_code call_was_closed(const struct call *self, struct stated_status *status);
enum stated_code call_waited_in_vain(const struct call *self, struct stated_status *status);
enum stated_code call_had_no_memory(const struct call *self, struct stated_status *status);

#endif
