/* Does the walk over a reply frame say what protobuf-c says of the same bytes, and refuse what is
   none? */
#include "test.h"

#include "frame.h"
#include "reply_frame.h"

#include "stated/v1/state.pb-c.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_REPLIES = 6, FRAME_BYTES = 4096 };

/* A frame with random replies, as a server writes it. */
static size_t write_frame(uint8_t *out)
{
    static const char *const messages[] = {"", "no", "the queue is full: come back later"};
    uint8_t *end = frame_put_reply_header(out, (uint64_t)rand() << 20);
    int n = rand() % MOST_REPLIES;
    for (int i = 0; i < n; i++) {
        Stated__V1__Put payload = STATED__V1__PUT__INIT;
        uint8_t value[64] = {1, 2, 3};
        payload.value = (ProtobufCBinaryData){.data = value, .len = (size_t)rand() % sizeof(value)};
        struct frame_reply reply = {.code =
                                        rand() % 2 ? STATED_OK : (enum stated_code)(rand() % 17),
                                    .message = messages[rand() % 3],
                                    .retry_after_ms = (uint32_t)rand() % 500,
                                    .payload = &payload.base};
        reply.order = (struct stated_order){.ticket = (uint64_t)rand() * (uint64_t)(rand() % 2),
                                            .queued_ahead = (uint32_t)rand() % 5,
                                            .wait_us = (uint32_t)rand(),
                                            .hold_us = (uint32_t)rand() % 2,
                                            .replayed = rand() % 2};
        frame_reply_size(&reply);
        end = frame_put_reply(end, &reply);
    }
    return (size_t)(end - out);
}

static void assert_same(const Stated__V1__ReplyFrame *frame, const Stated__V1__Reply *expected,
                        const struct reply_view *view)
{
    struct stated_status status;
    frame_read_status(frame, expected, &status);
    assert_int_equal(view->code, status.code);
    assert_int_equal(view->retry_after_ms, status.retry_after_ms);
    assert_int_equal(view->order.epoch, status.order.epoch);
    assert_int_equal(view->order.ticket, status.order.ticket);
    assert_int_equal(view->order.queued_ahead, status.order.queued_ahead);
    assert_int_equal(view->order.wait_us, status.order.wait_us);
    assert_int_equal(view->order.hold_us, status.order.hold_us);
    assert_int_equal(view->order.replayed, status.order.replayed);
    assert_int_equal(view->message_bytes, strlen(status.message));
    assert_int_equal(view->payload_bytes, expected->payload.len);
    if (view->payload_bytes > 0) {
        assert_memory_equal(view->payload, expected->payload.data, view->payload_bytes);
    }
}

static void seed_from_environment(void)
{
    const char *given = getenv("TEST_SEED");
    unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    printf("TEST_SEED=%u\n", seed);
    srand(seed);
}

static void test_what_a_server_writes(void **state)
{
    (void)state;
    seed_from_environment();
    uint8_t bytes[FRAME_BYTES];
    for (int round = 0; round < 2000; round++) {
        size_t length = write_frame(bytes);
        Stated__V1__ReplyFrame *expected = frame_unpack_reply(bytes, length, NULL);
        struct reply_frame frame;
        struct reply_view view;
        assert_non_null(expected);
        assert_true(reply_frame_open(&frame, bytes, length));
        assert_int_equal(frame.n_replies, expected->n_replies);
        for (size_t i = 0; i < expected->n_replies; i++) {
            assert_true(reply_frame_next(&frame, &view));
            assert_same(expected, expected->replies[i], &view);
        }
        assert_false(reply_frame_next(&frame, &view));
        stated__v1__reply_frame__free_unpacked(expected, NULL);
    }
}

/* Bytes with some of them changed, in memory of exactly their size: no walk leaves it. */
static void test_damaged_bytes(void **state)
{
    (void)state;
    seed_from_environment();
    uint8_t bytes[FRAME_BYTES];
    unsigned refused = 0;
    for (int round = 0; round < 20000; round++) {
        size_t length = write_frame(bytes);
        length -= (size_t)rand() % (length / 2 + 1);
        uint8_t *copy = malloc(length + 1);
        assert_non_null(copy);
        memcpy(copy, bytes, length);
        for (int i = rand() % 4; i > 0 && length > 0; i--) {
            copy[(size_t)rand() % length] = (uint8_t)rand();
        }
        struct reply_frame frame;
        struct reply_view view;
        bool good = reply_frame_open(&frame, copy, length);
        refused += !good;
        for (size_t i = 0; good && i < frame.n_replies; i++) {
            if (reply_frame_next(&frame, &view) && view.payload_bytes > 0) {
                assert_true(view.payload >= copy &&
                            view.payload + view.payload_bytes <= copy + length);
            }
        }
        free(copy);
    }
    assert_true(refused > 100);
}

static void test_a_code_of_a_later_version(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0x12, 0x05, 0x0A, 0x03, 0x08, 0xE7, 0x07};
    struct reply_frame frame;
    struct reply_view view;
    assert_true(reply_frame_open(&frame, bytes, sizeof(bytes)));
    assert_true(reply_frame_next(&frame, &view));
    assert_int_equal(view.code, STATED_UNKNOWN);
    assert_int_equal(view.number, 999);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_server_writes),
        cmocka_unit_test(test_damaged_bytes),
        cmocka_unit_test(test_a_code_of_a_later_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
