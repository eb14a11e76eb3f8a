#include "reply_frame.h"

enum { FRAME_EPOCH = 1, FRAME_REPLIES = 2 };
enum { REPLY_STATUS = 1, REPLY_PAYLOAD = 2, REPLY_ORDER = 3 };
enum { STATUS_CODE = 1, STATUS_MESSAGE = 2, STATUS_RETRY_AFTER_MS = 3 };
enum { ORDER_TICKET = 1, ORDER_AHEAD, ORDER_WAIT_US, ORDER_HOLD_US, ORDER_REPLAYED };

/* Takes one field of a message; fields that it does not know are of a later version. */
typedef bool (*take_field)(struct reply_view *reply, const struct wire_field *field);

static bool walk(struct reply_view *reply, const uint8_t *data, size_t length, take_field take)
{
    struct wire_reader reader = wire_reader_init(data, length);
    struct wire_field field;
    enum wire_result result;
    while ((result = wire_next(&reader, &field)) == WIRE_FIELD) {
        if (!take(reply, &field)) {
            return false;
        }
    }
    return result == WIRE_END;
}

static bool take_order(struct reply_view *reply, const struct wire_field *field)
{
    struct stated_order *order = &reply->order;
    if (field->number > ORDER_REPLAYED) {
        return true;
    }
    switch (field->number) {
    case ORDER_TICKET:
        order->ticket = field->value;
        break;
    case ORDER_AHEAD:
        order->queued_ahead = (uint32_t)field->value;
        break;
    case ORDER_WAIT_US:
        order->wait_us = (uint32_t)field->value;
        break;
    case ORDER_HOLD_US:
        order->hold_us = (uint32_t)field->value;
        break;
    case ORDER_REPLAYED:
        order->replayed = field->value != 0;
        break;
    }
    return field->type == WIRE_VARINT;
}

static bool take_status(struct reply_view *reply, const struct wire_field *field)
{
    switch (field->number) {
    case STATUS_CODE:
        reply->number = field->value;
        reply->code =
            field->value > STATED_UNAUTHENTICATED ? STATED_UNKNOWN : (enum stated_code)field->value;
        return field->type == WIRE_VARINT;
    case STATUS_MESSAGE:
        reply->message = field->data;
        reply->message_bytes = field->length;
        return field->type == WIRE_BYTES;
    case STATUS_RETRY_AFTER_MS:
        reply->retry_after_ms = (uint32_t)field->value;
        return field->type == WIRE_VARINT;
    }
    return true;
}

static bool take_reply(struct reply_view *reply, const struct wire_field *field)
{
    if (field->number > REPLY_ORDER) {
        return true;
    }
    if (field->type != WIRE_BYTES) {
        return false;
    }
    switch (field->number) {
    case REPLY_STATUS:
        return walk(reply, field->data, field->length, take_status);
    case REPLY_PAYLOAD:
        reply->payload = field->data;
        reply->payload_bytes = field->length;
        return true;
    default:
        return walk(reply, field->data, field->length, take_order);
    }
}

bool reply_frame_open(struct reply_frame *self, const uint8_t *body, size_t length)
{
    struct wire_reader reader = wire_reader_init(body, length);
    struct wire_field field;
    enum wire_result result;
    *self = (struct reply_frame){.rest = reader};
    while ((result = wire_next(&reader, &field)) == WIRE_FIELD) {
        if (field.number == FRAME_EPOCH) {
            self->epoch = field.value;
        }
        if ((field.number == FRAME_EPOCH && field.type != WIRE_FIXED64) ||
            (field.number == FRAME_REPLIES && field.type != WIRE_BYTES)) {
            return false;
        }
        self->n_replies += field.number == FRAME_REPLIES;
    }
    return result == WIRE_END;
}

bool reply_frame_next(struct reply_frame *self, struct reply_view *reply)
{
    struct wire_field field;
    *reply = (struct reply_view){.order.epoch = self->epoch};
    while (wire_next(&self->rest, &field) == WIRE_FIELD) {
        if (field.number == FRAME_REPLIES) {
            return walk(reply, field.data, field.length, take_reply);
        }
    }
    return false;
}
