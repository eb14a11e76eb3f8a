/* The histogram against sorted values, and its buckets against each other. */
#include "base/latency.h"

#include "test.h"

#include <stdlib.h>

static void test_an_empty_one_says_zero(void **state)
{
    (void)state;
    static const struct latency empty;
    assert_int_equal(latency_count(&empty), 0);
    assert_int_equal(latency_quantile_ns(&empty, 0.99), 0);
}

static void test_every_bucket_ends_where_the_next_begins(void **state)
{
    (void)state;
    for (size_t i = 0; i + 1 < LATENCY_BUCKETS; i++) {
        struct latency self = {0};
        uint64_t end_ns = latency_bucket_end_ns(i);
        latency_record(&self, end_ns);
        assert_int_equal(self.counts[i], 1);
        latency_record(&self, end_ns + 1);
        assert_int_equal(self.counts[i + 1], 1);
        assert_int_equal(self.sum_ns, 2 * end_ns + 1);
    }
}

static void test_what_is_too_long_counts_in_the_last_bucket(void **state)
{
    (void)state;
    struct latency self = {0};
    latency_record(&self, UINT64_C(1) << 60);
    assert_int_equal(self.counts[LATENCY_BUCKETS - 1], 1);
    assert_int_equal(latency_quantile_ns(&self, 1.0), (UINT64_C(1) << 40) - 1);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void test_quantiles_are_within_an_eighth(void **state)
{
    (void)state;
    static uint64_t values[5000];
    struct latency self = {0};
    unsigned seed = 7;
    print_message("seed %u\n", seed);
    srandom(seed);
    for (size_t i = 0; i < 5000; i++) {
        values[i] = (uint64_t)random() >> (random() % 30);
        latency_record(&self, values[i]);
    }
    qsort(values, 5000, sizeof(values[0]), by_value);
    assert_int_equal(latency_count(&self), 5000);
    static const double quantiles[] = {0, 0.5, 0.9, 0.99, 0.999};
    for (size_t i = 0; i < 5; i++) {
        uint64_t exact = values[(size_t)(quantiles[i] * 5000)];
        assert_in_range(latency_quantile_ns(&self, quantiles[i]), exact, exact + exact / 8);
    }
    assert_in_range(latency_quantile_ns(&self, 1.0), values[4999], values[4999] * 9 / 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_one_says_zero),
        cmocka_unit_test(test_every_bucket_ends_where_the_next_begins),
        cmocka_unit_test(test_what_is_too_long_counts_in_the_last_bucket),
        cmocka_unit_test(test_quantiles_are_within_an_eighth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
