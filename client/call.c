#include "call.h"

#include "base/clock.h"
#include "frame.h"
#include "reply.h"
#include "slot.h"

#include <nng/nng.h>

/* The way back of a PARK call's answer, which sets out at the deadline. */
#define PARK_GRACE_MS 1000

uint64_t call_wait_until_ns(const struct call *self)
{
    uint64_t grace_ms = self->method->access == STATED_ACCESS_PARK ? PARK_GRACE_MS : 0;
    return self->deadline_ns + grace_ms * CLOCK_NS_PER_MS;
}

/* At least 1: 0 would ask for the server's default. */
static uint32_t remaining_ms(const struct call *self)
{
    uint64_t now = clock_now_ns();
    uint64_t left_ns = self->deadline_ns > now ? self->deadline_ns - now : 0;
    uint64_t left_ms = (left_ns + CLOCK_NS_PER_MS - 1) / CLOCK_NS_PER_MS;
    return left_ms < 1 ? 1 : left_ms > self->timeout_ms ? self->timeout_ms : (uint32_t)left_ms;
}

/* False when memory is out. */
static bool encode(const struct frame_call *call, struct slot *slot)
{
    uint8_t *body = slot_reserve(slot, frame_request_header_size(NULL, 0) + frame_call_size(call));
    if (body == NULL) {
        return false;
    }
    frame_put_call(frame_put_request_header(body, NULL, 0), call);
    return true;
}

bool call_encode_packed(const struct call *self, const uint8_t *payload, size_t payload_bytes,
                        struct slot *slot)
{
    return encode(&(struct frame_call){.method = self->method->name,
                                       .payload = payload,
                                       .payload_bytes = payload_bytes,
                                       .timeout_ms = remaining_ms(self)},
                  slot);
}

enum stated_code call_check_size(const struct call *self, size_t payload_bytes,
                                 uint64_t max_message_bytes, struct stated_status *status)
{
    struct frame_call call = {.method = self->method->name,
                              .payload_bytes = payload_bytes,
                              .timeout_ms = self->timeout_ms};
    size_t frame_bytes = frame_request_header_size(NULL, 0) + frame_call_size(&call);
    if (frame_bytes > max_message_bytes) {
        return stated_status_set(status, STATED_INVALID_ARGUMENT,
                                 "the request to %s needs %zu bytes; a message may have %llu",
                                 self->method->name, frame_bytes,
                                 (unsigned long long)max_message_bytes);
    }
    return STATED_OK;
}

enum stated_code call_encode(const struct call *self, const ProtobufCMessage *request,
                             uint64_t max_message_bytes, struct slot *slot,
                             struct stated_status *status)
{
    size_t payload_bytes = protobuf_c_message_get_packed_size(request);
    enum stated_code code = call_check_size(self, payload_bytes, max_message_bytes, status);
    if (code != STATED_OK) {
        return code;
    }
    bool fits = encode(&(struct frame_call){.method = self->method->name,
                                            .request = request,
                                            .payload_bytes = payload_bytes,
                                            .timeout_ms = remaining_ms(self)},
                       slot);
    return fits ? STATED_OK : call_had_no_memory(self, status);
}

enum stated_code call_was_closed(const struct call *self, struct stated_status *status)
{
    return stated_status_set(status, STATED_CANCELLED, "%s was not sent: the client was closed",
                             self->method->name);
}

enum stated_code call_waited_in_vain(const struct call *self, struct stated_status *status)
{
    return stated_status_set(status, STATED_DEADLINE_EXCEEDED,
                             "%s was not sent within %u ms: too many calls of this client are in "
                             "flight; raise max_calls or the timeout",
                             self->method->name, self->timeout_ms);
}

enum stated_code call_had_no_memory(const struct call *self, struct stated_status *status)
{
    return stated_status_set(status, STATED_RESOURCE_EXHAUSTED, "no memory to send %s",
                             self->method->name);
}

/* The request never left: it had no effect. */
static enum stated_code explain_unsent(const struct call *self, int error, const char *endpoint,
                                       bool connected, struct stated_status *status)
{
    switch (error) {
    case NNG_ECLOSED:
        return call_was_closed(self, status);
    case NNG_ENOMEM:
        return call_had_no_memory(self, status);
    case NNG_ETIMEDOUT:
        if (connected) {
            return stated_status_set(status, STATED_DEADLINE_EXCEEDED,
                                     "%s was not sent within %u ms: the connection to %s is busy",
                                     self->method->name, self->timeout_ms, endpoint);
        }
        return stated_status_set(status, STATED_UNAVAILABLE,
                                 "no connection to %s for %u ms; is the server running? start one "
                                 "with: stated --listen %s",
                                 endpoint, self->timeout_ms, endpoint);
    default:
        return stated_status_set(status, STATED_UNAVAILABLE, "cannot send %s to %s: %s",
                                 self->method->name, endpoint, nng_strerror(error));
    }
}

/* The request may have arrived, the reply did not: a write may or may not have happened. */
static enum stated_code explain_unanswered(const struct call *self, const struct outcome *outcome,
                                           const char *endpoint, struct stated_status *status)
{
    bool writes = self->method->access == STATED_ACCESS_WRITE;
    const char *doubt = writes ? "; whether the write happened is unknown" : "";
    switch (outcome->error) {
    case NNG_ECLOSED:
        return stated_status_set(status, STATED_CANCELLED,
                                 "the client was closed before the reply to %s came%s",
                                 self->method->name, doubt);
    case NNG_ETIMEDOUT:
        return stated_status_set(status, STATED_DEADLINE_EXCEEDED,
                                 "no reply to %s from %s within %u ms%s", self->method->name,
                                 endpoint, self->timeout_ms, doubt);
    case NNG_EMSGSIZE:
        return stated_status_set(status, writes ? STATED_UNKNOWN : STATED_RESOURCE_EXHAUSTED,
                                 "the reply to %s has %llu bytes, more than max_message_bytes; ask "
                                 "for less or raise it%s",
                                 self->method->name, (unsigned long long)outcome->reply_bytes,
                                 doubt);
    case NNG_ENOMEM:
        return stated_status_set(status, writes ? STATED_UNKNOWN : STATED_RESOURCE_EXHAUSTED,
                                 "no memory for the reply to %s (%llu bytes)%s", self->method->name,
                                 (unsigned long long)outcome->reply_bytes, doubt);
    default:
        return stated_status_set(status, writes ? STATED_UNKNOWN : STATED_UNAVAILABLE,
                                 "the connection to %s was lost before the reply to %s came%s",
                                 endpoint, self->method->name, doubt);
    }
}

enum stated_code call_conclude(const struct call *self, const struct outcome *outcome,
                               const char *endpoint, bool connected, ProtobufCMessage **response,
                               struct stated_status *status)
{
    *response = NULL;
    if (outcome->error == 0) {
        return reply_read(self->method, outcome->reply, (size_t)outcome->reply_bytes, endpoint,
                          response, status);
    }
    return outcome->sent ? explain_unanswered(self, outcome, endpoint, status)
                         : explain_unsent(self, outcome->error, endpoint, connected, status);
}
