#include "reply.h"

enum stated_code reply_refuse(const struct stated_client_method *method, const char *endpoint,
                              const char *what, struct stated_status *status)
{
    bool writes = method->access == STATED_ACCESS_WRITE;
    return stated_status_set(status, writes ? STATED_UNKNOWN : STATED_INTERNAL,
                             "%s answered %s with %s; is it a stated server, of this version?%s",
                             endpoint, method->name, what,
                             writes ? " Whether the write happened is unknown" : "");
}

/* What most replies say; a message would have to be printed. */
static void set_ok(const struct reply_view *reply, struct stated_status *status)
{
    status->code = STATED_OK;
    status->retry_after_ms = 0;
    status->order = reply->order;
    status->message[0] = '\0';
}

static enum stated_code read_status(const struct reply_view *reply, struct stated_status *status)
{
    if (reply->code == STATED_OK && reply->message_bytes == 0) {
        if (status != NULL) {
            set_ok(reply, status);
        }
        return STATED_OK;
    }
    int length = (int)reply->message_bytes;
    const char *message = length == 0 ? "" : (const char *)reply->message;
    if (reply->code == STATED_UNKNOWN && reply->number != STATED_UNKNOWN) {
        stated_status_set(status, STATED_UNKNOWN,
                          "the server says code %llu, which this client does not know: %.*s",
                          (unsigned long long)reply->number, length, message);
    } else {
        stated_status_set(status, reply->code, "%.*s", length, message);
    }
    if (status != NULL) {
        status->retry_after_ms = reply->retry_after_ms;
        status->order = reply->order;
    }
    return reply->code;
}

enum stated_code reply_read(const struct stated_client_method *method,
                            const struct reply_view *reply, const char *endpoint,
                            ProtobufCAllocator *memory, ProtobufCMessage **response,
                            struct stated_status *status)
{
    *response = NULL;
    if (reply->code == STATED_OK) {
        *response = protobuf_c_message_unpack(method->response, memory, reply->payload_bytes,
                                              reply->payload);
        if (*response == NULL) {
            return reply_refuse(method, endpoint, "a payload that is not its response message",
                                status);
        }
    }
    return read_status(reply, status);
}
