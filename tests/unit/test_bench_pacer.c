/* Does the open loop start calls when they are due, and end every lane once? */
#include "bench/pacer.h"

#include "base/clock.h"
#include "bench/lane.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

enum { LANES = 3, CALLS = 40 };

/* The run: what the pacer did. Lanes are told apart by their slot. */
static struct {
    struct pacer pacer;
    struct lane *lanes;
    uint64_t due_ns[CALLS];
    unsigned sent;
    unsigned most; /* calls before the run is over */
    unsigned ended[LANES];
    atomic_bool over;
} run;

static bool send_one(struct lane *lane, uint64_t due_ns)
{
    if (run.sent == run.most) {
        return false;
    }
    run.due_ns[run.sent++] = due_ns;
    pacer_give(&run.pacer, lane);
    return true;
}

static bool is_over(const void *context)
{
    assert_ptr_equal(context, &run);
    return atomic_load(&run.over);
}

static void end(struct lane *lane)
{
    run.ended[lane - run.lanes]++;
}

static const struct pacer_ops ops = {.send = send_one, .is_over = is_over, .end = end};

static int setup(void **state)
{
    (void)state;
    memset(&run, 0, sizeof run);
    run.most = CALLS;
    run.lanes = calloc(LANES, sizeof *run.lanes);
    return run.lanes == NULL ? 1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    pacer_deinit(&run.pacer);
    free(run.lanes);
    return 0;
}

static void start(uint32_t rate)
{
    assert_int_equal(pacer_init(&run.pacer, rate, LANES, &ops, &run), STATED_OK);
    for (size_t i = 0; i < LANES; i++) {
        pacer_give(&run.pacer, &run.lanes[i]);
    }
    assert_int_equal(pacer_start(&run.pacer), STATED_OK);
}

static void assert_each_ended_once(void)
{
    for (size_t i = 0; i < LANES; i++) {
        assert_int_equal(run.ended[i], 1);
    }
}

static void test_calls_are_due_at_the_rate(void **state)
{
    (void)state;
    uint64_t began_ns = clock_now_ns();
    start(2000);
    pacer_join(&run.pacer);
    assert_int_equal(run.sent, CALLS);
    for (unsigned i = 1; i < CALLS; i++) {
        assert_in_range(run.due_ns[i] - run.due_ns[i - 1], 499999, 500001);
    }
    assert_true(clock_now_ns() - began_ns >= (uint64_t)(CALLS - 1) * 500000);
    assert_each_ended_once();
}

static void test_a_run_that_is_over_does_not_wait_for_the_next_call(void **state)
{
    (void)state;
    start(1); /* the second call is due in a second */
    atomic_store(&run.over, true);
    pacer_join(&run.pacer);
    assert_in_range(run.sent, 1, 2);
    assert_each_ended_once();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_calls_are_due_at_the_rate, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_run_that_is_over_does_not_wait_for_the_next_call,
                                        setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
