/* Any bytes as a frame: a clean refusal, or a frame that holds what the codec promises and comes
   out of the encoder as it went in.

   The first byte of an input says which side reads it and how much memory there is. */
#include "fuzz.h"

#include "frame.h"

#include <stdbool.h>
#include <string.h>

#define MAX_CALLS 16

/* Gives out after so many bytes, as a server's arena does; its blocks are separate, so that a
   sanitizer sees what runs over one. */
struct budget {
    ProtobufCAllocator allocator;
    size_t left;
    size_t live;
    bool gave_out;
};

static void *budget_alloc(void *data, size_t size)
{
    struct budget *self = data;
    if (size > self->left) {
        self->gave_out = true;
        return NULL;
    }
    self->left -= size;
    self->live++;
    return malloc(size ? size : 1);
}

static void budget_free(void *data, void *memory)
{
    struct budget *self = data;
    self->live -= memory != NULL;
    free(memory);
}

static void budget_init(struct budget *self, size_t bytes)
{
    *self = (struct budget){.left = bytes};
    self->allocator = (ProtobufCAllocator){budget_alloc, budget_free, self};
}

static bool same_bytes(const ProtobufCBinaryData *a, const ProtobufCBinaryData *b)
{
    return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static struct frame_call call_of(const Stated__V1__Call *call)
{
    return (struct frame_call){.method = call->method,
                               .payload = call->payload.data,
                               .payload_bytes = call->payload.len,
                               .timeout_ms = call->timeout_ms,
                               .sequence = call->sequence};
}

static uint8_t *encode_request(const Stated__V1__RequestFrame *frame, size_t *length)
{
    const uint8_t *id = frame->client_id.len ? frame->client_id.data : NULL;
    *length = frame_request_header_size(id, frame->acked_below);
    for (size_t i = 0; i < frame->n_calls; i++) {
        struct frame_call call = call_of(frame->calls[i]);
        *length += frame_call_size(&call);
    }
    uint8_t *data = malloc(*length);
    FUZZ_CHECK(data);
    uint8_t *end = frame_put_request_header(data, id, frame->acked_below);
    for (size_t i = 0; i < frame->n_calls; i++) {
        struct frame_call call = call_of(frame->calls[i]);
        end = frame_put_call(end, &call);
    }
    FUZZ_CHECK(end == data + *length);
    return data;
}

static void check_same_request(const Stated__V1__RequestFrame *a, const Stated__V1__RequestFrame *b)
{
    FUZZ_CHECK(same_bytes(&a->client_id, &b->client_id));
    FUZZ_CHECK(a->acked_below == b->acked_below);
    FUZZ_CHECK(a->n_calls == b->n_calls);
    for (size_t i = 0; i < a->n_calls; i++) {
        FUZZ_CHECK(strcmp(a->calls[i]->method, b->calls[i]->method) == 0);
        FUZZ_CHECK(same_bytes(&a->calls[i]->payload, &b->calls[i]->payload));
        FUZZ_CHECK(a->calls[i]->timeout_ms == b->calls[i]->timeout_ms);
        FUZZ_CHECK(a->calls[i]->sequence == b->calls[i]->sequence);
    }
}

static void check_accepted(const Stated__V1__RequestFrame *frame)
{
    FUZZ_CHECK(frame->n_calls >= 1 && frame->n_calls <= MAX_CALLS);
    FUZZ_CHECK(frame->client_id.len == 0 || frame->client_id.len == FRAME_CLIENT_ID_BYTES);

    size_t length;
    uint8_t *data = encode_request(frame, &length);
    struct budget budget;
    budget_init(&budget, SIZE_MAX);
    Stated__V1__RequestFrame *again;
    struct stated_status status;
    FUZZ_CHECK(frame_unpack_request(data, length, MAX_CALLS, &budget.allocator, &again, &status) ==
               STATED_OK);
    check_same_request(frame, again);
    stated__v1__request_frame__free_unpacked(again, &budget.allocator);
    free(data);
}

static void try_request(const uint8_t *data, size_t length, size_t memory_bytes)
{
    struct budget budget;
    budget_init(&budget, memory_bytes);
    Stated__V1__RequestFrame *frame;
    struct stated_status status = {.code = STATED_OK};
    enum stated_code code =
        frame_unpack_request(data, length, MAX_CALLS, &budget.allocator, &frame, &status);
    if (code == STATED_OK) {
        check_accepted(frame);
        stated__v1__request_frame__free_unpacked(frame, &budget.allocator);
    } else {
        FUZZ_CHECK(code == STATED_INVALID_ARGUMENT || code == STATED_RESOURCE_EXHAUSTED);
        FUZZ_CHECK(!frame);
        FUZZ_CHECK(status.code == code && status.message[0] != '\0');
        FUZZ_CHECK(!budget.gave_out || code == STATED_RESOURCE_EXHAUSTED);
    }
    FUZZ_CHECK(budget.live == 0);
}

/* Says again what a reply said, and compares. */
static void check_reply(const Stated__V1__ReplyFrame *frame, const Stated__V1__Reply *reply)
{
    struct stated_status status, again_status;
    frame_read_status(frame, reply, &status);
    FUZZ_CHECK(status.code >= STATED_OK && status.code <= STATED_UNAUTHENTICATED);
    FUZZ_CHECK(memchr(status.message, '\0', sizeof(status.message)));
    FUZZ_CHECK(status.order.epoch == frame->epoch);

    struct frame_reply out = {.code = status.code,
                              .message = status.message,
                              .retry_after_ms = status.retry_after_ms,
                              .order = status.order};
    size_t length = frame_reply_header_size() + frame_reply_size(&out);
    uint8_t *data = malloc(length);
    FUZZ_CHECK(data);
    uint8_t *end = frame_put_reply(frame_put_reply_header(data, frame->epoch), &out);
    FUZZ_CHECK(end == data + length);
    Stated__V1__ReplyFrame *again = frame_unpack_reply(data, length, NULL);
    FUZZ_CHECK(again && again->n_replies == 1);
    frame_read_status(again, again->replies[0], &again_status);
    FUZZ_CHECK(again_status.code == status.code);
    FUZZ_CHECK(strlen(again_status.message) == strlen(status.message));
    FUZZ_CHECK(status.code == STATED_OK || again_status.retry_after_ms == status.retry_after_ms);
    FUZZ_CHECK(again_status.order.epoch == status.order.epoch);
    FUZZ_CHECK(again_status.order.ticket == status.order.ticket);
    FUZZ_CHECK(again_status.order.queued_ahead == status.order.queued_ahead);
    FUZZ_CHECK(again_status.order.wait_us == status.order.wait_us);
    FUZZ_CHECK(again_status.order.hold_us == status.order.hold_us);
    FUZZ_CHECK(again_status.order.replayed == status.order.replayed);
    stated__v1__reply_frame__free_unpacked(again, NULL);
    free(data);
}

static void try_reply(const uint8_t *data, size_t length, size_t memory_bytes)
{
    struct budget budget;
    budget_init(&budget, memory_bytes);
    Stated__V1__ReplyFrame *frame = frame_unpack_reply(data, length, &budget.allocator);
    if (frame) {
        for (size_t i = 0; i < frame->n_replies; i++) {
            check_reply(frame, frame->replies[i]);
        }
        stated__v1__reply_frame__free_unpacked(frame, &budget.allocator);
    }
    FUZZ_CHECK(budget.live == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    if (length == 0) {
        return 0;
    }
    uint8_t choice = data[0];
    size_t memory_bytes = choice & 2 ? (size_t)64 << (choice >> 4) : SIZE_MAX;
    if (choice & 1) {
        try_reply(data + 1, length - 1, memory_bytes);
    } else {
        try_request(data + 1, length - 1, memory_bytes);
    }
    return 0;
}
