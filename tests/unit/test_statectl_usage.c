/* Do usage lines tell what can be completed, for every form that they have? */
#include "statectl/usage.h"

#include "statectl/commands.h"

#include "test.h"

#include <string.h>

static struct usage argument(const char *line, size_t position)
{
    const struct command command = {.arguments = line};
    return usage_of_argument(&command, position);
}

static void test_kinds(void **state)
{
    (void)state;
    assert_int_equal(argument("KEY", 0).kind, USAGE_KEY);
    assert_int_equal(argument("[PREFIX]", 0).kind, USAGE_KEY);
    assert_int_equal(argument("[FILE|-]", 0).kind, USAGE_FILE);
    assert_int_equal(argument("METHOD", 0).kind, USAGE_METHOD);
    assert_int_equal(argument("COMMAND", 0).kind, USAGE_COMMAND);
    assert_int_equal(argument("VALUE", 0).kind, USAGE_ANYTHING);
    assert_int_equal(argument("KEYS", 0).kind, USAGE_ANYTHING);
    assert_int_equal(argument("[OPTION of another program...]", 3).kind, USAGE_ANYTHING);
}

static void test_positions(void **state)
{
    (void)state;
    const char *line = "list|call [METHOD] [KEY...]";
    assert_int_equal(argument(line, 0).kind, USAGE_WORDS);
    assert_int_equal(argument(line, 1).kind, USAGE_METHOD);
    assert_int_equal(argument(line, 2).kind, USAGE_KEY);
    assert_int_equal(argument(line, 9).kind, USAGE_KEY);
    assert_int_equal(argument("KEY", 1).kind, USAGE_ANYTHING);
    assert_int_equal(argument("", 0).kind, USAGE_ANYTHING);
    assert_int_equal(argument("[KEY] [-- COMMAND [ARGUMENT...]]", 1).kind, USAGE_ANYTHING);
    const struct command command = {.arguments = line};
    bool repeats;
    assert_int_equal(usage_positions(&command, &repeats), 3);
    assert_true(repeats);
    assert_int_equal(usage_positions(&(struct command){.arguments = "A [B [C...]]"}, &repeats), 2);
    assert_false(repeats);
}

static void test_words(void **state)
{
    (void)state;
    static const char *const expected[] = {"show", "clear", "x"};
    struct usage usage = argument("show|clear|x FILE", 0);
    const char *word;
    size_t at = 0;
    size_t length;
    size_t n = 0;
    while ((word = usage_next_word(&usage, &at, &length)) != NULL) {
        assert_true(n < 3);
        assert_int_equal(length, strlen(expected[n]));
        assert_memory_equal(word, expected[n], length);
        n++;
    }
    assert_int_equal(n, 3);
}

static void test_options(void **state)
{
    (void)state;
    const struct argp_option *file = usage_find_option(&cmd_put, "--file");
    assert_non_null(file);
    assert_ptr_equal(file, usage_find_option(&cmd_put, "-f"));
    assert_int_equal(usage_of_option(file).kind, USAGE_FILE);
    assert_null(usage_find_option(&cmd_get, "--file"));
    assert_null(usage_find_option(&cmd_put, "-fx"));
    assert_null(usage_find_option(&cmd_put, "-"));
    const struct argp_option *output = usage_find_option(NULL, "-o");
    assert_int_equal(usage_of_option(output).kind, USAGE_WORDS);
    assert_true(usage_is_global(output));
    assert_false(usage_is_global(file));
    assert_ptr_equal(output, usage_find_option(&cmd_put, "--output"));
}

/* Every command's own options come first, and none is left out. */
static void test_all_options(void **state)
{
    (void)state;
    const struct command *command;
    for (size_t i = 0; (command = commands_at(i)) != NULL; i++) {
        size_t n = 0;
        for (const struct argp_option *own = command->options; own != NULL && own->name != NULL;
             own++) {
            assert_ptr_equal(usage_option_at(command, n++), own);
        }
        assert_string_equal(usage_option_at(command, n)->name, "endpoint");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),       cmocka_unit_test(test_positions),
        cmocka_unit_test(test_words),       cmocka_unit_test(test_options),
        cmocka_unit_test(test_all_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
