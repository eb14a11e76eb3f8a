/* The expected wait: learns from those that waited, and never refuses where nobody waits. */
#include "sched/estimate.h"

#include "test.h"

#define MS UINT64_C(1000000)

static void test_knows_nothing_at_first(void **state)
{
    (void)state;
    struct estimate self = {0};
    assert_int_equal(estimate_wait_ns(&self, 1000, 5), 0);
}

static void test_an_empty_server_has_no_wait(void **state)
{
    (void)state;
    struct estimate self = {0};
    estimate_learn(&self, 100, 50 * MS, 5 * MS);
    assert_int_equal(estimate_wait_ns(&self, 0, 5 * MS), 0);
}

static void test_the_first_sample_after_a_pause_counts_whole(void **state)
{
    (void)state;
    struct estimate self = {0};
    estimate_learn(&self, 100, 50 * MS, 2 * ESTIMATE_MEMORY_NS);
    assert_int_equal(estimate_wait_ns(&self, 100, 2 * ESTIMATE_MEMORY_NS), 50 * MS);
}

static void test_a_shorter_queue_waits_its_part_and_a_longer_one_is_not_guessed(void **state)
{
    (void)state;
    struct estimate self = {0};
    uint64_t now_ns = 2 * ESTIMATE_MEMORY_NS;
    estimate_learn(&self, 100, 50 * MS, now_ns);
    assert_int_equal(estimate_wait_ns(&self, 50, now_ns), 25 * MS);
    assert_int_equal(estimate_wait_ns(&self, 100000, now_ns), 50 * MS);
}

static void test_moves_towards_what_it_sees(void **state)
{
    (void)state;
    struct estimate self = {0};
    uint64_t now_ns = 2 * ESTIMATE_MEMORY_NS;
    estimate_learn(&self, 10, 80 * MS, now_ns);
    estimate_learn(&self, 10, 0, now_ns);
    assert_int_equal(estimate_wait_ns(&self, 10, now_ns), 70 * MS);
    for (int i = 0; i < 100; i++) {
        estimate_learn(&self, 10, 8 * MS, now_ns);
    }
    assert_in_range(estimate_wait_ns(&self, 10, now_ns), 8 * MS - 1, 8 * MS + MS / 100);
}

static void test_forgets_what_nothing_confirms(void **state)
{
    (void)state;
    struct estimate self = {0};
    uint64_t now_ns = 2 * ESTIMATE_MEMORY_NS;
    estimate_learn(&self, 10, 80 * MS, now_ns);
    assert_int_equal(estimate_wait_ns(&self, 10, now_ns + ESTIMATE_MEMORY_NS), 80 * MS);
    assert_int_equal(estimate_wait_ns(&self, 10, now_ns + ESTIMATE_MEMORY_NS + 1), 0);
    /* A submitter's clock may be a little older than the last sample. */
    assert_int_equal(estimate_wait_ns(&self, 10, now_ns - MS), 80 * MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_knows_nothing_at_first),
        cmocka_unit_test(test_an_empty_server_has_no_wait),
        cmocka_unit_test(test_the_first_sample_after_a_pause_counts_whole),
        cmocka_unit_test(test_a_shorter_queue_waits_its_part_and_a_longer_one_is_not_guessed),
        cmocka_unit_test(test_moves_towards_what_it_sees),
        cmocka_unit_test(test_forgets_what_nothing_confirms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
