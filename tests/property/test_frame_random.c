/* Does every frame that the encoders can write come out as it went in, and does every frame with
   something wrong in it end in a refusal or in a frame that keeps the codec's promises?

   Usage: test_frame_random [SEED [FRAMES]]; TEST_SEED gives the seed as well. A failure prints the
   seed to give. The promises are those of tests/fuzz/fuzz_frame.c. */
#include "test.h"

#include "fault_allocator.h"
#include "frame.h"
#include "fuzz.h"
#include "stated/v1/state.pb-c.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CALLS 16
#define MAX_PAYLOAD_BYTES 300

static uint64_t seed = 20250113;
static unsigned long n_frames = 20000;
static uint64_t random_state;

static uint64_t random_bits(void)
{
    random_state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = random_state;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static size_t random_below(size_t bound)
{
    return (size_t)(random_bits() % bound);
}

/* Of any magnitude, zero included. */
static uint64_t random_figure(void)
{
    size_t bits = random_below(65);
    return bits == 64 ? random_bits() : random_bits() & ((UINT64_C(1) << bits) - 1);
}

static void random_fill(uint8_t *data, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        data[i] = (uint8_t)random_bits();
    }
}

/* One request frame, with the memory its calls point at. */
struct request {
    bool has_id;
    uint8_t id[FRAME_CLIENT_ID_BYTES];
    uint64_t acked_below;
    size_t n_calls;
    struct frame_call calls[MAX_CALLS];
    char methods[MAX_CALLS][40];
    uint8_t payloads[MAX_CALLS][MAX_PAYLOAD_BYTES];
};

static void make_request(struct request *self)
{
    self->has_id = random_below(2);
    random_fill(self->id, sizeof(self->id));
    self->acked_below = random_figure();
    self->n_calls = 1 + random_below(MAX_CALLS);
    for (size_t i = 0; i < self->n_calls; i++) {
        size_t method_bytes = random_below(sizeof(self->methods[i]));
        memset(self->methods[i], 'a' + (int)i, method_bytes);
        self->methods[i][method_bytes] = '\0';
        size_t payload_bytes = random_below(MAX_PAYLOAD_BYTES);
        random_fill(self->payloads[i], payload_bytes);
        self->calls[i] = (struct frame_call){.method = self->methods[i],
                                             .payload = self->payloads[i],
                                             .payload_bytes = payload_bytes,
                                             .timeout_ms = (uint32_t)random_figure(),
                                             .sequence = random_figure()};
    }
}

/* The caller frees it. */
static uint8_t *encode_request(const struct request *self, size_t *length)
{
    const uint8_t *id = self->has_id ? self->id : NULL;
    *length = frame_request_header_size(id, self->acked_below);
    for (size_t i = 0; i < self->n_calls; i++) {
        *length += frame_call_size(&self->calls[i]);
    }
    uint8_t *data = malloc(*length);
    assert_non_null(data);
    uint8_t *end = frame_put_request_header(data, id, self->acked_below);
    for (size_t i = 0; i < self->n_calls; i++) {
        end = frame_put_call(end, &self->calls[i]);
    }
    assert_ptr_equal(end, data + *length);
    return data;
}

static void assert_request(const struct request *self, const Stated__V1__RequestFrame *frame)
{
    assert_int_equal(frame->client_id.len, self->has_id ? FRAME_CLIENT_ID_BYTES : 0);
    if (self->has_id) {
        assert_memory_equal(frame->client_id.data, self->id, FRAME_CLIENT_ID_BYTES);
    }
    assert_true(frame->acked_below == self->acked_below);
    assert_int_equal(frame->n_calls, self->n_calls);
    for (size_t i = 0; i < self->n_calls; i++) {
        const Stated__V1__Call *call = frame->calls[i];
        assert_string_equal(call->method, self->calls[i].method);
        assert_int_equal(call->payload.len, self->calls[i].payload_bytes);
        if (call->payload.len > 0) {
            assert_memory_equal(call->payload.data, self->calls[i].payload, call->payload.len);
        }
        assert_true(call->timeout_ms == self->calls[i].timeout_ms);
        assert_true(call->sequence == self->calls[i].sequence);
    }
}

static void test_requests_come_back(void **state)
{
    (void)state;
    static struct request request;
    for (unsigned long i = 0; i < n_frames; i++) {
        make_request(&request);
        size_t length;
        uint8_t *data = encode_request(&request, &length);
        struct fault_allocator memory;
        Stated__V1__RequestFrame *frame;
        struct stated_status status = {.code = STATED_OK};
        fault_allocator_init(&memory, 0);
        assert_int_equal(
            frame_unpack_request(data, length, MAX_CALLS, &memory.allocator, &frame, &status),
            STATED_OK);
        assert_request(&request, frame);
        stated__v1__request_frame__free_unpacked(frame, &memory.allocator);
        assert_int_equal(memory.live, 0);
        free(data);
    }
}

/* One reply frame, with what its replies point at. */
struct replies {
    uint64_t epoch;
    size_t n;
    struct frame_reply items[MAX_CALLS];
    char messages[MAX_CALLS][60];
    Stated__V1__WriteResponse payloads[MAX_CALLS];
};

static struct stated_order random_order(void)
{
    if (random_below(4) == 0) {
        return (struct stated_order){0};
    }
    return (struct stated_order){.ticket = random_figure(),
                                 .queued_ahead = (uint32_t)random_figure(),
                                 .wait_us = (uint32_t)random_figure(),
                                 .hold_us = (uint32_t)random_figure(),
                                 .replayed = random_below(2)};
}

static void make_replies(struct replies *self)
{
    self->epoch = random_figure();
    self->n = random_below(MAX_CALLS + 1);
    for (size_t i = 0; i < self->n; i++) {
        size_t message_bytes = random_below(sizeof(self->messages[i]));
        memset(self->messages[i], 'a' + (int)i, message_bytes);
        self->messages[i][message_bytes] = '\0';
        stated__v1__write_response__init(&self->payloads[i]);
        self->payloads[i].revision = random_figure();
        self->items[i] = (struct frame_reply){
            .code = random_below(2) ? STATED_OK : (enum stated_code)random_below(17),
            .message = self->messages[i],
            .retry_after_ms = (uint32_t)random_figure(),
            .payload = random_below(3) ? &self->payloads[i].base : NULL,
            .order = random_order(),
        };
    }
}

/* The caller frees it. */
static uint8_t *encode_replies(struct replies *self, size_t *length)
{
    *length = frame_reply_header_size();
    for (size_t i = 0; i < self->n; i++) {
        *length += frame_reply_size(&self->items[i]);
    }
    uint8_t *data = malloc(*length);
    assert_non_null(data);
    uint8_t *end = frame_put_reply_header(data, self->epoch);
    for (size_t i = 0; i < self->n; i++) {
        end = frame_put_reply(end, &self->items[i]);
    }
    assert_ptr_equal(end, data + *length);
    return data;
}

static void assert_payload(const struct frame_reply *sent, uint64_t revision,
                           const ProtobufCBinaryData *payload)
{
    if (sent->code != STATED_OK || !sent->payload) {
        assert_int_equal(payload->len, 0);
        return;
    }
    Stated__V1__WriteResponse *response =
        stated__v1__write_response__unpack(NULL, payload->len, payload->data);
    assert_non_null(response);
    assert_true(response->revision == revision);
    stated__v1__write_response__free_unpacked(response, NULL);
}

static void assert_reply(const struct frame_reply *sent, uint64_t epoch,
                         const struct stated_status *status)
{
    bool ok = sent->code == STATED_OK;
    assert_int_equal(status->code, sent->code);
    assert_string_equal(status->message, ok ? "" : sent->message);
    assert_int_equal(status->retry_after_ms, ok ? 0 : sent->retry_after_ms);
    assert_true(status->order.epoch == epoch);
    assert_true(status->order.ticket == sent->order.ticket);
    assert_int_equal(status->order.queued_ahead, sent->order.queued_ahead);
    assert_int_equal(status->order.wait_us, sent->order.wait_us);
    assert_int_equal(status->order.hold_us, sent->order.hold_us);
    assert_int_equal(status->order.replayed, sent->order.replayed);
}

static void test_replies_come_back(void **state)
{
    (void)state;
    static struct replies replies;
    for (unsigned long i = 0; i < n_frames; i++) {
        make_replies(&replies);
        size_t length;
        uint8_t *data = encode_replies(&replies, &length);
        Stated__V1__ReplyFrame *frame = frame_unpack_reply(data, length, NULL);
        assert_non_null(frame);
        assert_int_equal(frame->n_replies, replies.n);
        for (size_t j = 0; j < replies.n; j++) {
            struct stated_status status;
            frame_read_status(frame, frame->replies[j], &status);
            assert_reply(&replies.items[j], replies.epoch, &status);
            assert_payload(&replies.items[j], replies.payloads[j].revision,
                           &frame->replies[j]->payload);
        }
        stated__v1__reply_frame__free_unpacked(frame, NULL);
        free(data);
    }
}

/* Cuts, flips, overwrites, repeats: a frame that went wrong on the way. */
static size_t damage(uint8_t *data, size_t length, size_t capacity)
{
    for (size_t n = 1 + random_below(4); n > 0 && length > 0; n--) {
        size_t at = random_below(length);
        size_t span = random_below(length - at);
        switch (random_below(5)) {
        case 0:
            length = at;
            break;
        case 1:
            data[at] ^= (uint8_t)(1u << random_below(8));
            break;
        case 2:
            data[at] = (uint8_t)random_bits();
            break;
        case 3:
            memmove(data + at, data + at + span, length - at - span);
            length -= span;
            break;
        default:
            span = span < capacity - length ? span : capacity - length;
            memmove(data + at + span, data + at, length - at);
            length += span;
            break;
        }
    }
    return length;
}

/* As the fuzzer's entry wants it: one byte that chooses, then the frame, in memory of that size. */
static void try_damaged(const uint8_t *data, size_t length, uint8_t choice)
{
    static uint8_t scratch[64 << 10];
    memcpy(scratch, data, length);
    length = damage(scratch, length, sizeof(scratch));
    uint8_t *input = malloc(length + 1);
    assert_non_null(input);
    input[0] = choice;
    memcpy(input + 1, scratch, length);
    assert_int_equal(LLVMFuzzerTestOneInput(input, length + 1), 0);
    free(input);
}

static void test_damaged_frames(void **state)
{
    (void)state;
    static struct request request;
    static struct replies replies;
    for (unsigned long i = 0; i < n_frames; i++) {
        size_t length;
        uint8_t choice = (uint8_t)random_bits();
        make_request(&request);
        uint8_t *data = encode_request(&request, &length);
        try_damaged(data, length, choice & 0xFE);
        free(data);
        make_replies(&replies);
        data = encode_replies(&replies, &length);
        try_damaged(data, length, choice | 1);
        free(data);
    }
}

static int start(void **state)
{
    (void)state;
    random_state = seed;
    return 0;
}

int main(int argc, char **argv)
{
    const char *given = argc > 1 ? argv[1] : getenv("TEST_SEED");
    if (given) {
        seed = strtoull(given, NULL, 10);
    }
    if (argc > 2) {
        n_frames = strtoul(argv[2], NULL, 10);
    }
    printf("seed %" PRIu64 ", %lu frames\n", seed, n_frames);
    fflush(stdout);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_requests_come_back, start),
        cmocka_unit_test_setup(test_replies_come_back, start),
        cmocka_unit_test_setup(test_damaged_frames, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
