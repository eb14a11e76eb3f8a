/* Are numbers for people right at every border between two units? */
#include "statectl/units.h"

#include "test.h"

static void test_counts(void **state)
{
    (void)state;
    char out[UNITS_BYTES];
    assert_string_equal(units_count(out, 0), "0");
    assert_string_equal(units_count(out, 999), "999");
    assert_string_equal(units_count(out, 1000), "1,000");
    assert_string_equal(units_count(out, 123456), "123,456");
    assert_string_equal(units_count(out, 1234567), "1,234,567");
    assert_string_equal(units_count(out, UINT64_MAX), "18,446,744,073,709,551,615");
}

static void test_keys(void **state)
{
    (void)state;
    char out[UNITS_BYTES];
    assert_string_equal(units_keys(out, 0), "0 keys");
    assert_string_equal(units_keys(out, 1), "1 key");
    assert_string_equal(units_keys(out, UINT64_MAX), "18,446,744,073,709,551,615 keys");
}

static void test_bytes(void **state)
{
    (void)state;
    char out[UNITS_BYTES];
    assert_string_equal(units_bytes(out, 0), "0 bytes");
    assert_string_equal(units_bytes(out, 1023), "1023 bytes");
    assert_string_equal(units_bytes(out, 1024), "1.0 KiB");
    assert_string_equal(units_bytes(out, 1536), "1.5 KiB");
    assert_string_equal(units_bytes(out, (1 << 20) - 1), "1.0 MiB");
    assert_string_equal(units_bytes(out, UINT64_C(16) << 30), "16.0 GiB");
    assert_string_equal(units_bytes(out, UINT64_MAX), "16.0 EiB");
}

static void test_times(void **state)
{
    (void)state;
    char out[UNITS_BYTES];
    assert_string_equal(units_time(out, 0), "0 us");
    assert_string_equal(units_time(out, 999), "999 us");
    assert_string_equal(units_time(out, 1000), "1.00 ms");
    assert_string_equal(units_time(out, 1254), "1.25 ms");
    assert_string_equal(units_time(out, 1000000), "1 s");
    assert_string_equal(units_time(out, 3400000), "3.4 s");
    assert_string_equal(units_time(out, 61000000), "1 min 01 s");
    assert_string_equal(units_time(out, UINT64_C(7500) * 1000000), "2 h 05 min");
    assert_string_equal(units_time(out, UINT64_C(100000) * 1000000), "1 d 03 h");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
