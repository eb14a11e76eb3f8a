/* What the gate shows of itself: holder and queue, and how long calls waited and ran. */
#include "sched/gate.h"

#include "base/clock.h"

#include "gate_layer.h"
#include "test.h"

#include <string.h>

static int setup(void **state)
{
    return layer_setup_with(state, &layer_usual_options, &layer_ops);
}

static void test_an_idle_gate_shows_nobody(void **state)
{
    struct layer *self = *state;
    struct gate_queued_call running[1];
    struct gate_queued_call waiting[1];
    struct gate_queue queue = {
        .running = running, .max_running = 1, .waiting = waiting, .max_waiting = 1};
    gate_read_queue(self->gate, &queue);
    assert_int_equal(queue.n_running, 0);
    assert_int_equal(queue.n_waiting, 0);
    assert_int_equal(queue.running_calls, 0);
    assert_int_equal(queue.waiting_calls, 0);
}

static void test_the_queue_shows_holder_and_waiting_calls(void **state)
{
    struct layer *self = *state;
    struct gate_queued_call running[4];
    struct gate_queued_call waiting[2];
    struct gate_queue queue = {
        .running = running, .max_running = 4, .waiting = waiting, .max_waiting = 2};
    struct gate_entry bypassing;
    struct gate_entry write;
    struct gate_entry queued[3];
    self->party.name = "tcp://10.1.2.3:45";
    layer_set_hold(self, true);
    layer_submit_new(self, &bypassing, GATE_BYPASS, true);
    struct gate_run *reading = self->held[0];
    struct gate_run *run = layer_hold_write(self, &write);
    for (size_t i = 0; i < 3; i++) {
        layer_submit_new(self, &queued[i], i == 0 ? GATE_READ : GATE_WRITE, false);
    }
    gate_read_queue(self->gate, &queue);
    assert_int_equal(queue.running_calls, 2);
    assert_int_equal(queue.n_running, 2);
    assert_int_equal(running[0].ticket, 0);
    assert_int_equal(running[0].access, GATE_BYPASS);
    assert_int_equal(running[1].ticket, write.ticket);
    assert_int_equal(running[1].access, GATE_WRITE);
    assert_true(running[1].since_ns == write.granted_ns);
    assert_string_equal(running[1].label, "test");
    assert_string_equal(running[1].party, "tcp://10.1.2.3:45");
    assert_int_equal(queue.waiting_calls, 3);
    assert_int_equal(queue.n_waiting, 2);
    assert_int_equal(waiting[0].ticket, queued[0].ticket);
    assert_int_equal(waiting[1].ticket, queued[1].ticket);
    assert_int_equal(waiting[0].access, GATE_READ);
    assert_true(waiting[0].since_ns == queued[0].admitted_ns);
    gate_finish(self->gate, reading);
    layer_let_go(self, run);
    layer_wait_idle(self);
    gate_read_queue(self->gate, &queue);
    assert_int_equal(queue.n_running + queue.n_waiting, 0);
}

static void test_a_long_party_name_is_cut_and_none_is_empty(void **state)
{
    struct layer *self = *state;
    struct gate_queued_call running[1];
    struct gate_queue queue = {.running = running, .max_running = 1};
    char name[2 * GATE_PARTY_NAME_BYTES];
    struct gate_entry write;
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    struct gate_run *run = layer_hold_write(self, &write);
    gate_read_queue(self->gate, &queue);
    assert_string_equal(running[0].party, "");
    self->party.name = name;
    gate_read_queue(self->gate, &queue);
    assert_int_equal(strlen(running[0].party), GATE_PARTY_NAME_BYTES - 1);
    layer_let_go(self, run);
    layer_wait_idle(self);
}

static void test_times_are_kept_by_access_mode(void **state)
{
    struct layer *self = *state;
    struct gate_entry write;
    struct gate_entry queued;
    struct gate_entry read;
    struct gate_times times;
    struct gate_run *run = layer_hold_write(self, &write);
    layer_submit_new(self, &queued, GATE_WRITE, false);
    layer_let_go(self, run);
    layer_wait_idle(self);
    layer_submit_new(self, &read, GATE_READ, true);
    gate_read_times(self->gate, GATE_WRITE, &times);
    assert_int_equal(latency_count(&times.wait), 2);
    assert_int_equal(latency_count(&times.hold), 2);
    assert_int_equal(times.wait.sum_ns, queued.granted_ns - queued.admitted_ns);
    assert_int_equal(times.hold.sum_ns,
                     write.finished_ns - write.granted_ns + queued.finished_ns - queued.granted_ns);
    gate_read_times(self->gate, GATE_READ, &times);
    assert_int_equal(latency_count(&times.wait), 1);
    assert_int_equal(times.wait.sum_ns, 0);
    gate_read_times(self->gate, GATE_BYPASS, &times);
    assert_int_equal(latency_count(&times.wait), 0);
}

static void assert_outlook(struct layer *self, bool has_writes, uint32_t calls)
{
    struct gate_outlook outlook;
    gate_read_outlook(self->gate, clock_now_ns(), &outlook);
    assert_int_equal(outlook.has_writes, has_writes);
    assert_int_equal(outlook.calls, calls);
}

static void test_the_outlook_tells_writes_from_reads(void **state)
{
    struct layer *self = *state;
    struct gate_entry writes[2];
    struct gate_entry reads[2];
    assert_outlook(self, false, 0);
    struct gate_run *run = layer_hold_write(self, &writes[0]);
    assert_outlook(self, true, 1); /* it runs */
    layer_let_go(self, run);
    layer_wait_idle(self);
    assert_outlook(self, false, 0);
    layer_set_hold(self, true);
    for (uint32_t i = 0; i < 2; i++) {
        layer_submit_new(self, &reads[i], GATE_READ, false);
        layer_wait(self, &self->n_held, i + 2);
    }
    assert_outlook(self, false, 2);
    layer_submit_new(self, &writes[1], GATE_WRITE, false);
    assert_outlook(self, true, 3); /* it waits */
    layer_set_hold(self, false);
    gate_finish(self->gate, self->held[1]);
    gate_finish(self->gate, self->held[2]);
    layer_wait_idle(self);
    assert_outlook(self, false, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, layer_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_an_idle_gate_shows_nobody),
        CASE(test_the_queue_shows_holder_and_waiting_calls),
        CASE(test_a_long_party_name_is_cut_and_none_is_empty),
        CASE(test_times_are_kept_by_access_mode),
        CASE(test_the_outlook_tells_writes_from_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
