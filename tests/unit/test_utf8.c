/* Is what counts as UTF-8 exactly what Unicode says, for every short sequence of bytes? */
#include "test.h"

#include "utf8.h"

#include <stdbool.h>
#include <string.h>

/* The reference, from the definition: decode, then ask whether the number may be written so. */
static bool is_character(const uint8_t *text, size_t n)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    static const uint8_t lead_marks[] = {0, 0, 0xC0, 0xE0, 0xF0};
    if (n == 1) {
        return text[0] < 0x80;
    }
    uint8_t lead_mask = (uint8_t)(0xFF << (7 - n));
    if ((text[0] & lead_mask) != lead_marks[n]) {
        return false;
    }
    uint32_t number = text[0] & (uint8_t)~lead_mask;
    for (size_t i = 1; i < n; i++) {
        if ((text[i] & 0xC0) != 0x80) {
            return false;
        }
        number = number << 6 | (text[i] & 0x3F);
    }
    bool surrogate = number >= 0xD800 && number <= 0xDFFF;
    return number >= smallest[n] && number <= 0x10FFFF && !surrogate;
}

static size_t expected_length(const uint8_t *text, size_t length)
{
    for (size_t n = 1; n <= 4 && n <= length; n++) {
        if (is_character(text, n)) {
            return n;
        }
    }
    return 0;
}

static void test_every_sequence_of_three_bytes(void **state)
{
    (void)state;
    unsigned long differences = 0, characters = 0;
    for (uint32_t value = 0; value < 1u << 24; value++) {
        const uint8_t text[] = {(uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};
        size_t length = utf8_character(text, 3);
        differences += length != expected_length(text, 3);
        characters += length == 3;
    }
    assert_int_equal(differences, 0);
    assert_int_equal(characters, 0x10000 - 0x800 - 0x800); /* of the plane, without surrogates */
}

/* Four bytes: every lead and second byte, the borders of the others. */
static void test_sequences_of_four_bytes(void **state)
{
    (void)state;
    static const uint8_t borders[] = {0x00, 0x7F, 0x80, 0x81, 0xBE, 0xBF, 0xC0, 0xFF};
    unsigned long characters = 0;
    for (uint32_t i = 0; i < 256u * 256 * 8 * 8; i++) {
        const uint8_t text[] = {(uint8_t)(i >> 14), (uint8_t)(i >> 6), borders[i >> 3 & 7],
                                borders[i & 7]};
        assert_int_equal(utf8_character(text, 4), expected_length(text, 4));
        characters += utf8_character(text, 4) == 4;
    }
    assert_int_equal(characters, 256 * 4 * 4); /* F0 90 to F4 8F are 256 pairs; 4 borders fit */
}

static void test_nothing_is_no_character(void **state)
{
    (void)state;
    assert_int_equal(utf8_character((const uint8_t *)"", 0), 0);
}

static void test_put_replaces_what_is_no_character(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {"plain", "plain"},
        {"caf\u00e9 \u20ac \U0001F600", "caf\u00e9 \u20ac \U0001F600"},
        {"\xFF", "?"},
        {"a\xC3", "a?"},
        {"\xC3z", "?z"},
        {"\xE2\x82", "??"},
        {"\xC0\xAF", "??"},
        {"\xED\xA0\x80", "???"},
        {"\xF4\x90\x80\x80", "????"},
        {"\x80\u20ac\x80", "?\u20ac?"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t out[32] = {0};
        size_t length = strlen(cases[i][0]);
        assert_ptr_equal(utf8_put(out, cases[i][0], length), out + length);
        assert_string_equal((char *)out, cases[i][1]);
    }
}

static void test_whole(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t whole;
    } cases[] = {
        {"", 0},         {"abc", 3},          {"\u00e9", 2},    {"a\xC3", 1},
        {"\xE2\x82", 0}, {"\xE2", 0},         {"\u20ac", 3},    {"ab\xF0\x9F\x98", 2},
        {"\xF0\x9F", 0}, {"\U0001F600", 4},   {"x\x80\x80", 3}, {"\xFF", 1},
        {"\xC0", 1},     {"\xE2\x82\xC3", 2}, {"\xED\xA0", 2},  {"\xF0\x80", 2},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(utf8_whole(cases[i].text, strlen(cases[i].text)), cases[i].whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_sequence_of_three_bytes),
        cmocka_unit_test(test_sequences_of_four_bytes),
        cmocka_unit_test(test_nothing_is_no_character),
        cmocka_unit_test(test_put_replaces_what_is_no_character),
        cmocka_unit_test(test_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
