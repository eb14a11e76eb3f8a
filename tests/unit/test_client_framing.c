/* Does the client read and write SP's messages as the contract gives them, from any cut of bytes?
 */
#include "test.h"

#include "framing.h"

#include <string.h>

#define ID UINT32_C(0x80000102)

/* A reply on ipc: mark, length of id and body, id, body. On tcp it begins one byte later. */
static const uint8_t marked_reply[] = {1, 0, 0, 0, 0, 0, 0, 0, 7, 0x80, 0, 1, 2, 'a', 'b', 'c'};
static const uint8_t *const plain_reply = marked_reply + 1;

static void test_greetings(void **state)
{
    (void)state;
    static const uint8_t expected[] = {0, 0x53, 0x50, 0, 0, 0x30, 0, 0};
    uint8_t reply[] = {0, 0x53, 0x50, 0, 0, 0x31, 0, 0};
    assert_memory_equal(framing_greeting, expected, sizeof(expected));
    assert_true(framing_is_reply_greeting(reply));
    assert_false(framing_is_reply_greeting(expected)); /* another client */
    for (size_t i = 0; i < sizeof(reply); i++) {
        reply[i] ^= 1;
        assert_false(framing_is_reply_greeting(reply));
        reply[i] ^= 1;
    }
}

static void test_headers(void **state)
{
    (void)state;
    uint8_t out[FRAMING_MAX_HEADER_BYTES + 1];
    memset(out, 0xEE, sizeof(out));
    assert_int_equal(framing_header_bytes(true), 13);
    framing_put_header(out, true, ID, 3);
    assert_memory_equal(out, marked_reply, 13);
    assert_int_equal(out[13], 0xEE);
    memset(out, 0xEE, sizeof(out));
    assert_int_equal(framing_header_bytes(false), 12);
    framing_put_header(out, false, ID, 3);
    assert_memory_equal(out, plain_reply, 12);
    assert_int_equal(out[12], 0xEE);
}

static void assert_parses(const uint8_t *data, size_t length, bool marked)
{
    struct framing_reply reply;
    for (size_t cut = 0; cut < length; cut++) {
        assert_int_equal(framing_parse_reply(data, cut, marked, 3, &reply), FRAMING_INCOMPLETE);
        assert_true(reply.bytes > cut && reply.bytes <= length);
    }
    assert_int_equal(framing_parse_reply(data, length, marked, 3, &reply), FRAMING_COMPLETE);
    assert_int_equal(reply.id, ID);
    assert_int_equal(reply.bytes, length);
    assert_int_equal(reply.body_bytes, 3);
    assert_memory_equal(reply.body, "abc", 3);
}

static void test_a_reply_at_every_cut(void **state)
{
    (void)state;
    assert_parses(marked_reply, sizeof(marked_reply), true);
    assert_parses(plain_reply, sizeof(marked_reply) - 1, false);
}

static void test_what_follows_is_left_alone(void **state)
{
    (void)state;
    uint8_t two[2 * sizeof(marked_reply)];
    memcpy(two, marked_reply, sizeof(marked_reply));
    memcpy(two + sizeof(marked_reply), marked_reply, sizeof(marked_reply));
    struct framing_reply reply;
    assert_int_equal(framing_parse_reply(two, sizeof(two), true, 3, &reply), FRAMING_COMPLETE);
    assert_int_equal(reply.bytes, sizeof(marked_reply));
}

static void test_a_reply_without_a_body(void **state)
{
    (void)state;
    static const uint8_t empty[] = {0, 0, 0, 0, 0, 0, 0, 4, 0x80, 0, 0, 0};
    struct framing_reply reply;
    assert_int_equal(framing_parse_reply(empty, sizeof(empty), false, 0, &reply), FRAMING_COMPLETE);
    assert_int_equal(reply.body_bytes, 0);
}

static void test_too_large_is_known_from_the_header(void **state)
{
    (void)state;
    struct framing_reply reply;
    assert_int_equal(framing_parse_reply(marked_reply, 12, true, 2, &reply), FRAMING_INCOMPLETE);
    assert_int_equal(framing_parse_reply(marked_reply, 13, true, 2, &reply), FRAMING_TOO_LARGE);
    assert_int_equal(reply.id, ID);
    assert_int_equal(reply.body_bytes, 3);
    uint8_t huge[] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x80, 0, 0, 0};
    assert_int_equal(framing_parse_reply(huge, sizeof(huge), false, 1 << 20, &reply),
                     FRAMING_TOO_LARGE);
}

static void test_what_is_no_reply(void **state)
{
    (void)state;
    struct framing_reply reply;
    uint8_t bytes[sizeof(marked_reply)];
    memcpy(bytes, marked_reply, sizeof(bytes));
    bytes[0] = 2;
    assert_int_equal(framing_parse_reply(bytes, 1, true, 3, &reply), FRAMING_BROKEN);
    bytes[0] = 1;
    bytes[9] = 0; /* an id without its bit */
    assert_int_equal(framing_parse_reply(bytes, sizeof(bytes), true, 3, &reply), FRAMING_BROKEN);
    bytes[9] = 0x80;
    bytes[8] = 3; /* shorter than an id */
    assert_int_equal(framing_parse_reply(bytes, sizeof(bytes), true, 3, &reply), FRAMING_BROKEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_greetings),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_a_reply_at_every_cut),
        cmocka_unit_test(test_what_follows_is_left_alone),
        cmocka_unit_test(test_a_reply_without_a_body),
        cmocka_unit_test(test_too_large_is_known_from_the_header),
        cmocka_unit_test(test_what_is_no_reply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
