/* Does a line split into the words that its quotes say, and does every text survive being quoted?
 */
#include "statectl/words.h"

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool split(struct words *words, const char *line, char problem[WORDS_PROBLEM_BYTES])
{
    problem[0] = '\0';
    return words_split(words, line, strlen(line), problem);
}

static void assert_words(const char *line, size_t n, const char *const *expected)
{
    struct words words;
    char problem[WORDS_PROBLEM_BYTES];
    assert_true(split(&words, line, problem));
    assert_int_equal(words.n, n);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal((const char *)words.at[i].bytes.data, expected[i]);
        assert_int_equal(words.at[i].bytes.len, strlen(expected[i]));
    }
    words_free(&words);
}

#define WORDS(line, ...)                                                                           \
    assert_words(line, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *),                     \
                 (const char *const[]){__VA_ARGS__})

static void test_words(void **state)
{
    (void)state;
    assert_words("", 0, NULL);
    assert_words(" \t ", 0, NULL);
    assert_words("# all of it 'is a comment", 0, NULL);
    WORDS("put a b", "put", "a", "b");
    WORDS("  put\ta   b \r", "put", "a", "b");
    WORDS("put a #b", "put", "a");
    WORDS("put a#b '#c'", "put", "a#b", "#c");
    WORDS("a\\ b \\'c \\# \\\\", "a b", "'c", "#", "\\");
    WORDS("é 日本", "é", "日本");
}

static void test_quotes(void **state)
{
    (void)state;
    WORDS("'a b' \"c d\"", "a b", "c d");
    WORDS("'' \"\"", "", "");
    WORDS("a'b c'd\"e f\"g", "ab cde fg");
    WORDS("'\\n\"' \"'\"", "\\n\"", "'");
    WORDS("\"\\n\\t\\r\\\\\\\"\\x41\\xfF\"", "\n\t\r\\\"A\xff");
}

static void test_nul(void **state)
{
    (void)state;
    struct words words;
    char problem[WORDS_PROBLEM_BYTES];
    assert_true(split(&words, "\"a\\0b\\x00\" c", problem));
    assert_int_equal(words.n, 2);
    assert_int_equal(words.at[0].bytes.len, 4);
    assert_memory_equal(words.at[0].bytes.data, "a\0b\0", 4);
    assert_string_equal((const char *)words.at[1].bytes.data, "c");
    words_free(&words);
}

static void assert_open(const char *line, char open, size_t n, const char *says)
{
    struct words words;
    char problem[WORDS_PROBLEM_BYTES];
    assert_false(split(&words, line, problem));
    assert_int_equal(words.open, open);
    assert_int_equal(words.n, n);
    assert_non_null(strstr(problem, says));
    words_free(&words);
}

static void test_what_is_left_open(void **state)
{
    (void)state;
    assert_open("a 'b", '\'', 2, "a quote is not closed");
    assert_open("a \"b", '"', 2, "double quote is not closed");
    assert_open("a \"b\\", '"', 2, "double quote is not closed");
    assert_open("a\\", '\\', 1, "nothing comes after the backslash");
    assert_open("\"\\q\" b", 0, 2, "followed by one of");
    assert_open("\"\\x4\"", 0, 1, "followed by one of");
    assert_open("\"\\x4", '"', 1, "followed by one of");
}

static void test_where_words_are(void **state)
{
    (void)state;
    struct words words;
    char problem[WORDS_PROBLEM_BYTES];
    assert_true(split(&words, " get 'a'b", problem));
    assert_int_equal(words.at[0].start, 1);
    assert_false(words.at[0].is_quoted);
    assert_int_equal(words.at[1].start, 5);
    assert_true(words.at[1].is_quoted);
    assert_true(words.ends_in_word);
    words_free(&words);
    assert_true(split(&words, "get ", problem));
    assert_false(words.ends_in_word);
    words_free(&words);
    assert_true(split(&words, "get #", problem));
    assert_false(words.ends_in_word);
    words_free(&words);
}

static void assert_quoted(const char *bytes, size_t length, const char *expected)
{
    ProtobufCBinaryData data = {.data = (uint8_t *)(uintptr_t)bytes, .len = length};
    char *quoted = words_quote(data);
    assert_string_equal(quoted, expected);
    free(quoted);
}

static void test_quoting(void **state)
{
    (void)state;
    assert_quoted("a/b-1.c", 7, "a/b-1.c");
    assert_quoted("日本", 6, "日本");
    assert_quoted("", 0, "\"\"");
    assert_quoted("a b", 3, "\"a b\"");
    assert_quoted("a\"\\\n\xff", 5, "\"a\\\"\\\\\\n\\xff\"");
    assert_quoted("#", 1, "\"#\"");
}

static void test_quoting_is_undone_by_splitting(void **state)
{
    (void)state;
    const char *given = getenv("TEST_SEED");
    unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    print_message("TEST_SEED=%u\n", seed);
    srand(seed);
    for (int i = 0; i < 2000; i++) {
        uint8_t bytes[16];
        ProtobufCBinaryData data = {.data = bytes, .len = (size_t)(rand() % 16)};
        for (size_t j = 0; j < data.len; j++) {
            bytes[j] = (uint8_t)(rand() % 3 == 0 ? rand() % 256 : "ab '\"\\#\n"[rand() % 8]);
        }
        char *quoted = words_quote(data);
        struct words words;
        char problem[WORDS_PROBLEM_BYTES];
        assert_true(split(&words, quoted, problem));
        assert_int_equal(words.n, 1);
        assert_int_equal(words.at[0].bytes.len, data.len);
        assert_memory_equal(words.at[0].bytes.data, bytes, data.len);
        words_free(&words);
        free(quoted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_nul),
        cmocka_unit_test(test_what_is_left_open),
        cmocka_unit_test(test_where_words_are),
        cmocka_unit_test(test_quoting),
        cmocka_unit_test(test_quoting_is_undone_by_splitting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
