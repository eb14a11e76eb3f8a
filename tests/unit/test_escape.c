/* Are bytes from outside short, printable and on one line once they are escaped? */
#include "escape.h"

#include "test.h"

#include <string.h>

static void test_leaves_plain_text_alone(void **state)
{
    (void)state;
    char out[ESCAPE_BYTES];
    assert_string_equal(escape_text(out, "pkg/bash/version~1"), "pkg/bash/version~1");
    assert_string_equal(escape_text(out, ""), "");
}

static void test_escapes_what_could_harm_a_line(void **state)
{
    (void)state;
    char out[ESCAPE_BYTES];
    assert_string_equal(escape_bytes(out, "a\0\n\"\\\x7f\xc3", 7),
                        "a\\x00\\x0a\\x22\\x5c\\x7f\\xc3");
}

static void test_cuts_and_says_so_at_every_length(void **state)
{
    (void)state;
    char data[300];
    for (size_t plain = 0; plain < 100; plain++) {
        memset(data, 'x', plain);
        memset(data + plain, '\n', sizeof(data) - plain);
        char out[ESCAPE_BYTES];
        memset(out, '#', sizeof(out));
        escape_bytes(out, data, sizeof(data));
        size_t length = strnlen(out, sizeof(out));
        assert_in_range(length, ESCAPE_BYTES - 8, ESCAPE_BYTES - 1);
        assert_string_equal(out + length - 3, "...");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leaves_plain_text_alone),
        cmocka_unit_test(test_escapes_what_could_harm_a_line),
        cmocka_unit_test(test_cuts_and_says_so_at_every_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
