/* A torn state: nothing executes until it is recovered or cleared, and who tore it is on record. */
#include "sched/gate.h"

#include "base/clock.h"

#include "gate_layer.h"
#include "test.h"

static int setup(void **state)
{
    return layer_setup_with(state, &layer_usual_options, &layer_ops);
}

static int setup_without_recovery(void **state)
{
    static struct gate_ops ops;
    ops = layer_ops;
    ops.recover = NULL;
    return layer_setup_with(state, &layer_usual_options, &ops);
}

/* Holds a write with a queue of two behind it, and poisons. Gives the write's run. */
static struct gate_run *poison(struct layer *self, struct gate_entry *write,
                               struct gate_entry *queued)
{
    struct gate_run *run = layer_hold_write(self, write);
    layer_submit_new(self, &queued[0], GATE_WRITE, false);
    layer_submit_new(self, &queued[1], GATE_READ, true);
    assert_false(gate_is_poisoned(self->gate));
    gate_poison(self->gate, write, "half of it is written");
    return run;
}

static void test_poison_drops_the_queue_and_refuses_what_comes(void **state)
{
    struct layer *self = *state;
    struct gate_entry write;
    struct gate_entry queued[2];
    struct gate_entry late[2];
    struct gate_run *run = poison(self, &write, queued);
    assert_int_equal(self->dropped, 2);
    assert_int_equal(queued[0].reason, GATE_REASON_POISONED);
    assert_int_equal(queued[1].reason, GATE_REASON_POISONED);
    layer_submit_new(self, &late[0], GATE_READ, true);
    layer_submit_new(self, &late[1], GATE_BYPASS, true);
    assert_int_equal(late[0].reason, GATE_REASON_POISONED);
    assert_int_equal(late[1].reason, GATE_REASON_POISONED);
    assert_int_equal(late[0].ticket, 0);
    assert_int_equal(late[0].retry_after_ms, 0);
    assert_true(gate_is_poisoned(self->gate));
    layer_let_go(self, run);
    layer_wait_idle(self);
    assert_int_equal(self->executed, 1);
    layer_submit_new(self, &late[0], GATE_READ, true);
    assert_int_equal(late[0].reason, GATE_REASON_POISONED);
}

static void test_the_first_report_is_kept(void **state)
{
    struct layer *self = *state;
    struct gate_entry write;
    struct gate_entry queued[2];
    struct gate_poison report;
    assert_false(gate_read_poison(self->gate, &report));
    uint64_t before_ns = clock_now_ns();
    struct gate_run *run = poison(self, &write, queued);
    gate_poison(self->gate, &queued[0], "another");
    assert_true(gate_read_poison(self->gate, &report));
    assert_int_equal(report.ticket, write.ticket);
    assert_string_equal(report.label, "test");
    assert_string_equal(report.message, "half of it is written");
    assert_in_range(report.since_ns, before_ns, clock_now_ns());
    layer_let_go(self, run);
    layer_wait_idle(self);
}

static void test_an_operator_clears_it(void **state)
{
    struct layer *self = *state;
    struct gate_entry write;
    struct gate_entry queued[2];
    struct gate_entry after;
    assert_false(gate_clear_poison(self->gate, 0));
    struct gate_run *run = poison(self, &write, queued);
    layer_let_go(self, run);
    layer_wait_idle(self);
    assert_int_equal(self->recoveries, 0);
    assert_false(gate_clear_poison(self->gate, write.ticket + 1));
    assert_true(gate_is_poisoned(self->gate));
    assert_true(gate_clear_poison(self->gate, write.ticket));
    assert_false(gate_clear_poison(self->gate, write.ticket));
    assert_false(gate_is_poisoned(self->gate));
    layer_submit_new(self, &after, GATE_READ, true);
    assert_int_equal(after.state, GATE_DONE);
    assert_int_equal(after.ticket, queued[1].ticket + 1);
}

static void test_recovery_runs_alone_and_clears_it(void **state)
{
    struct layer *self = *state;
    struct gate_entry write;
    struct gate_entry bypassing;
    struct gate_entry queued[2];
    struct gate_entry after;
    self->recovers = true;
    layer_set_hold(self, true);
    layer_submit_new(self, &bypassing, GATE_BYPASS, true);
    struct gate_run *reading = self->held[0];
    struct gate_run *run = poison(self, &write, queued);
    gate_finish(self->gate, run);
    assert_false(gate_clear_poison(self->gate, write.ticket)); /* its recovery is to come */
    assert_false(gate_wait_idle(self->gate, 100)); /* the timer has its turn meanwhile */
    assert_int_equal(self->recoveries, 0);         /* something still runs */
    layer_let_go(self, reading);
    layer_wait(self, &self->recoveries, 1);
    layer_wait_idle(self);
    assert_false(gate_is_poisoned(self->gate));
    layer_submit_new(self, &after, GATE_WRITE, false);
    layer_wait_idle(self);
    assert_int_equal(after.state, GATE_DONE);
    assert_int_equal(self->recoveries, 1);
}

static void test_nothing_executes_during_a_recovery(void **state)
{
    struct layer *self = *state;
    struct gate_entry write;
    struct gate_entry queued[2];
    struct gate_entry late;
    struct gate_run *run = poison(self, &write, queued);
    layer_set_block(self, true);
    layer_let_go(self, run);
    layer_wait(self, &self->recoveries, 1);
    layer_submit_new(self, &late, GATE_READ, true);
    assert_int_equal(late.reason, GATE_REASON_POISONED);
    assert_false(gate_clear_poison(self->gate, write.ticket));
    assert_false(gate_wait_idle(self->gate, 2));
    layer_set_block(self, false);
    layer_wait_idle(self);
}

static void test_a_recovery_that_fails_is_not_repeated(void **state)
{
    struct layer *self = *state;
    struct gate_entry write;
    struct gate_entry queued[2];
    layer_let_go(self, poison(self, &write, queued));
    layer_wait_idle(self);
    assert_int_equal(self->recoveries, 1);
    assert_true(gate_is_poisoned(self->gate));
    assert_true(gate_clear_poison(self->gate, write.ticket));
}

static void test_poison_may_come_again(void **state)
{
    struct layer *self = *state;
    struct gate_entry write;
    struct gate_entry queued[2];
    self->recovers = true;
    for (uint32_t i = 1; i <= 3; i++) {
        layer_let_go(self, poison(self, &write, queued));
        layer_wait_idle(self);
        assert_int_equal(self->recoveries, i);
        assert_false(gate_is_poisoned(self->gate));
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, layer_teardown)
#define CASE_WITHOUT_RECOVERY(name)                                                                \
    cmocka_unit_test_setup_teardown(name, setup_without_recovery, layer_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE_WITHOUT_RECOVERY(test_poison_drops_the_queue_and_refuses_what_comes),
        CASE_WITHOUT_RECOVERY(test_the_first_report_is_kept),
        CASE_WITHOUT_RECOVERY(test_an_operator_clears_it),
        CASE(test_recovery_runs_alone_and_clears_it),
        CASE(test_nothing_executes_during_a_recovery),
        CASE(test_a_recovery_that_fails_is_not_repeated),
        CASE(test_poison_may_come_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
