/* Does the histogram give the quantiles of what went in, within what it promises, at any size? */
#include "bench/histogram.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct histogram));
    return *state == NULL;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

/* Never below the truth, at most 1/128 above. */
static void assert_near(uint64_t shown, uint64_t truth)
{
    assert_true(shown >= truth);
    assert_true(shown <= truth + truth / 128);
}

static void test_empty_shows_nothing(void **state)
{
    const struct histogram *histogram = *state;
    assert_int_equal(histogram_count(histogram), 0);
    assert_int_equal(histogram_max(histogram), 0);
    assert_int_equal(histogram_quantile(histogram, 0.5), 0);
    assert_int_equal(histogram_quantile(histogram, 1.0), 0);
}

static void test_one_value_is_every_quantile(void **state)
{
    struct histogram *histogram = *state;
    histogram_record(histogram, 123457);
    assert_int_equal(histogram_quantile(histogram, 0.0), 123457);
    assert_int_equal(histogram_quantile(histogram, 0.5), 123457);
    assert_int_equal(histogram_quantile(histogram, 1.0), 123457);
    assert_int_equal(histogram_max(histogram), 123457);
}

static void test_small_values_are_exact(void **state)
{
    struct histogram *histogram = *state;
    for (uint64_t value = 0; value < 256; value++) {
        histogram_record(histogram, value);
    }
    for (unsigned i = 1; i <= 256; i++) {
        assert_int_equal(histogram_quantile(histogram, i / 256.0), i - 1);
    }
}

static void test_quantiles_of_a_ramp(void **state)
{
    enum { N = 100000 };
    static const double quantiles[] = {0.001, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0};
    struct histogram *histogram = *state;
    for (uint64_t i = 1; i <= N; i++) {
        histogram_record(histogram, i * 1000);
    }
    assert_int_equal(histogram_count(histogram), N);
    for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++) {
        assert_near(histogram_quantile(histogram, quantiles[i]),
                    (uint64_t)(quantiles[i] * N + 0.5) * 1000);
    }
    assert_int_equal(histogram_quantile(histogram, 1.0), UINT64_C(1000) * N);
}

static void test_outlier_shows_in_the_tail_only(void **state)
{
    struct histogram *histogram = *state;
    for (unsigned i = 0; i < 999; i++) {
        histogram_record(histogram, 100);
    }
    histogram_record(histogram, 5000000000);
    assert_int_equal(histogram_quantile(histogram, 0.999), 100);
    assert_int_equal(histogram_quantile(histogram, 0.9991), 5000000000);
    assert_int_equal(histogram_max(histogram), 5000000000);
}

static void test_every_power_of_two_is_near(void **state)
{
    struct histogram *histogram = *state;
    for (unsigned bit = 0; bit <= HISTOGRAM_TOP_BIT; bit++) {
        for (int off = -1; off <= 1; off++) {
            uint64_t value = (UINT64_C(1) << bit) + (uint64_t)off;
            memset(histogram, 0, sizeof *histogram);
            histogram_record(histogram, value);
            histogram_record(histogram, UINT64_C(1) << 41); /* so that max does not help */
            assert_near(histogram_quantile(histogram, 0.5), value);
        }
    }
}

static void test_beyond_the_range_counts_as_the_top(void **state)
{
    struct histogram *histogram = *state;
    histogram_record(histogram, UINT64_MAX);
    histogram_record(histogram, UINT64_C(1) << 40);
    assert_int_equal(histogram_count(histogram), 2);
    assert_int_equal(histogram_quantile(histogram, 1.0), UINT64_MAX);
}

static void test_merge_adds(void **state)
{
    struct histogram *histogram = *state;
    struct histogram *other = calloc(1, sizeof *other);
    assert_non_null(other);
    histogram_record(histogram, 10);
    histogram_record(other, 20);
    histogram_record(other, 30);
    histogram_merge(histogram, other);
    free(other);
    assert_int_equal(histogram_count(histogram), 3);
    assert_int_equal(histogram_quantile(histogram, 0.5), 20);
    assert_int_equal(histogram_max(histogram), 30);
}

enum { PER_THREAD = 50000 };

static void *record_many(void *histogram)
{
    for (uint64_t i = 1; i <= PER_THREAD; i++) {
        histogram_record(histogram, i);
    }
    return NULL;
}

static void test_threads_lose_no_count(void **state)
{
    struct histogram *histogram = *state;
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, record_many, histogram), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(histogram_count(histogram), 4 * PER_THREAD);
    assert_int_equal(histogram_max(histogram), PER_THREAD);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_empty_shows_nothing),
        TEST(test_one_value_is_every_quantile),
        TEST(test_small_values_are_exact),
        TEST(test_quantiles_of_a_ramp),
        TEST(test_outlier_shows_in_the_tail_only),
        TEST(test_every_power_of_two_is_near),
        TEST(test_beyond_the_range_counts_as_the_top),
        TEST(test_merge_adds),
        TEST(test_threads_lose_no_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
