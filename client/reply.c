#include "reply.h"

#include "frame.h"
#include "scratch.h"

static enum stated_code refuse(const struct stated_client_method *method, const char *endpoint,
                               const char *what, struct stated_status *status)
{
    bool writes = method->access == STATED_ACCESS_WRITE;
    return stated_status_set(status, writes ? STATED_UNKNOWN : STATED_INTERNAL,
                             "%s answered %s with %s; is it a stated server, of this version?%s",
                             endpoint, method->name, what,
                             writes ? " Whether the write happened is unknown" : "");
}

static enum stated_code read_payload(const struct stated_client_method *method,
                                     const Stated__V1__Reply *reply, const char *endpoint,
                                     ProtobufCMessage **response, struct stated_status *status)
{
    *response =
        protobuf_c_message_unpack(method->response, NULL, reply->payload.len, reply->payload.data);
    return *response != NULL
               ? STATED_OK
               : refuse(method, endpoint, "a payload that is not its response message", status);
}

static enum stated_code read_frame(const struct stated_client_method *method,
                                   const Stated__V1__ReplyFrame *frame, const char *endpoint,
                                   ProtobufCMessage **response, struct stated_status *status)
{
    if (frame->n_replies != 1) {
        return refuse(method, endpoint,
                      frame->n_replies == 0 ? "a frame without a reply"
                                            : "more replies than there were calls",
                      status);
    }
    struct stated_status own;
    if (status == NULL) {
        status = &own;
    }
    frame_read_status(frame, frame->replies[0], status);
    if (status->code != STATED_OK) {
        return status->code;
    }
    return read_payload(method, frame->replies[0], endpoint, response, status);
}

enum stated_code reply_read(const struct stated_client_method *method, const uint8_t *body,
                            size_t length, const char *endpoint, ProtobufCMessage **response,
                            struct stated_status *status)
{
    *response = NULL;
    struct scratch scratch;
    scratch_init(&scratch);
    Stated__V1__ReplyFrame *frame = frame_unpack_reply(body, length, &scratch.allocator);
    if (frame == NULL) {
        return refuse(method, endpoint, "something that is no reply frame", status);
    }
    enum stated_code code = read_frame(method, frame, endpoint, response, status);
    protobuf_c_message_free_unpacked(&frame->base, &scratch.allocator);
    return code;
}
