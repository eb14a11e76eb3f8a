/* Is exactly what Add writes taken for a number? */
#include "engine/counter.h"

#include "test.h"

#include <string.h>

static void test_numbers_come_back(void **state)
{
    (void)state;
    const int64_t numbers[] = {
        0, 1, -1, 9, 10, -10, 42, 100, INT64_MAX, INT64_MIN, INT64_MAX - 1, INT64_MIN + 1};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        char text[COUNTER_BYTES];
        int64_t number = 77;
        size_t length = counter_format(text, numbers[i]);
        assert_true(counter_parse(text, length, &number));
        assert_int_equal(number, numbers[i]);
    }
}

static void test_other_texts_are_no_numbers(void **state)
{
    (void)state;
    const char *const texts[] = {"",
                                 "-",
                                 "+1",
                                 " 1",
                                 "1 ",
                                 "01",
                                 "-0",
                                 "-01",
                                 "00",
                                 "1.0",
                                 "1e3",
                                 "0x10",
                                 "value",
                                 "--1",
                                 "12-3",
                                 "1\n2",
                                 "9223372036854775808",
                                 "-9223372036854775809",
                                 "10000000000000000000",
                                 "99999999999999999999999999"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        int64_t number;
        if (counter_parse(texts[i], strlen(texts[i]), &number)) {
            fail_msg("\"%s\" was taken for a number", texts[i]);
        }
    }
    int64_t number;
    assert_false(counter_parse("1\0", 2, &number));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_come_back),
        cmocka_unit_test(test_other_texts_are_no_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
