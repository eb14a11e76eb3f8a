/* Is the stream of calls reproducible, in range, and distributed as asked? */
#include "bench/workload.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

enum { CALLS = 200000, SEED = 42 };

static void count_calls(const struct workload *workload, unsigned *counts, unsigned *reads)
{
    struct workload_stream stream;
    workload_stream_init(&stream, SEED, 0);
    *reads = 0;
    for (unsigned i = 0; i < CALLS; i++) {
        struct workload_call call = workload_next(workload, &stream);
        assert_in_range(call.key, 0, workload->keys - 1);
        counts[call.key]++;
        *reads += call.read;
    }
}

static void test_same_seed_gives_the_same_calls(void **state)
{
    struct workload workload;
    struct workload_stream a;
    struct workload_stream b;
    (void)state;
    workload_init(&workload, 1000, 50, WORKLOAD_ZIPF);
    workload_stream_init(&a, SEED, 3);
    workload_stream_init(&b, SEED, 3);
    for (unsigned i = 0; i < 1000; i++) {
        struct workload_call from_a = workload_next(&workload, &a);
        struct workload_call from_b = workload_next(&workload, &b);
        assert_int_equal(from_a.key, from_b.key);
        assert_int_equal(from_a.read, from_b.read);
    }
}

static void test_other_stream_or_seed_gives_other_calls(void **state)
{
    struct workload workload;
    struct workload_stream streams[3];
    unsigned same[3] = {0};
    (void)state;
    workload_init(&workload, 1000, 50, WORKLOAD_UNIFORM);
    workload_stream_init(&streams[0], SEED, 0);
    workload_stream_init(&streams[1], SEED, 1);
    workload_stream_init(&streams[2], SEED + 1, 0);
    for (unsigned i = 0; i < 1000; i++) {
        uint32_t first = workload_next(&workload, &streams[0]).key;
        same[1] += workload_next(&workload, &streams[1]).key == first;
        same[2] += workload_next(&workload, &streams[2]).key == first;
    }
    assert_true(same[1] < 20);
    assert_true(same[2] < 20);
}

static void test_mix_is_as_asked(void **state)
{
    static const unsigned percents[] = {0, 1, 50, 99, 100};
    unsigned counts[10] = {0};
    (void)state;
    for (size_t i = 0; i < sizeof percents / sizeof *percents; i++) {
        struct workload workload;
        unsigned reads;
        workload_init(&workload, 10, percents[i], WORKLOAD_UNIFORM);
        count_calls(&workload, counts, &reads);
        double share = 100.0 * reads / CALLS;
        assert_true(fabs(share - percents[i]) < 0.5);
        if (percents[i] % 100 == 0) {
            assert_int_equal(reads, percents[i] == 0 ? 0 : CALLS);
        }
    }
}

static void test_uniform_is_even(void **state)
{
    enum { KEYS = 50 };
    unsigned counts[KEYS] = {0};
    struct workload workload;
    unsigned reads;
    (void)state;
    workload_init(&workload, KEYS, 50, WORKLOAD_UNIFORM);
    count_calls(&workload, counts, &reads);
    for (unsigned key = 0; key < KEYS; key++) {
        assert_in_range(counts[key], CALLS / KEYS * 9 / 10, CALLS / KEYS * 11 / 10);
    }
}

static int descending(const void *a, const void *b)
{
    unsigned left = *(const unsigned *)a;
    unsigned right = *(const unsigned *)b;
    return left < right ? 1 : left > right ? -1 : 0;
}

static void test_zipf_follows_its_law(void **state)
{
    enum { KEYS = 1000 };
    unsigned counts[KEYS] = {0};
    struct workload workload;
    unsigned reads;
    (void)state;
    workload_init(&workload, KEYS, 50, WORKLOAD_ZIPF);
    count_calls(&workload, counts, &reads);
    qsort(counts, KEYS, sizeof *counts, descending);
    double zeta = 0;
    for (unsigned rank = 1; rank <= KEYS; rank++) {
        zeta += 1.0 / pow(rank, 0.99);
    }
    for (unsigned rank = 1; rank <= 64; rank *= 2) {
        double due = CALLS / zeta / pow(rank, 0.99);
        assert_true(fabs(counts[rank - 1] - due) < due * 0.25);
    }
    assert_true(counts[KEYS - 1] > 0); /* the spread is a permutation: no key is left out */
}

static void test_any_number_of_keys_will_do(void **state)
{
    (void)state;
    for (uint32_t keys = 1; keys <= 70; keys++) {
        unsigned *counts = calloc(keys, sizeof *counts);
        struct workload_stream stream;
        struct workload workload;
        assert_non_null(counts);
        workload_init(&workload, keys, 50, WORKLOAD_ZIPF);
        workload_stream_init(&stream, SEED, keys);
        for (unsigned i = 0; i < 20000; i++) {
            uint32_t key = workload_next(&workload, &stream).key;
            assert_in_range(key, 0, keys - 1);
            counts[key]++;
        }
        for (uint32_t key = 0; key < keys; key++) {
            assert_true(counts[key] > 0);
        }
        free(counts);
    }
}

static void test_values_differ_and_are_text(void **state)
{
    char first[40];
    char second[40];
    (void)state;
    workload_value_init(first, sizeof first);
    workload_value_init(second, sizeof second);
    assert_memory_equal(first, second, sizeof first);
    workload_value_stamp(first, sizeof first, 1);
    workload_value_stamp(second, sizeof second, UINT64_C(1) << 63);
    assert_memory_not_equal(first, second, WORKLOAD_STAMP_BYTES);
    assert_memory_equal(first + WORKLOAD_STAMP_BYTES, second + WORKLOAD_STAMP_BYTES,
                        sizeof first - WORKLOAD_STAMP_BYTES);
    for (size_t i = 0; i < sizeof first; i++) {
        assert_true(first[i] > ' ' && first[i] < 127);
    }
}

static void test_short_values_stay_inside(void **state)
{
    char value[4] = "xxx";
    (void)state;
    workload_value_init(value, 2);
    workload_value_stamp(value, 2, 0x21);
    assert_memory_equal(value, "12x", 4);
    workload_value_stamp(value, 0, 0xff);
    assert_memory_equal(value, "12x", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_seed_gives_the_same_calls),
        cmocka_unit_test(test_other_stream_or_seed_gives_other_calls),
        cmocka_unit_test(test_mix_is_as_asked),
        cmocka_unit_test(test_uniform_is_even),
        cmocka_unit_test(test_zipf_follows_its_law),
        cmocka_unit_test(test_any_number_of_keys_will_do),
        cmocka_unit_test(test_values_differ_and_are_text),
        cmocka_unit_test(test_short_values_stay_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
