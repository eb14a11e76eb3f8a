#include "call.h"

#include "frame.h"
#include "reply.h"
#include "slot.h"

#include "base/clock.h"

#include <nng/nng.h>
#include <string.h>

/* The way back of a PARK call's answer, which sets out at the deadline. */
#define PARK_GRACE_MS 1000

uint64_t call_wait_until_ns(const struct call *self)
{
    uint64_t grace_ms = self->method->access == STATED_ACCESS_PARK ? PARK_GRACE_MS : 0;
    return self->deadline_ns + grace_ms * CLOCK_NS_PER_MS;
}

static enum stated_code check_size(const struct call *self, size_t payload_bytes,
                                   uint64_t max_message_bytes, struct stated_status *status)
{
    static const uint8_t id[FRAME_CLIENT_ID_BYTES];
    bool writes = self->method->access == STATED_ACCESS_WRITE;
    struct frame_call call = {.method = self->method->name,
                              .payload_bytes = payload_bytes,
                              .timeout_ms = self->timeout_ms,
                              .sequence = writes ? UINT64_MAX : 0};
    size_t header_bytes =
        writes ? frame_request_header_size(id, UINT64_MAX) : frame_request_header_size(NULL, 0);
    size_t frame_bytes = header_bytes + frame_call_size(&call);
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
    enum stated_code code = check_size(self, payload_bytes, max_message_bytes, status);
    if (code != STATED_OK) {
        return code;
    }
    uint8_t *payload = slot_reserve(slot, payload_bytes);
    if (payload == NULL) {
        return call_had_no_memory(self, status);
    }
    protobuf_c_message_pack(request, payload);
    return STATED_OK;
}

enum stated_code call_was_closed(const struct call *self, struct stated_status *status)
{
    return stated_status_set(status, STATED_CANCELLED, "%s was not sent: the client was closed",
                             self->method->name);
}

enum stated_code call_was_cancelled(const struct call *self, struct stated_status *status)
{
    return stated_status_set(status, STATED_CANCELLED, "%s was cancelled before it was sent",
                             self->method->name);
}

enum stated_code call_had_no_memory(const struct call *self, struct stated_status *status)
{
    return stated_status_set(status, STATED_RESOURCE_EXHAUSTED, "no memory to send %s",
                             self->method->name);
}

/* The request never left: it had no effect. */
static enum stated_code explain_unsent(const struct call *self, int error,
                                       const struct call_context *context,
                                       struct stated_status *status)
{
    switch (error) {
    case NNG_ECLOSED:
        return call_was_closed(self, status);
    case NNG_ECANCELED:
        return call_was_cancelled(self, status);
    case NNG_ENOMEM:
        return call_had_no_memory(self, status);
    default:
        break;
    }
    if (!context->connected) {
        return stated_status_set(status, STATED_UNAVAILABLE,
                                 "no connection to %s for %u ms; is the server running? start one "
                                 "with: stated --listen %s",
                                 context->endpoint, self->timeout_ms, context->endpoint);
    }
    if (context->busy) {
        return stated_status_set(status, STATED_DEADLINE_EXCEEDED,
                                 "%s was not sent within %u ms: too many calls of this client are "
                                 "in flight; raise max_calls or the timeout",
                                 self->method->name, self->timeout_ms);
    }
    return stated_status_set(status, STATED_DEADLINE_EXCEEDED,
                             "%s was not sent within %u ms: the connection to %s is busy",
                             self->method->name, self->timeout_ms, context->endpoint);
}

/* Its time was over: while it waited for a reply, or for a connection to ask again. */
static enum stated_code explain_late(const struct call *self, const struct outcome *outcome,
                                     const char *doubt, const struct call_context *context,
                                     struct stated_status *status)
{
    bool writes = self->method->access == STATED_ACCESS_WRITE;
    if (!context->connected) {
        return stated_status_set(status, writes ? STATED_UNKNOWN : STATED_UNAVAILABLE,
                                 "the connection to %s was lost before the reply to %s came, and "
                                 "there was none again within %u ms%s",
                                 outcome->endpoint, self->method->name, self->timeout_ms, doubt);
    }
    return stated_status_set(status, STATED_DEADLINE_EXCEEDED,
                             "no reply to %s from %s within %u ms%s", self->method->name,
                             outcome->endpoint, self->timeout_ms, doubt);
}

/* The request may have arrived, the reply did not: a write may or may not have happened. */
static enum stated_code explain_unanswered(const struct call *self, const struct outcome *outcome,
                                           const struct call_context *context,
                                           struct stated_status *status)
{
    bool writes = self->method->access == STATED_ACCESS_WRITE;
    const char *doubt = writes ? "; whether the write happened is unknown" : "";
    switch (outcome->error) {
    case NNG_ECLOSED:
        return stated_status_set(status, STATED_CANCELLED,
                                 "the client was closed before the reply to %s came%s",
                                 self->method->name, doubt);
    case NNG_ECANCELED:
        return stated_status_set(status, STATED_CANCELLED,
                                 "%s was cancelled before its reply came%s", self->method->name,
                                 doubt);
    case NNG_ETIMEDOUT:
        return explain_late(self, outcome, doubt, context, status);
    case NNG_EPROTO:
        return reply_refuse(self->method, outcome->endpoint, outcome->fault, status);
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
                                 outcome->endpoint, self->method->name, doubt);
    }
}

/* The last try was refused, but an earlier one may have been executed. */
static void admit_uncertainty(const struct call *self, struct stated_status *status)
{
    if (status == NULL) {
        return;
    }
    struct stated_order order = status->order;
    stated_status_set(status, STATED_UNKNOWN,
                      "whether %s happened is unknown: what became of an earlier try is not known, "
                      "and a later one was refused with %s: %s",
                      self->method->name, stated_code_name(status->code), status->message);
    status->order = order;
}

void call_fill_info(const struct call *self, uint32_t tries, uint64_t sequence)
{
    struct stated_call_info *info = self->info;
    if (info != NULL) {
        struct stated_call_info whole = {.size = info->size, .tries = tries, .sequence = sequence};
        memcpy(info, &whole, info->size < sizeof(whole) ? info->size : sizeof(whole));
    }
}

enum stated_code call_conclude(const struct call *self, const struct outcome *outcome,
                               const struct call_context *context, ProtobufCMessage **response,
                               struct stated_status *status)
{
    *response = NULL;
    call_fill_info(self, outcome->tries, outcome->sequence);
    if (outcome->error == 0) {
        enum stated_code code = reply_read(self->method, &outcome->reply, outcome->endpoint,
                                           context->memory, response, status);
        if (outcome->uncertain) {
            admit_uncertainty(self, status);
            code = STATED_UNKNOWN;
        }
        return code;
    }
    return outcome->sent ? explain_unanswered(self, outcome, context, status)
                         : explain_unsent(self, outcome->error, context, status);
}
