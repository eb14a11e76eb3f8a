/* Are varints written in as many bytes as announced, and is every malformed field noticed? */
#include "test.h"

#include "wire.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* One number at each border of a varint's length, and what is beside it. */
static void test_varints_around_every_length(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits <= 64; bits++) {
        uint64_t border = bits == 64 ? 0 : UINT64_C(1) << bits;
        for (uint64_t value = border - 1; value != border + 2; value++) {
            uint8_t out[10];
            size_t written = (size_t)(wire_put_varint(out, value) - out);
            assert_int_equal(written, wire_varint_size(value));

            uint64_t read = 0;
            for (size_t i = 0; i < written; i++) {
                assert_int_equal(out[i] >= 0x80, i + 1 < written);
                read |= (uint64_t)(out[i] & 0x7F) << (7 * i);
            }
            assert_true(read == value);
        }
    }
}

static void test_zero_is_not_written(void **state)
{
    (void)state;
    uint8_t out[1] = {0xA5};
    assert_int_equal(wire_number_size(0), 0);
    assert_ptr_equal(wire_put_number(out, 1, 0), out);
    assert_int_equal(out[0], 0xA5);
}

/* Walks over a copy of exactly these bytes, so that a sanitizer sees a byte read too many. */
static enum wire_result walk(const void *data, size_t length, struct wire_field *fields, size_t *n)
{
    uint8_t *copy = malloc(length + 1);
    assert_non_null(copy);
    memcpy(copy + 1, data, length);
    struct wire_reader reader = wire_reader_init(copy + 1, length);
    enum wire_result result;
    struct wire_field field = {0};
    for (*n = 0; (result = wire_next(&reader, &field)) == WIRE_FIELD; ++*n) {
        fields[*n] = field;
    }
    fields[*n] = field;
    free(copy);
    return result;
}

static void test_every_kind_of_field(void **state)
{
    (void)state;
    static const uint8_t data[] = {
        0x08, 0x96, 0x01,                            /* 1: varint 150 */
        0x11, 1,    2,    3,    4,    5,    6, 7, 8, /* 2: fixed64 */
        0x1A, 3,    'a',  'b',  'c',                 /* 3: bytes */
        0x1A, 0,                                     /* 3: no bytes */
        0x25, 1,    2,    3,    4,                   /* 4: fixed32 */
        0xF8, 0xFF, 0xFF, 0xFF, 0x0F, 0x00,          /* 536870911, the highest: varint */
    };
    static const struct wire_field expected[] = {
        {.offset = 0, .number = 1, .type = WIRE_VARINT},
        {.offset = 3, .number = 2, .type = WIRE_FIXED64},
        {.offset = 12, .number = 3, .type = WIRE_BYTES, .length = 3},
        {.offset = 17, .number = 3, .type = WIRE_BYTES, .length = 0},
        {.offset = 19, .number = 4, .type = WIRE_FIXED32},
        {.offset = 24, .number = 536870911, .type = WIRE_VARINT},
    };
    struct wire_field fields[8];
    size_t n;
    assert_int_equal(walk(data, sizeof(data), fields, &n), WIRE_END);
    assert_int_equal(n, 6);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(fields[i].offset, expected[i].offset);
        assert_int_equal(fields[i].number, expected[i].number);
        assert_int_equal(fields[i].type, expected[i].type);
        assert_int_equal(fields[i].length, expected[i].length);
    }
}

static void test_content_is_in_place(void **state)
{
    (void)state;
    static const uint8_t data[] = {0x0A, 2, 'h', 'i'};
    struct wire_reader reader = wire_reader_init(data, sizeof(data));
    struct wire_field field;
    assert_int_equal(wire_next(&reader, &field), WIRE_FIELD);
    assert_ptr_equal(field.data, data + 2);
    assert_int_equal(wire_next(&reader, &field), WIRE_END);
    assert_int_equal(wire_next(&reader, &field), WIRE_END);
}

static void test_nothing_is_a_message(void **state)
{
    (void)state;
    struct wire_reader reader = wire_reader_init(NULL, 0);
    struct wire_field field;
    assert_int_equal(wire_next(&reader, &field), WIRE_END);
}

static void test_malformed(void **state)
{
    (void)state;
#define CASE(text, offset)                                                                         \
    {                                                                                              \
        text, sizeof(text) - 1, offset                                                             \
    }
    static const struct {
        const char *data;
        size_t length;
        size_t offset; /* of the field that is none */
    } cases[] = {
        CASE("\x08", 0),                             /* a tag alone */
        CASE("\x80", 0),                             /* half a tag */
        CASE("\x08\x80", 0),                         /* half a varint */
        CASE("\x08\x01\x08", 2),                     /* a field, then a tag alone */
        CASE("\x00\x00", 0),                         /* field number 0 */
        CASE("\x02\x00", 0),                         /* field number 0, as bytes */
        CASE("\x0B", 0),                             /* a group's start */
        CASE("\x0C", 0),                             /* a group's end */
        CASE("\x0E\x00", 0),                         /* wire type 6 */
        CASE("\x0F\x00", 0),                         /* wire type 7 */
        CASE("\x09\x01\x02\x03\x04\x05\x06\x07", 0), /* seven bytes of a fixed64 */
        CASE("\x0D\x01\x02\x03", 0),                 /* three bytes of a fixed32 */
        CASE("\x0A", 0),                             /* bytes without a length */
        CASE("\x0A\x01", 0),                         /* one byte announced, none there */
        CASE("\x0A\x05"
             "abcd",
             0),
        CASE("\x0A\xFF\xFF\xFF\xFF\x0F"
             "abcd",
             0), /* 4 GiB announced */
        CASE("\x0A\xFF\xFF\xFF\xFF\xFF\x01"
             "abcd",
             0),                                                     /* a length of six bytes */
        CASE("\x88\x80\x80\x80\x80\x00\x01", 0),                     /* a tag of six bytes */
        CASE("\x88\x80\x80\x80\x10\x01", 0),                         /* a field number over 2^29 */
        CASE("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 0), /* a varint of 11 bytes */
    };
#undef CASE
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct wire_field fields[8];
        size_t n;
        assert_int_equal(walk(cases[i].data, cases[i].length, fields, &n), WIRE_MALFORMED);
        assert_int_equal(fields[n].offset, cases[i].offset);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_varints_around_every_length),
        cmocka_unit_test(test_zero_is_not_written),
        cmocka_unit_test(test_every_kind_of_field),
        cmocka_unit_test(test_content_is_in_place),
        cmocka_unit_test(test_nothing_is_a_message),
        cmocka_unit_test(test_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
