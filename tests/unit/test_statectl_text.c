/* Is text from outside shown so that a person can read it and a terminal obeys none of it? */
#include "statectl/text.h"

#include "test.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#define BYTES(text)                                                                                \
    (ProtobufCBinaryData)                                                                          \
    {                                                                                              \
        .data = (uint8_t *)(uintptr_t)(text), .len = sizeof(text) - 1                              \
    }

static void assert_shown(ProtobufCBinaryData bytes, size_t columns, const char *expected)
{
    char *text = text_of(bytes, columns);
    assert_string_equal(text, expected);
    assert_true(columns == 0 || text_columns(text) <= columns);
    free(text);
}

static void test_leaves_text_alone(void **state)
{
    (void)state;
    assert_shown(BYTES(""), 0, "");
    assert_shown(BYTES("pkg/bash/version 1~rc\"'%s"), 0, "pkg/bash/version 1~rc\"'%s");
    assert_shown(BYTES("h\xc3\xa9llo \xe2\x82\xac \xf0\x9f\x98\x80"), 0,
                 "h\xc3\xa9llo \xe2\x82\xac \xf0\x9f\x98\x80");
}

static void test_shows_what_a_terminal_would_obey(void **state)
{
    (void)state;
    assert_shown(BYTES("a\tb\nc\rd\x1b[31m\x7f\0e\\"), 0, "a\\tb\\nc\\rd\\x1b[31m\\x7f\\x00e\\\\");
    /* C1 controls, and a right-to-left override. */
    assert_shown(BYTES("\xc2\x9b"
                       "1m"),
                 0, "\\xc2\\x9b1m");
    assert_shown(BYTES("\xe2\x80\xae"
                       "x\xe2\x81\xa6"),
                 0, "\\xe2\\x80\\xaex\\xe2\\x81\\xa6");
}

static void test_shows_what_is_not_utf8(void **state)
{
    (void)state;
    assert_shown(BYTES("\xff\xfe"), 0, "\\xff\\xfe");
    assert_shown(BYTES("\xc3"), 0, "\\xc3");
    assert_shown(BYTES("\xc0\x80"), 0, "\\xc0\\x80");
    assert_shown(BYTES("\xed\xa0\x80"), 0, "\\xed\\xa0\\x80");
    assert_shown(BYTES("\xe2\x82"
                       "A"),
                 0, "\\xe2\\x82A");
}

static void test_cuts_at_a_column(void **state)
{
    (void)state;
    assert_shown(BYTES("abcdef"), 6, "abcdef");
    assert_shown(BYTES("abcdef"), 5, "abcd\xe2\x80\xa6");
    assert_shown(BYTES("abcdef"), 1, "\xe2\x80\xa6");
    assert_shown(BYTES("\xc3\xa9\xc3\xa9\xc3\xa9"), 3, "\xc3\xa9\xc3\xa9\xc3\xa9");
    assert_shown(BYTES("\xc3\xa9\xc3\xa9\xc3\xa9"), 2, "\xc3\xa9\xe2\x80\xa6");
    /* An escape is not cut in the middle. */
    assert_shown(BYTES("ab\x01"
                       "cd"),
                 5, "ab\xe2\x80\xa6");
    assert_shown(BYTES("ab\x01"), 6, "ab\\x01");
}

static void test_cuts_at_every_column(void **state)
{
    (void)state;
    static const char mixed[] = "a\xc3\xa9\n\xe2\x82\xac\xff\x1b\xf0\x9f\x98\x80\\z\xe6\x97\xa5";
    for (size_t length = 0; length < sizeof mixed; length++) {
        for (size_t columns = 1; columns < 40; columns++) {
            ProtobufCBinaryData bytes = {.data = (uint8_t *)(uintptr_t)mixed, .len = length};
            char *text = text_of(bytes, columns);
            assert_true(text_columns(text) <= columns);
            free(text);
        }
    }
}

static void test_counts_columns(void **state)
{
    (void)state;
    assert_int_equal(text_columns(""), 0);
    assert_int_equal(text_columns("abc"), 3);
    assert_int_equal(text_columns("h\xc3\xa9"), 2);
    assert_int_equal(text_columns("\xe6\x97\xa5\xe6\x9c\xac"), 4); /* two wide characters */
    assert_int_equal(text_columns("e\xcc\x81"), 1);                /* a combining accent */
}

static void assert_block(ProtobufCBinaryData bytes, const char *expected)
{
    char *text = text_block(bytes);
    assert_string_equal(text, expected);
    free(text);
}

static void test_a_block_keeps_its_lines(void **state)
{
    (void)state;
    assert_block(BYTES(""), "");
    assert_block(BYTES("one"), "one\n");
    assert_block(BYTES("one\n\ttwo\\n\n"), "one\n\ttwo\\n\n");
    assert_block(BYTES("\x1b[2J\xff\r\n"), "\\x1b[2J\\xff\\r\n");
}

static void test_tells_utf8_from_other_bytes(void **state)
{
    (void)state;
    assert_true(text_is_utf8(BYTES("")));
    assert_true(text_is_utf8(BYTES("a\0b\xc3\xa9\x1b")));
    assert_false(text_is_utf8(BYTES("a\xc3")));
    assert_false(text_is_utf8(BYTES("\xff"
                                    "a")));
    assert_false(text_is_utf8(BYTES("\xf4\x90\x80\x80")));
}

static void test_safe_messages(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"", ""},
        {"plain é C:\\x", "plain é C:\\x"},
        {"\033[31m\n\t\x7f", "\\x1b[31m\\n\\t\\x7f"},
        {"\xff\xc2\x9b", "\\xff\\xc2\\x9b"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        char *safe = text_safe(pairs[i][0]);
        assert_string_equal(safe, pairs[i][1]);
        free(safe);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leaves_text_alone),
        cmocka_unit_test(test_shows_what_a_terminal_would_obey),
        cmocka_unit_test(test_shows_what_is_not_utf8),
        cmocka_unit_test(test_cuts_at_a_column),
        cmocka_unit_test(test_cuts_at_every_column),
        cmocka_unit_test(test_counts_columns),
        cmocka_unit_test(test_a_block_keeps_its_lines),
        cmocka_unit_test(test_tells_utf8_from_other_bytes),
        cmocka_unit_test(test_safe_messages),
    };
    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
