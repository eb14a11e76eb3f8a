#include "reply.h"

#include "memory.h"

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

/* An allocator that notices when there is no memory. */
struct watched {
    ProtobufCAllocator *memory;
    bool failed;
};

static void *watched_take(void *argument, size_t bytes)
{
    struct watched *self = argument;
    void *taken = memory_take(self->memory, bytes);
    self->failed = self->failed || taken == NULL;
    return taken;
}

static void watched_give(void *argument, void *memory)
{
    const struct watched *self = argument;
    memory_give(self->memory, memory);
}

/* Unpacks once more what could not be unpacked, to learn why. NULL, and *status says so. */
static ProtobufCMessage *unpack_again(const struct stated_client_method *method,
                                      const struct reply_view *reply, const char *endpoint,
                                      ProtobufCAllocator *memory, enum stated_code *code,
                                      struct stated_status *status)
{
    struct watched watched = {.memory = memory};
    ProtobufCAllocator allocator = {
        .alloc = watched_take, .free = watched_give, .allocator_data = &watched};
    ProtobufCMessage *response = protobuf_c_message_unpack(method->response, &allocator,
                                                           reply->payload_bytes, reply->payload);
    if (response != NULL) {
        return response;
    }
    if (watched.failed) {
        bool writes = method->access == STATED_ACCESS_WRITE;
        *code = stated_status_set(status, writes ? STATED_UNKNOWN : STATED_RESOURCE_EXHAUSTED,
                                  "no memory for the response of %s%s", method->name,
                                  writes ? ", which the server has executed" : "; ask for less");
    } else {
        *code =
            reply_refuse(method, endpoint, "a payload that is not its response message", status);
    }
    return NULL;
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
            enum stated_code code = STATED_OK;
            *response = unpack_again(method, reply, endpoint, memory, &code, status);
            if (*response == NULL) {
                return code;
            }
        }
    }
    return read_status(reply, status);
}
