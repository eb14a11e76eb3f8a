/* Is every request taken exactly as it was sent, and everything else refused as soon as it shows?
 */
#include "test.h"

#include "net/sp.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BODY = 100 };

/* Lays out a request; returns its length. */
static size_t put_request(uint8_t *out, bool marked, const uint8_t *payload, uint64_t announced,
                          size_t payload_bytes)
{
    size_t at = 0;
    if (marked) {
        out[at++] = 1;
    }
    announced = htobe64(announced);
    memcpy(out + at, &announced, sizeof(announced));
    at += sizeof(announced);
    memcpy(out + at, payload, payload_bytes);
    return at + payload_bytes;
}

/* Parses a copy on the heap of just these bytes, so that the sanitizer sees a read beyond them. */
static enum sp_result parse(const uint8_t *data, size_t length, bool marked,
                            struct sp_request *request, uint8_t **copy)
{
    *copy = malloc(length + 1);
    *copy = realloc(*copy, length > 0 ? length : 1);
    assert_non_null(*copy);
    memcpy(*copy, data, length);
    return sp_parse_request(*copy, length, marked, MAX_BODY, request);
}

static void test_greeting(void **state)
{
    (void)state;
    assert_memory_equal(sp_greeting, "\0SP\0\0\x31\0\0", SP_GREETING_BYTES);
    assert_true(sp_is_request_greeting((const uint8_t *)"\0SP\0\0\x30\0\0"));
    assert_false(sp_is_request_greeting(sp_greeting)); /* another server */
    assert_false(sp_is_request_greeting((const uint8_t *)"\0SP\0\0\x30\0\1"));
    assert_false(sp_is_request_greeting((const uint8_t *)"GET / HT"));
}

/* Every prefix of a request is incomplete, and says how much is needed; the whole is taken. */
static void assert_taken(bool marked, size_t path_bytes, size_t body_bytes)
{
    uint8_t payload[SP_MAX_PATH_BYTES + MAX_BODY];
    uint8_t data[SP_MAX_HEADER_BYTES + MAX_BODY + 3] = {0};
    for (size_t i = 0; i < sizeof(payload); i++) {
        payload[i] = (uint8_t)(i & 0x7f);
    }
    payload[path_bytes - 4] |= 0x80;
    size_t length =
        put_request(data, marked, payload, path_bytes + body_bytes, path_bytes + body_bytes);
    for (size_t cut = 0; cut <= length + 3; cut++) {
        struct sp_request request;
        uint8_t *copy;
        enum sp_result result = parse(data, cut, marked, &request, &copy);
        if (cut < length) {
            assert_int_equal(result, SP_INCOMPLETE);
            assert_true(request.bytes > cut && request.bytes <= length);
        } else {
            assert_int_equal(result, SP_COMPLETE);
            assert_int_equal(request.bytes, length);
            assert_int_equal(request.path_bytes, path_bytes);
            assert_int_equal(request.body_bytes, body_bytes);
            assert_memory_equal(request.path, payload, path_bytes);
            assert_memory_equal(request.body, payload + path_bytes, body_bytes);
        }
        free(copy);
    }
}

static void test_requests(void **state)
{
    (void)state;
    for (int marked = 0; marked <= 1; marked++) {
        assert_taken(marked, 4, 0);
        assert_taken(marked, 4, 1);
        assert_taken(marked, 4, MAX_BODY);
        assert_taken(marked, 8, 10);
        assert_taken(marked, SP_MAX_PATH_BYTES, MAX_BODY);
    }
}

static enum sp_result judge(bool marked, const char *payload, size_t payload_bytes,
                            uint64_t announced)
{
    uint8_t data[512];
    struct sp_request request;
    uint8_t *copy;
    size_t length = put_request(data, marked, (const uint8_t *)payload, announced, payload_bytes);
    enum sp_result result = parse(data, length, marked, &request, &copy);
    free(copy);
    return result;
}

static void test_what_is_no_request(void **state)
{
    (void)state;
    char payload[300] = {0};
    for (int marked = 0; marked <= 1; marked++) {
        assert_int_equal(judge(marked, payload, 0, 0), SP_BROKEN);
        assert_int_equal(judge(marked, payload, 3, 3), SP_BROKEN);
        /* A path that has no end, though the request has one. */
        assert_int_equal(judge(marked, payload, 4, 4), SP_BROKEN);
        assert_int_equal(judge(marked, payload, 6, 6), SP_BROKEN);
        assert_int_equal(judge(marked, payload, 4, 5), SP_INCOMPLETE);
        assert_int_equal(judge(marked, payload, SP_MAX_PATH_BYTES, MAX_BODY), SP_BROKEN);
        /* Too large shows before the body comes. */
        assert_int_equal(judge(marked, payload, 0, UINT64_MAX), SP_TOO_LARGE);
        assert_int_equal(judge(marked, payload, 0, MAX_BODY + SP_MAX_PATH_BYTES + 1), SP_TOO_LARGE);
        payload[0] = (char)0x80;
        assert_int_equal(judge(marked, payload, 4, 4 + MAX_BODY + 1), SP_TOO_LARGE);
        assert_int_equal(judge(marked, payload, 4, 4 + MAX_BODY), SP_INCOMPLETE);
        payload[0] = 0;
    }
    struct sp_request request;
    assert_int_equal(sp_parse_request((const uint8_t *)"\2", 1, true, MAX_BODY, &request),
                     SP_BROKEN);
    assert_int_equal(sp_parse_request((const uint8_t *)"\1", 1, true, MAX_BODY, &request),
                     SP_INCOMPLETE);
}

static void test_reply_header(void **state)
{
    (void)state;
    uint8_t out[64];
    const uint8_t path[8] = {0, 0, 0, 1, 0x80, 0, 0, 2};
    assert_int_equal(sp_reply_header_size(false, 8), 16);
    assert_ptr_equal(sp_put_reply_header(out, false, path, 8, 300), out + 16);
    assert_memory_equal(out, "\0\0\0\0\0\0\1\x34\0\0\0\1\x80\0\0\2", 16);
    assert_int_equal(sp_reply_header_size(true, 4), 13);
    assert_ptr_equal(sp_put_reply_header(out, true, path + 4, 4, 0), out + 13);
    assert_memory_equal(out, "\1\0\0\0\0\0\0\0\4\x80\0\0\2", 13);
}

static void test_random_bytes(void **state)
{
    (void)state;
    unsigned seed = 7420;
    print_message("seed %u\n", seed);
    for (int round = 0; round < 200000; round++) {
        uint8_t data[64];
        size_t length = (size_t)rand_r(&seed) % sizeof(data);
        for (size_t i = 0; i < length; i++) {
            /* Mostly zeros: lengths of any size would hardly ever be believed. */
            data[i] = rand_r(&seed) % 4 == 0 ? (uint8_t)rand_r(&seed) : 0;
        }
        struct sp_request request;
        uint8_t *copy;
        bool marked = rand_r(&seed) % 2 == 0;
        enum sp_result result = parse(data, length, marked, &request, &copy);
        if (result == SP_COMPLETE) {
            assert_true(request.bytes <= length);
            assert_ptr_equal(request.body + request.body_bytes, copy + request.bytes);
            assert_ptr_equal(request.path + request.path_bytes, request.body);
        } else if (result == SP_INCOMPLETE) {
            assert_true(request.bytes > length);
        }
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_greeting),           cmocka_unit_test(test_requests),
        cmocka_unit_test(test_what_is_no_request), cmocka_unit_test(test_reply_header),
        cmocka_unit_test(test_random_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
