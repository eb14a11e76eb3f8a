/* Does a reply frame come out as it went in, and does a client understand what any server says? */
#include "test.h"

#include "fault_allocator.h"
#include "frame.h"
#include "stated/v1/state.pb-c.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct bytes {
    uint8_t data[64 << 10];
    size_t length;
};

static void start(struct bytes *self, uint64_t epoch)
{
    uint8_t *end = frame_put_reply_header(self->data, epoch);
    self->length = (size_t)(end - self->data);
    assert_int_equal(self->length, frame_reply_header_size());
}

static void add_reply(struct bytes *self, struct frame_reply reply)
{
    size_t size = frame_reply_size(&reply);
    assert_in_range(self->length + size, 0, sizeof(self->data));
    uint8_t *end = frame_put_reply(self->data + self->length, &reply);
    assert_ptr_equal(end, self->data + self->length + size);
    self->length += size;
}

static Stated__V1__ReplyFrame *unpack(const struct bytes *bytes)
{
    Stated__V1__ReplyFrame *frame = frame_unpack_reply(bytes->data, bytes->length, NULL);
    assert_non_null(frame);
    return frame;
}

static void free_frame(Stated__V1__ReplyFrame *frame)
{
    stated__v1__reply_frame__free_unpacked(frame, NULL);
}

static const struct stated_order full_order = {
    .ticket = UINT64_MAX,
    .queued_ahead = UINT32_MAX,
    .wait_us = 1,
    .hold_us = 128,
    .replayed = true,
};

static void build_frame(struct bytes *bytes)
{
    Stated__V1__ReadResponse response = STATED__V1__READ_RESPONSE__INIT;
    response.count = 300;
    response.more = 1;
    start(bytes, UINT64_C(0x0123456789ABCDEF));
    add_reply(bytes, (struct frame_reply){.code = STATED_OK,
                                          .message = "",
                                          .payload = &response.base,
                                          .order = full_order});
    add_reply(bytes, (struct frame_reply){.code = STATED_RESOURCE_EXHAUSTED,
                                          .message = "queue full: 4096 calls wait",
                                          .retry_after_ms = 70});
    add_reply(bytes, (struct frame_reply){.code = STATED_OK, .message = ""});
}

static void test_round_trip(void **state)
{
    (void)state;
    struct bytes bytes;
    build_frame(&bytes);
    Stated__V1__ReplyFrame *frame = unpack(&bytes);
    assert_true(frame->epoch == UINT64_C(0x0123456789ABCDEF));
    assert_int_equal(frame->n_replies, 3);

    struct stated_status status;
    frame_read_status(frame, frame->replies[0], &status);
    assert_int_equal(status.code, STATED_OK);
    assert_string_equal(status.message, "");
    assert_true(status.order.epoch == UINT64_C(0x0123456789ABCDEF));
    assert_true(status.order.ticket == UINT64_MAX);
    assert_true(status.order.queued_ahead == UINT32_MAX);
    assert_int_equal(status.order.wait_us, 1);
    assert_int_equal(status.order.hold_us, 128);
    assert_true(status.order.replayed);
    Stated__V1__ReadResponse *response = stated__v1__read_response__unpack(
        NULL, frame->replies[0]->payload.len, frame->replies[0]->payload.data);
    assert_non_null(response);
    assert_int_equal(response->count, 300);
    assert_true(response->more);
    stated__v1__read_response__free_unpacked(response, NULL);

    frame_read_status(frame, frame->replies[1], &status);
    assert_int_equal(status.code, STATED_RESOURCE_EXHAUSTED);
    assert_string_equal(status.message, "queue full: 4096 calls wait");
    assert_int_equal(status.retry_after_ms, 70);
    assert_true(status.order.epoch == UINT64_C(0x0123456789ABCDEF));
    assert_int_equal(status.order.ticket, 0);

    frame_read_status(frame, frame->replies[2], &status);
    assert_int_equal(status.code, STATED_OK);
    assert_null(frame->replies[2]->order);
    assert_int_equal(frame->replies[2]->payload.len, 0);
    free_frame(frame);
}

/* What we write is byte for byte what protobuf-c writes. */
static void test_encoding_is_protobufs(void **state)
{
    (void)state;
    struct bytes bytes, packed;
    build_frame(&bytes);
    Stated__V1__ReplyFrame *frame = unpack(&bytes);
    packed.length = stated__v1__reply_frame__pack(frame, packed.data);
    assert_int_equal(packed.length, bytes.length);
    assert_memory_equal(packed.data, bytes.data, bytes.length);
    free_frame(frame);
}

static void test_epoch_of_zero(void **state)
{
    (void)state;
    struct bytes bytes;
    start(&bytes, 0);
    Stated__V1__ReplyFrame *frame = unpack(&bytes);
    assert_int_equal(frame->epoch, 0);
    assert_int_equal(frame->n_replies, 0);
    free_frame(frame);
}

static void test_no_payload_beside_an_error(void **state)
{
    (void)state;
    Stated__V1__ReadResponse response = STATED__V1__READ_RESPONSE__INIT;
    response.count = 1;
    struct bytes bytes;
    start(&bytes, 1);
    add_reply(&bytes, (struct frame_reply){
                          .code = STATED_INTERNAL, .message = "torn", .payload = &response.base});
    Stated__V1__ReplyFrame *frame = unpack(&bytes);
    assert_int_equal(frame->replies[0]->payload.len, 0);
    free_frame(frame);
}

static void test_no_message_beside_ok(void **state)
{
    (void)state;
    struct bytes bytes;
    start(&bytes, 1);
    add_reply(&bytes, (struct frame_reply){.code = STATED_OK, .message = "fine"});
    Stated__V1__ReplyFrame *frame = unpack(&bytes);
    assert_null(frame->replies[0]->status);
    free_frame(frame);
}

static void test_error_without_a_message(void **state)
{
    (void)state;
    struct bytes bytes;
    start(&bytes, 1);
    add_reply(&bytes, (struct frame_reply){.code = STATED_ABORTED, .message = ""});
    Stated__V1__ReplyFrame *frame = unpack(&bytes);
    struct stated_status status;
    frame_read_status(frame, frame->replies[0], &status);
    assert_int_equal(status.code, STATED_ABORTED);
    assert_string_equal(status.message, "");
    free_frame(frame);
}

/* A reader in another language refuses a whole frame whose strings are not UTF-8. */
static void test_message_is_made_utf8(void **state)
{
    (void)state;
    struct bytes bytes;
    start(&bytes, 1);
    add_reply(&bytes, (struct frame_reply){.code = STATED_UNIMPLEMENTED,
                                           .message = "no method \"\xff\u20ac\xe2\x82\""});
    Stated__V1__ReplyFrame *frame = unpack(&bytes);
    assert_string_equal(frame->replies[0]->status->message, "no method \"?\u20ac??\"");
    free_frame(frame);
}

/* A reply as some server might build it. */
static struct stated_status read_code(int code, const char *message)
{
    Stated__V1__ReplyFrame frame = STATED__V1__REPLY_FRAME__INIT;
    Stated__V1__Reply reply = STATED__V1__REPLY__INIT;
    Stated__V1__Status reply_status = STATED__V1__STATUS__INIT;
    char copy[1024];
    strcpy(copy, message);
    reply_status.code = (Stated__V1__Code)code;
    reply_status.message = copy;
    reply_status.retry_after_ms = 9;
    reply.status = &reply_status;
    struct stated_status status;
    memset(&status, 0xA5, sizeof(status));
    frame_read_status(&frame, &reply, &status);
    return status;
}

static void test_every_known_code(void **state)
{
    (void)state;
    for (int code = 1; code <= STATED_UNAUTHENTICATED; code++) {
        struct stated_status status = read_code(code, "why");
        assert_int_equal(status.code, code);
        assert_string_equal(status.message, "why");
        assert_int_equal(status.retry_after_ms, 9);
        assert_int_equal(status.order.ticket, 0);
    }
}

static void test_code_of_a_later_version(void **state)
{
    (void)state;
    struct stated_status status = read_code(17, "new trouble");
    assert_int_equal(status.code, STATED_UNKNOWN);
    assert_string_equal(status.message,
                        "the server says code 17, which this client does not know: new trouble");
    assert_int_equal(read_code(-1, "").code, STATED_UNKNOWN);
    assert_int_equal(read_code(INT32_MAX, "").code, STATED_UNKNOWN);
    assert_int_equal(read_code(INT32_MIN, "").code, STATED_UNKNOWN);
}

static void test_ok_that_talks(void **state)
{
    (void)state;
    struct stated_status status = read_code(0, "all is well");
    assert_int_equal(status.code, STATED_OK);
    assert_string_equal(status.message, "");
}

static void test_long_message_is_cut(void **state)
{
    (void)state;
    char message[1000];
    memset(message, 'x', sizeof(message) - 1);
    message[sizeof(message) - 1] = '\0';
    struct stated_status status = read_code(STATED_INTERNAL, message);
    assert_int_equal(strlen(status.message), STATED_MESSAGE_BYTES - 1);
}

/* Unpacks a copy of exactly these bytes, so that a sanitizer sees a byte read too many. */
static Stated__V1__ReplyFrame *unpack_copy(const uint8_t *data, size_t length,
                                           struct fault_allocator *memory)
{
    uint8_t *copy = malloc(length + 1);
    assert_non_null(copy);
    memcpy(copy + 1, data, length);
    Stated__V1__ReplyFrame *frame = frame_unpack_reply(copy + 1, length, &memory->allocator);
    free(copy);
    return frame;
}

static void test_cut_at_every_byte(void **state)
{
    (void)state;
    struct bytes bytes;
    build_frame(&bytes);
    size_t accepted = 0;
    for (size_t length = 1; length <= bytes.length; length++) {
        struct fault_allocator memory;
        fault_allocator_init(&memory, 0);
        Stated__V1__ReplyFrame *frame = unpack_copy(bytes.data, length, &memory);
        if (frame) {
            assert_int_equal(frame->n_replies, accepted);
            accepted++;
            stated__v1__reply_frame__free_unpacked(frame, &memory.allocator);
        }
        assert_int_equal(memory.live, 0);
    }
    assert_int_equal(accepted, 4); /* the header, and after each of three replies */
}

static void test_memory_gives_out_everywhere(void **state)
{
    (void)state;
    struct bytes bytes;
    build_frame(&bytes);
    Stated__V1__ReplyFrame *frame = NULL;
    size_t n = 1;
    for (; !frame; n++) {
        struct fault_allocator memory;
        fault_allocator_init(&memory, n);
        frame = unpack_copy(bytes.data, bytes.length, &memory);
        if (frame) {
            stated__v1__reply_frame__free_unpacked(frame, &memory.allocator);
        }
        assert_int_equal(memory.live, 0);
        assert_in_range(n, 1, 100);
    }
    assert_in_range(n, 10, 100);
}

/* A status after the other in one reply: protobuf merges them. That must not cost more than in
   proportion. */
static void test_merging_is_bounded(void **state)
{
    (void)state;
    static struct bytes bytes;
    start(&bytes, 1);
    static const uint8_t reply_prefix[] = {0x12, 0xf0, 0xff, 0x03}; /* 65520 bytes */
    memcpy(bytes.data + bytes.length, reply_prefix, 4);
    bytes.length += 4;
    for (size_t i = 0; i < 65520 / 5; i++) {
        memcpy(bytes.data + bytes.length, "\x0a\x03\x12\x01m", 5);
        bytes.length += 5;
    }
    struct fault_allocator memory;
    fault_allocator_init(&memory, 0);
    Stated__V1__ReplyFrame *frame = unpack_copy(bytes.data, bytes.length, &memory);
    assert_non_null(frame);
    assert_string_equal(frame->replies[0]->status->message, "m");
    stated__v1__reply_frame__free_unpacked(frame, &memory.allocator);
    assert_int_equal(memory.live, 0);
    assert_in_range(memory.bytes, 0, 128 * bytes.length);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_encoding_is_protobufs),
        cmocka_unit_test(test_epoch_of_zero),
        cmocka_unit_test(test_no_payload_beside_an_error),
        cmocka_unit_test(test_no_message_beside_ok),
        cmocka_unit_test(test_error_without_a_message),
        cmocka_unit_test(test_message_is_made_utf8),
        cmocka_unit_test(test_every_known_code),
        cmocka_unit_test(test_code_of_a_later_version),
        cmocka_unit_test(test_ok_that_talks),
        cmocka_unit_test(test_long_message_is_cut),
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_memory_gives_out_everywhere),
        cmocka_unit_test(test_merging_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
