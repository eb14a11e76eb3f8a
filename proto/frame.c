/* Frames are written by hand, field by field, because the bytes of a call or a reply are then
   touched once; they are read by protobuf-c, after a walk over the top level that refuses what
   would make it allocate without bound. Field numbers are those of stated/v1/rpc.proto. */
#include "frame.h"

#include "utf8.h"
#include "wire.h"

#include <stdbool.h>
#include <string.h>

enum { REQUEST_CLIENT_ID = 1, REQUEST_ACKED_BELOW = 2, REQUEST_CALLS = 3 };
enum { CALL_METHOD = 1, CALL_PAYLOAD = 2, CALL_TIMEOUT_MS = 3, CALL_SEQUENCE = 4 };
enum { REPLY_FRAME_EPOCH = 1, REPLY_FRAME_REPLIES = 2 };
enum { REPLY_STATUS = 1, REPLY_PAYLOAD = 2, REPLY_ORDER = 3 };
enum { STATUS_CODE = 1, STATUS_MESSAGE = 2, STATUS_RETRY_AFTER_MS = 3 };
enum {
    ORDER_TICKET = 1,
    ORDER_AHEAD = 2,
    ORDER_WAIT_US = 3,
    ORDER_HOLD_US = 4,
    ORDER_REPLAYED = 5
};

/* Reading */

/* Tells an allocator that gave out from bytes that are no message: protobuf-c says NULL for both.
 */
struct watched_allocator {
    ProtobufCAllocator base;
    ProtobufCAllocator *inner;
    bool gave_out;
};

static void *watched_alloc(void *data, size_t size)
{
    struct watched_allocator *self = data;
    void *memory = self->inner->alloc(self->inner->allocator_data, size);
    if (!memory) {
        self->gave_out = true;
    }
    return memory;
}

static void watched_free(void *data, void *memory)
{
    struct watched_allocator *self = data;
    self->inner->free(self->inner->allocator_data, memory);
}

/* Walks over the top level and counts the calls. Every client_id is checked, though only the last
   one counts. */
static enum stated_code check_request(const uint8_t *data, size_t length, size_t *n_calls,
                                      struct stated_status *status)
{
    struct wire_reader reader = wire_reader_init(data, length);
    struct wire_field field;
    enum wire_result result;
    *n_calls = 0;
    while ((result = wire_next(&reader, &field)) == WIRE_FIELD) {
        if (field.number == REQUEST_CALLS) {
            ++*n_calls;
        }
        if (field.number == REQUEST_CLIENT_ID && field.length != 0 &&
            field.length != FRAME_CLIENT_ID_BYTES) {
            return stated_status_set(status, STATED_INVALID_ARGUMENT,
                                     "client_id is %zu bytes long; send the same %d random bytes "
                                     "in every frame, or none",
                                     field.length, FRAME_CLIENT_ID_BYTES);
        }
    }
    if (result == WIRE_MALFORMED) {
        return stated_status_set(status, STATED_INVALID_ARGUMENT,
                                 "not a stated.v1.RequestFrame: %zu bytes, no field at byte %zu",
                                 length, field.offset);
    }
    return STATED_OK;
}

enum stated_code frame_unpack_request(const uint8_t *data, size_t length, size_t max_calls,
                                      ProtobufCAllocator *allocator,
                                      Stated__V1__RequestFrame **frame,
                                      struct stated_status *status)
{
    *frame = NULL;
    size_t n_calls;
    enum stated_code code = check_request(data, length, &n_calls, status);
    if (code != STATED_OK) {
        return code;
    }
    if (n_calls == 0) {
        return stated_status_set(status, STATED_INVALID_ARGUMENT,
                                 "a frame of %zu bytes without a call; send at least one", length);
    }
    if (n_calls > max_calls) {
        return stated_status_set(status, STATED_RESOURCE_EXHAUSTED,
                                 "%zu calls in one frame, %zu are allowed; send several frames",
                                 n_calls, max_calls);
    }

    struct watched_allocator watched = {{watched_alloc, watched_free, &watched}, allocator, false};
    *frame = stated__v1__request_frame__unpack(&watched.base, length, data);
    if (*frame) {
        return STATED_OK;
    }
    if (watched.gave_out) {
        return stated_status_set(
            status, STATED_RESOURCE_EXHAUSTED,
            "a frame of %zu bytes and %zu calls needs more memory than a frame "
            "may use; send smaller ones",
            length, n_calls);
    }
    return stated_status_set(status, STATED_INVALID_ARGUMENT,
                             "not a stated.v1.RequestFrame: %zu bytes, one of its %zu calls is "
                             "no stated.v1.Call",
                             length, n_calls);
}

Stated__V1__ReplyFrame *frame_unpack_reply(const uint8_t *data, size_t length,
                                           ProtobufCAllocator *allocator)
{
    return stated__v1__reply_frame__unpack(allocator, length, data);
}

static void read_code(const Stated__V1__Status *reply_status, struct stated_status *status)
{
    int number = (int)reply_status->code;
    if (number == STATED_OK) {
        stated_status_set(status, STATED_OK, "%s", "");
    } else if (number < 0 || number > STATED_UNAUTHENTICATED) {
        stated_status_set(status, STATED_UNKNOWN,
                          "the server says code %d, which this client does not know: %s", number,
                          reply_status->message);
    } else {
        stated_status_set(status, (enum stated_code)number, "%s", reply_status->message);
    }
    status->retry_after_ms = reply_status->retry_after_ms;
}

void frame_read_status(const Stated__V1__ReplyFrame *frame, const Stated__V1__Reply *reply,
                       struct stated_status *status)
{
    *status = (struct stated_status){.code = STATED_OK};
    if (reply->status) {
        read_code(reply->status, status);
    }
    status->order.epoch = frame->epoch;
    if (!reply->order) {
        return;
    }
    status->order.ticket = reply->order->ticket;
    status->order.queued_ahead = reply->order->queued_ahead;
    status->order.wait_us = reply->order->wait_us;
    status->order.hold_us = reply->order->hold_us;
    status->order.replayed = reply->order->replayed;
}

/* Writing a request */

size_t frame_request_header_size(const uint8_t *client_id, uint64_t acked_below)
{
    size_t id_size = client_id ? wire_bytes_size(FRAME_CLIENT_ID_BYTES) : 0;
    return id_size + wire_number_size(acked_below);
}

uint8_t *frame_put_request_header(uint8_t *out, const uint8_t *client_id, uint64_t acked_below)
{
    if (client_id) {
        out = wire_put_bytes(out, REQUEST_CLIENT_ID, client_id, FRAME_CLIENT_ID_BYTES);
    }
    return wire_put_number(out, REQUEST_ACKED_BELOW, acked_below);
}

static size_t call_body_size(const struct frame_call *call, size_t method_bytes)
{
    size_t payload_size = call->payload_bytes ? wire_bytes_size(call->payload_bytes) : 0;
    return wire_bytes_size(method_bytes) + payload_size + wire_number_size(call->timeout_ms) +
           wire_number_size(call->sequence);
}

size_t frame_call_size(const struct frame_call *call)
{
    return wire_bytes_size(call_body_size(call, strlen(call->method)));
}

uint8_t *frame_put_call(uint8_t *out, const struct frame_call *call)
{
    size_t method_bytes = strlen(call->method);
    out = wire_put_length(out, REQUEST_CALLS, call_body_size(call, method_bytes));
    out = wire_put_bytes(out, CALL_METHOD, call->method, method_bytes);
    if (call->payload_bytes) {
        out = wire_put_length(out, CALL_PAYLOAD, call->payload_bytes);
        if (call->payload) {
            memcpy(out, call->payload, call->payload_bytes);
        } else {
            protobuf_c_message_pack(call->request, out);
        }
        out += call->payload_bytes;
    }
    out = wire_put_number(out, CALL_TIMEOUT_MS, call->timeout_ms);
    return wire_put_number(out, CALL_SEQUENCE, call->sequence);
}

/* Writing a reply. Figures that are zero are not sent, nor the parts that consist of such. */

static size_t status_body_size(const struct frame_reply *reply, size_t message_bytes)
{
    size_t message_size = message_bytes ? wire_bytes_size(message_bytes) : 0;
    return wire_number_size(reply->code) + message_size + wire_number_size(reply->retry_after_ms);
}

static size_t order_body_size(const struct stated_order *order)
{
    return wire_number_size(order->ticket) + wire_number_size(order->queued_ahead) +
           wire_number_size(order->wait_us) + wire_number_size(order->hold_us) +
           wire_number_size(order->replayed);
}

static size_t reply_body_size(const struct frame_reply *reply)
{
    size_t order_size = order_body_size(&reply->order);
    size_t size = order_size ? wire_bytes_size(order_size) : 0;
    if (reply->code != STATED_OK) {
        return size + wire_bytes_size(status_body_size(reply, strlen(reply->message)));
    }
    return size + (reply->payload_bytes ? wire_bytes_size(reply->payload_bytes) : 0);
}

size_t frame_reply_header_size(void)
{
    return 1 + sizeof(uint64_t);
}

uint8_t *frame_put_reply_header(uint8_t *out, uint64_t epoch)
{
    return wire_put_fixed64(out, REPLY_FRAME_EPOCH, epoch);
}

size_t frame_reply_size(struct frame_reply *reply)
{
    reply->payload_bytes = reply->code == STATED_OK && reply->payload
                               ? protobuf_c_message_get_packed_size(reply->payload)
                               : 0;
    return wire_bytes_size(reply_body_size(reply));
}

static uint8_t *put_status(uint8_t *out, const struct frame_reply *reply)
{
    size_t message_bytes = strlen(reply->message);
    out = wire_put_length(out, REPLY_STATUS, status_body_size(reply, message_bytes));
    out = wire_put_number(out, STATUS_CODE, reply->code);
    if (message_bytes) {
        /* It may quote what a client sent, and a reader may refuse a string that is not UTF-8. */
        out = wire_put_length(out, STATUS_MESSAGE, message_bytes);
        out = utf8_put(out, reply->message, message_bytes);
    }
    return wire_put_number(out, STATUS_RETRY_AFTER_MS, reply->retry_after_ms);
}

static uint8_t *put_order(uint8_t *out, const struct stated_order *order)
{
    size_t size = order_body_size(order);
    if (size == 0) {
        return out;
    }
    out = wire_put_length(out, REPLY_ORDER, size);
    out = wire_put_number(out, ORDER_TICKET, order->ticket);
    out = wire_put_number(out, ORDER_AHEAD, order->queued_ahead);
    out = wire_put_number(out, ORDER_WAIT_US, order->wait_us);
    out = wire_put_number(out, ORDER_HOLD_US, order->hold_us);
    return wire_put_number(out, ORDER_REPLAYED, order->replayed);
}

uint8_t *frame_put_reply(uint8_t *out, const struct frame_reply *reply)
{
    out = wire_put_length(out, REPLY_FRAME_REPLIES, reply_body_size(reply));
    if (reply->code != STATED_OK) {
        out = put_status(out, reply);
    } else if (reply->payload_bytes) {
        out = wire_put_length(out, REPLY_PAYLOAD, reply->payload_bytes);
        out += protobuf_c_message_pack(reply->payload, out);
    }
    return put_order(out, &reply->order);
}
