/* The gate's promises one by one, over an executor that can keep runs open: what completes a run
   later, from another thread, is the test itself. All at once under load: test_gate_stress.c. */
#include "sched/gate.h"

#include "base/clock.h"

#include "gate_layer.h"
#include "test.h"

static int setup(void **state)
{
    return layer_setup_with(state, &layer_usual_options, &layer_ops);
}

static int setup_without_inline(void **state)
{
    struct gate_options options = layer_usual_options;
    options.inline_light_reads = false;
    return layer_setup_with(state, &options, &layer_ops);
}

static int setup_small_share(void **state)
{
    struct gate_options options = layer_usual_options;
    options.max_party_calls = 3;
    return layer_setup_with(state, &options, &layer_ops);
}

static int setup_large_with(void **state, const struct gate_ops *ops)
{
    struct gate_options options = layer_usual_options;
    options.max_queued_calls = 200;
    options.max_queued_bytes = 100000;
    options.max_party_calls = 200;
    options.max_run_calls = 100;
    return layer_setup_with(state, &options, ops);
}

static int setup_large(void **state)
{
    return setup_large_with(state, &layer_ops);
}

static struct gate_entry *asks_when_answered; /* a write that an answered caller submits */

static void finished_and_ask(void *context, struct gate_run *run)
{
    struct gate_entry *write = asks_when_answered;
    layer_ops.finished(context, run);
    if (write != NULL) {
        asks_when_answered = NULL;
        layer_submit_new(context, write, GATE_WRITE, false);
    }
}

static int setup_large_that_asks(void **state)
{
    static struct gate_ops ops;
    ops = layer_ops;
    ops.finished = finished_and_ask;
    return setup_large_with(state, &ops);
}

static void test_options_out_of_range_are_refused(void **state)
{
    struct layer *self = *state;
    struct gate_options bad[7];
    for (size_t i = 0; i < 7; i++) {
        bad[i] = layer_usual_options;
    }
    bad[0].workers = 1;
    bad[1].workers = 1000000;
    bad[2].max_queued_calls = 0;
    bad[3].max_queued_bytes = 0;
    bad[4].max_party_calls = 0;
    bad[5].max_run_calls = 0;
    bad[6].max_run_bytes = 0;
    for (size_t i = 0; i < 7; i++) {
        struct gate *gate = self->gate;
        assert_int_equal(gate_new(&bad[i], &layer_ops, self, &gate), STATED_INVALID_ARGUMENT);
        assert_null(gate);
    }
    gate_free(NULL);
}

static void test_a_granted_light_read_runs_on_the_submitters_thread(void **state)
{
    struct layer *self = *state;
    struct gate_entry read;
    layer_submit_new(self, &read, GATE_READ, true);
    assert_int_equal(read.state, GATE_DONE);
    assert_int_equal(read.ticket, 1);
    assert_int_equal(self->finished, 1);
    assert_true(pthread_equal(self->executed_on, pthread_self()));
}

static void test_inline_execution_has_an_off_switch(void **state)
{
    struct layer *self = *state;
    struct gate_entry read;
    layer_submit_new(self, &read, GATE_READ, true);
    layer_wait_idle(self);
    assert_int_equal(self->finished, 1);
    assert_false(pthread_equal(self->executed_on, pthread_self()));
}

static void test_heavy_reads_run_on_workers_at_the_same_time(void **state)
{
    struct layer *self = *state;
    struct gate_entry reads[2];
    layer_set_hold(self, true);
    layer_submit_new(self, &reads[0], GATE_READ, false);
    layer_submit_new(self, &reads[1], GATE_READ, false);
    layer_wait(self, &self->n_held, 2);
    assert_false(pthread_equal(self->executed_on, pthread_self()));
    assert_int_equal(layer_figures(self).running_calls, 2);
    gate_finish(self->gate, self->held[0]);
    gate_finish(self->gate, self->held[1]);
    layer_wait_idle(self);
}

static void test_inline_reads_of_a_frame_are_bounded(void **state)
{
    struct layer *self = *state;
    static struct gate_entry reads[200];
    struct gate_entry *frame[200];
    layer_set_hold(self, true);
    for (size_t i = 0; i < 200; i++) {
        reads[i] = layer_entry(self, GATE_READ, true);
        frame[i] = &reads[i];
    }
    gate_submit(self->gate, frame, 200, clock_now_ns());
    layer_wait(self, &self->executed, 200);
    assert_in_range(self->n_held, 4, 18);
    for (uint32_t i = 0; i < self->n_held; i++) {
        assert_in_range(self->held[i]->count, 1, 64);
        gate_finish(self->gate, self->held[i]);
    }
    layer_wait_idle(self);
    assert_int_equal(self->finished, 200);
}

static void test_queued_writes_and_light_reads_become_one_run(void **state)
{
    struct layer *self = *state;
    struct gate_entry first;
    struct gate_entry queued[4];
    struct gate_run *run = layer_hold_write(self, &first);
    for (size_t i = 0; i < 4; i++) {
        layer_submit_new(self, &queued[i], i == 1 ? GATE_READ : GATE_WRITE, true);
        assert_int_equal(queued[i].state, GATE_QUEUED);
        assert_int_equal(queued[i].queued_ahead, i + 1);
    }
    gate_finish(self->gate, run);
    layer_wait(self, &self->n_held, 2);
    assert_int_equal(self->held[1]->kind, GATE_RUN_EXCLUSIVE);
    assert_int_equal(self->held[1]->count, 4);
    layer_let_go(self, self->held[1]);
    layer_wait_idle(self);
    assert_int_equal(self->finished, 5);
}

static void test_times_and_tickets_are_in_order(void **state)
{
    struct layer *self = *state;
    struct gate_entry first;
    struct gate_entry second;
    uint64_t before_ns = clock_now_ns();
    struct gate_run *run = layer_hold_write(self, &first);
    layer_submit_new(self, &second, GATE_READ, false);
    layer_let_go(self, run);
    layer_wait_idle(self);
    assert_int_equal(first.ticket, 1);
    assert_int_equal(second.ticket, 2);
    assert_true(before_ns <= first.admitted_ns && first.admitted_ns <= first.granted_ns);
    assert_true(first.granted_ns <= first.finished_ns);
    assert_true(first.finished_ns <= second.granted_ns);
    assert_true(second.granted_ns <= second.finished_ns);
    assert_int_equal(layer_figures(self).next_ticket, 3);
}

static void test_an_entry_expires_in_the_queue_and_lets_the_next_run(void **state)
{
    struct layer *self = *state;
    struct gate_entry reading;
    struct gate_entry write;
    struct gate_entry read;
    layer_set_hold(self, true);
    layer_submit_new(self, &reading, GATE_READ, false);
    layer_wait(self, &self->n_held, 1);
    write = layer_entry(self, GATE_WRITE, false);
    write.deadline_ns = clock_now_ns() + 20 * CLOCK_NS_PER_MS;
    layer_submit(self, &write);
    layer_submit_new(self, &read, GATE_READ, false);
    assert_int_equal(self->executed, 1);
    layer_wait(self, &self->dropped, 1);
    assert_int_equal(write.reason, GATE_REASON_EXPIRED);
    assert_true(clock_now_ns() >= write.deadline_ns);
    layer_wait(self, &self->n_held, 2);
    gate_finish(self->gate, self->held[0]);
    gate_finish(self->gate, self->held[1]);
    layer_wait_idle(self);
    assert_int_equal(layer_figures(self).expired, 1);
}

/* Queues one that does not wait for long, and waits until it has expired. */
static void submit_hasty(struct layer *self, struct gate_entry *hasty)
{
    uint32_t dropped = self->dropped;
    *hasty = layer_entry(self, GATE_WRITE, false);
    hasty->deadline_ns = clock_now_ns() + 10 * CLOCK_NS_PER_MS;
    layer_submit(self, hasty);
    layer_wait(self, &self->dropped, dropped + 1);
    assert_int_equal(hasty->reason, GATE_REASON_EXPIRED);
}

static void test_the_timer_minds_an_earlier_deadline_that_comes_later(void **state)
{
    struct layer *self = *state;
    struct gate_entry first;
    struct gate_entry patient;
    struct gate_entry hasty;
    /* A gate that is idle again after its timer has acted has a timer that is asleep. */
    struct gate_run *run = layer_hold_write(self, &first);
    submit_hasty(self, &hasty);
    layer_let_go(self, run);
    layer_wait_idle(self);
    run = layer_hold_write(self, &first);
    layer_submit_new(self, &patient, GATE_WRITE, false);
    submit_hasty(self, &hasty);
    assert_int_equal(patient.state, GATE_QUEUED);
    layer_let_go(self, run);
    layer_wait_idle(self);
    assert_int_equal(patient.state, GATE_DONE);
}

static void test_cancelling_a_queued_entry_drops_it(void **state)
{
    struct layer *self = *state;
    struct gate_entry reading;
    struct gate_entry write;
    struct gate_entry read;
    layer_set_hold(self, true);
    layer_submit_new(self, &reading, GATE_READ, false);
    layer_wait(self, &self->n_held, 1);
    layer_submit_new(self, &write, GATE_WRITE, false);
    layer_submit_new(self, &read, GATE_READ, false);
    assert_true(gate_cancel(self->gate, &write));
    assert_int_equal(write.reason, GATE_REASON_CANCELLED);
    assert_int_equal(self->dropped, 1);
    assert_false(gate_cancel(self->gate, &write));
    layer_wait(self, &self->n_held, 2);
    gate_finish(self->gate, self->held[0]);
    gate_finish(self->gate, self->held[1]);
    layer_wait_idle(self);
    assert_int_equal(layer_figures(self).cancelled, 1);
}

static void test_a_granted_entry_runs_whoever_cancels_it(void **state)
{
    struct layer *self = *state;
    struct gate_entry write;
    struct gate_run *run = layer_hold_write(self, &write);
    assert_false(gate_cancel(self->gate, &write));
    gate_cancel_party(self->gate, &self->party);
    layer_let_go(self, run);
    layer_wait_idle(self);
    assert_int_equal(write.state, GATE_DONE);
    assert_int_equal(self->dropped, 0);
}

static void test_a_party_that_leaves_takes_its_queued_calls_along(void **state)
{
    struct layer *self = *state;
    struct gate_party other;
    struct gate_entry first;
    struct gate_entry mine;
    struct gate_entry theirs[3];
    gate_party_init(&other);
    struct gate_run *run = layer_hold_write(self, &first);
    for (size_t i = 0; i < 3; i++) {
        theirs[i] = layer_entry(self, i == 1 ? GATE_READ : GATE_WRITE, false);
        theirs[i].party = &other;
        layer_submit(self, &theirs[i]);
        if (i == 0) {
            layer_submit_new(self, &mine, GATE_WRITE, false);
        }
    }
    gate_cancel_party(self->gate, &other);
    assert_int_equal(self->dropped, 3);
    assert_int_equal(other.in_flight, 0);
    assert_int_equal(mine.state, GATE_QUEUED);
    layer_let_go(self, run);
    layer_wait_idle(self);
    assert_int_equal(mine.state, GATE_DONE);
    assert_int_equal(self->executed, 2);
}

static void test_cancelling_a_party_grants_none_of_its_own(void **state)
{
    struct layer *self = *state;
    struct gate_party other;
    struct gate_entry reading;
    struct gate_entry theirs[2];
    gate_party_init(&other);
    layer_set_hold(self, true);
    layer_submit_new(self, &reading, GATE_READ, false);
    layer_wait(self, &self->n_held, 1);
    for (size_t i = 0; i < 2; i++) {
        theirs[i] = layer_entry(self, i == 0 ? GATE_WRITE : GATE_READ, false);
        theirs[i].party = &other;
        layer_submit(self, &theirs[i]);
    }
    gate_cancel_party(self->gate, &other);
    assert_int_equal(self->dropped, 2);
    layer_let_go(self, self->held[0]);
    layer_wait_idle(self);
    assert_int_equal(self->executed, 1);
}

static void test_a_full_queue_refuses_whole_frames_with_advice(void **state)
{
    struct layer *self = *state;
    struct gate_entry first;
    struct gate_entry calls[9];
    struct gate_entry *frame[9];
    struct gate_run *run = layer_hold_write(self, &first);
    for (size_t i = 0; i < 9; i++) {
        calls[i] = layer_entry(self, GATE_WRITE, false);
        frame[i] = &calls[i];
    }
    gate_submit(self->gate, frame, 9, clock_now_ns());
    assert_int_equal(self->dropped, 9);
    for (size_t i = 0; i < 9; i++) {
        assert_int_equal(calls[i].reason, GATE_REASON_QUEUE_CALLS);
        assert_int_equal(calls[i].ticket, 0);
        assert_true(calls[i].retry_after_ms > 0);
    }
    gate_submit(self->gate, frame, 8, clock_now_ns());
    assert_int_equal(self->dropped, 9);
    assert_int_equal(calls[7].ticket, 9);
    assert_int_equal(layer_figures(self).waiting_calls, 8);
    assert_int_equal(layer_figures(self).waiting_bytes, 80);
    assert_int_equal(layer_figures(self).refused, 9);
    layer_let_go(self, run);
    layer_wait_idle(self);
}

static void test_a_queue_full_of_bytes_refuses(void **state)
{
    struct layer *self = *state;
    struct gate_entry first;
    struct gate_entry large;
    struct gate_entry small;
    struct gate_run *run = layer_hold_write(self, &first);
    large = layer_entry(self, GATE_WRITE, false);
    large.bytes = 995;
    layer_submit(self, &large);
    layer_submit_new(self, &small, GATE_READ, true);
    assert_int_equal(small.reason, GATE_REASON_QUEUE_BYTES);
    assert_true(small.retry_after_ms > 0);
    layer_let_go(self, run);
    layer_wait_idle(self);
    assert_int_equal(large.state, GATE_DONE);
}

static void test_calls_that_wait_for_workers_are_bounded_too(void **state)
{
    struct layer *self = *state;
    struct gate_entry calls[11];
    layer_set_block(self, true);
    /* Both workers are kept, so what comes now stays with the pool: 8 calls, and one is too many.
     */
    for (uint32_t i = 0; i < 2; i++) {
        layer_submit_new(self, &calls[i], GATE_BYPASS, false);
        layer_wait(self, &self->executed, i + 1);
    }
    for (size_t i = 2; i < 11; i++) {
        layer_submit_new(self, &calls[i], GATE_BYPASS, false);
    }
    assert_int_equal(calls[9].state, GATE_GRANTED);
    assert_int_equal(calls[10].reason, GATE_REASON_QUEUE_CALLS);
    layer_set_block(self, false);
    layer_wait_idle(self);
    assert_int_equal(self->finished, 10);
}

static void test_a_party_has_its_share_and_no_more(void **state)
{
    struct layer *self = *state;
    struct gate_party other;
    struct gate_entry first;
    struct gate_entry calls[4];
    gate_party_init(&other);
    struct gate_run *run = layer_hold_write(self, &first);
    for (size_t i = 0; i < 3; i++) {
        layer_submit_new(self, &calls[i], i == 1 ? GATE_READ : GATE_WRITE, false);
    }
    assert_int_equal(calls[1].state, GATE_QUEUED);
    assert_int_equal(calls[2].reason, GATE_REASON_SHARE);
    assert_true(calls[2].retry_after_ms > 0);
    calls[3] = layer_entry(self, GATE_WRITE, false);
    calls[3].party = &other;
    layer_submit(self, &calls[3]);
    assert_int_equal(calls[3].state, GATE_QUEUED);
    layer_let_go(self, run);
    layer_wait_idle(self);
    assert_int_equal(self->party.in_flight, 0);
    layer_submit_new(self, &calls[2], GATE_READ, true);
    assert_int_equal(calls[2].state, GATE_DONE);
}

static uint64_t expected_answer_ns(struct layer *self, uint64_t now_ns)
{
    struct gate_outlook outlook;
    gate_read_outlook(self->gate, now_ns, &outlook);
    return outlook.answer_ns;
}

static void test_the_time_to_an_answer_is_learned_from_those_that_queued(void **state)
{
    struct layer *self = *state;
    struct gate_entry first;
    struct gate_entry second;
    assert_int_equal(expected_answer_ns(self, clock_now_ns()), 0);
    struct gate_run *run = layer_hold_write(self, &first);
    layer_submit_new(self, &second, GATE_WRITE, false);
    gate_finish(self->gate, run); /* had nothing ahead of it, and says nothing */
    layer_wait(self, &self->n_held, 2);
    assert_int_equal(expected_answer_ns(self, clock_now_ns()), 0);
    gate_finish(self->gate, self->held[1]);
    layer_wait_idle(self);
    uint64_t took_ns = second.finished_ns - second.admitted_ns;
    assert_int_equal(expected_answer_ns(self, second.finished_ns), 0); /* nobody there */
    run = layer_hold_write(self, &first);
    assert_in_range(expected_answer_ns(self, second.finished_ns), took_ns - took_ns / 8, took_ns);
    layer_let_go(self, run);
    layer_wait_idle(self);
}

static void test_calls_over_their_share_are_refused_unseen(void **state)
{
    struct layer *self = *state;
    struct gate_entry first;
    struct gate_entry calls[3];
    struct gate_entry *frame[3];
    struct gate_run *run = layer_hold_write(self, &first);
    for (size_t i = 0; i < 3; i++) {
        calls[i] = layer_entry(self, i == 1 ? GATE_BYPASS : GATE_READ, true);
        frame[i] = &calls[i];
    }
    calls[2].deadline_ns = 1;
    gate_refuse(self->gate, frame, 3, clock_now_ns());
    assert_int_equal(self->dropped, 3);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(calls[i].reason, GATE_REASON_SHARE);
        assert_int_equal(calls[i].ticket, 0);
        assert_true(calls[i].retry_after_ms > 0);
    }
    assert_int_equal(calls[2].reason, GATE_REASON_LATE);
    assert_int_equal(layer_figures(self).refused, 3);
    assert_int_equal(layer_figures(self).next_ticket, 2);
    layer_let_go(self, run);
    layer_wait_idle(self);
    assert_int_equal(self->party.in_flight, 0);
}

static void test_a_call_that_comes_late_is_refused_alone(void **state)
{
    struct layer *self = *state;
    uint64_t now_ns = clock_now_ns();
    struct gate_entry calls[3];
    struct gate_entry *frame[3];
    for (size_t i = 0; i < 3; i++) {
        calls[i] = layer_entry(self, GATE_READ, true);
        frame[i] = &calls[i];
    }
    calls[1].deadline_ns = now_ns;
    gate_submit(self->gate, frame, 3, now_ns);
    assert_int_equal(calls[1].reason, GATE_REASON_LATE);
    assert_int_equal(calls[1].ticket, 0);
    assert_int_equal(calls[0].ticket, 1);
    assert_int_equal(calls[2].ticket, 2);
    assert_int_equal(calls[2].state, GATE_DONE);
}

/* Has a queued write wait for about wait_ms behind another. */
static void teach_a_wait(struct layer *self, uint32_t wait_ms)
{
    struct gate_entry first;
    struct gate_entry second;
    struct gate_run *run = layer_hold_write(self, &first);
    layer_submit_new(self, &second, GATE_WRITE, false);
    struct gate_entry expiring = layer_entry(self, GATE_WRITE, false);
    uint32_t dropped_before = self->dropped;
    expiring.deadline_ns = clock_now_ns() + wait_ms * CLOCK_NS_PER_MS;
    layer_submit(self, &expiring);
    layer_wait(self, &self->dropped, dropped_before + 1);
    layer_let_go(self, run);
    layer_wait_idle(self);
}

static void test_a_hopeless_call_is_refused_but_never_on_an_idle_gate(void **state)
{
    struct layer *self = *state;
    struct gate_entry first;
    struct gate_entry hopeless;
    struct gate_entry hopeful;
    struct gate_entry idle;
    teach_a_wait(self, 200);
    idle = layer_entry(self, GATE_READ, true);
    idle.deadline_ns = clock_now_ns() + CLOCK_NS_PER_MS * 5;
    layer_submit(self, &idle);
    assert_int_equal(idle.state, GATE_DONE);

    struct gate_run *run = layer_hold_write(self, &first);
    hopeless = layer_entry(self, GATE_WRITE, false);
    hopeless.deadline_ns = clock_now_ns() + CLOCK_NS_PER_MS * 5;
    layer_submit(self, &hopeless);
    assert_int_equal(hopeless.reason, GATE_REASON_HOPELESS);
    assert_int_equal(hopeless.ticket, 0);
    assert_true(hopeless.retry_after_ms > 5);
    layer_submit_new(self, &hopeful, GATE_WRITE, false);
    assert_int_equal(hopeful.state, GATE_QUEUED);
    layer_let_go(self, run);
    layer_wait_idle(self);
}

static void test_a_bypassing_read_waits_for_no_writer_and_takes_no_ticket(void **state)
{
    struct layer *self = *state;
    struct gate_entry write;
    struct gate_entry heavy;
    struct gate_entry light;
    self->block_writes = true; /* the writer sits on its worker, as in a disk sync */
    layer_submit_new(self, &write, GATE_WRITE, false);
    layer_wait(self, &self->executed, 1);
    layer_submit_new(self, &heavy, GATE_BYPASS, false);
    layer_wait(self, &self->finished, 1);
    layer_submit_new(self, &light, GATE_BYPASS, true);
    assert_int_equal(light.state, GATE_DONE);
    assert_int_equal(light.ticket, 0);
    assert_int_equal(heavy.ticket, 0);
    assert_int_equal(layer_figures(self).running_calls, 1);
    layer_set_block(self, false);
    layer_wait_idle(self);
    assert_int_equal(layer_figures(self).running_calls, 0);
}

static void test_an_open_bypassing_read_keeps_the_gate_busy(void **state)
{
    struct layer *self = *state;
    struct gate_entry read;
    layer_wait_idle(self); /* the workers sleep, and as the read runs on this thread, go on so */
    layer_set_hold(self, true);
    layer_submit_new(self, &read, GATE_BYPASS, true);
    assert_int_equal(self->n_held, 1);
    assert_int_equal(layer_figures(self).running_calls, 1);
    assert_false(gate_wait_idle(self->gate, 1));
    gate_finish(self->gate, self->held[0]);
    layer_wait_idle(self);
}

static void test_a_call_outlives_its_deadline_once_granted(void **state)
{
    struct layer *self = *state;
    struct gate_entry write;
    struct gate_entry hasty;
    struct gate_entry expiring;
    struct gate_run *run = layer_hold_write(self, &write);
    hasty = layer_entry(self, GATE_WRITE, false);
    hasty.deadline_ns = clock_now_ns() + 200 * CLOCK_NS_PER_MS;
    layer_submit(self, &hasty);
    gate_finish(self->gate, run);
    layer_wait(self, &self->n_held, 2);
    /* When this one has expired, the other's deadline has passed as well. */
    expiring = layer_entry(self, GATE_WRITE, false);
    expiring.deadline_ns = hasty.deadline_ns + 5 * CLOCK_NS_PER_MS;
    layer_submit(self, &expiring);
    layer_wait(self, &self->dropped, 1);
    assert_int_equal(expiring.reason, GATE_REASON_EXPIRED);
    assert_int_equal(hasty.state, GATE_GRANTED);
    layer_let_go(self, self->held[1]);
    layer_wait_idle(self);
    assert_int_equal(hasty.state, GATE_DONE);
    assert_int_equal(self->dropped, 1);
}

static void test_a_frame_may_mix_all_kinds(void **state)
{
    struct layer *self = *state;
    struct gate_entry calls[5];
    struct gate_entry *frame[5];
    static const enum gate_access access[5] = {GATE_READ, GATE_BYPASS, GATE_WRITE, GATE_READ,
                                               GATE_WRITE};
    for (size_t i = 0; i < 5; i++) {
        calls[i] = layer_entry(self, access[i], i < 2);
        frame[i] = &calls[i];
    }
    gate_submit(self->gate, frame, 5, clock_now_ns());
    layer_wait_idle(self);
    static const uint64_t tickets[5] = {1, 0, 2, 3, 4};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(calls[i].state, GATE_DONE);
        assert_int_equal(calls[i].ticket, tickets[i]);
    }
}

static void test_what_queues_up_joins_the_run_that_is_executed(void **state)
{
    struct layer *self = *state;
    struct gate_entry first;
    struct gate_entry queued[2];
    struct gate_run *run = layer_hold_write(self, &first);
    assert_null(gate_extend(self->gate, run));
    layer_submit_new(self, &queued[0], GATE_WRITE, false);
    layer_submit_new(self, &queued[1], GATE_READ, true);
    assert_ptr_equal(gate_extend(self->gate, run), &queued[0].node);
    assert_int_equal(run->count, 3);
    assert_int_equal(queued[1].state, GATE_GRANTED);
    assert_null(gate_extend(self->gate, run));
    layer_let_go(self, run);
    layer_wait_idle(self);
    assert_int_equal(self->finished, 3);
    assert_int_equal(queued[0].state, GATE_DONE);
    assert_true(queued[0].granted_ns >= queued[0].admitted_ns);
}

static void test_answered_callers_share_the_run_after_a_large_one(void **state)
{
    struct layer *self = *state;
    struct gate_entry first;
    struct gate_entry large[20];
    struct gate_entry early;
    struct gate_entry late;
    struct gate_run *run = layer_hold_write(self, &first);
    for (size_t i = 0; i < 20; i++) {
        layer_submit_new(self, &large[i], GATE_WRITE, false);
    }
    uint32_t n_held = self->n_held;
    gate_finish(self->gate, run);
    layer_wait(self, &self->n_held, n_held + 1);
    assert_int_equal(self->held[n_held]->count, 20);
    layer_submit_new(self, &early, GATE_WRITE, false);
    asks_when_answered = &late;
    gate_finish(self->gate, self->held[n_held]);
    layer_wait(self, &self->n_held, n_held + 2);
    assert_int_equal(self->held[n_held + 1]->count, 2);
    layer_let_go(self, self->held[n_held + 1]);
    layer_wait_idle(self);
    assert_int_equal(late.state, GATE_DONE);
    assert_int_equal(self->finished, 23);
}

static void test_a_draining_gate_finishes_what_it_has(void **state)
{
    struct layer *self = *state;
    struct gate_entry first;
    struct gate_entry queued;
    struct gate_entry late[2];
    struct gate_run *run = layer_hold_write(self, &first);
    layer_submit_new(self, &queued, GATE_WRITE, false);
    gate_drain(self->gate);
    gate_drain(self->gate);
    layer_submit_new(self, &late[0], GATE_READ, true);
    layer_submit_new(self, &late[1], GATE_BYPASS, true);
    assert_int_equal(late[0].reason, GATE_REASON_DRAINING);
    assert_int_equal(late[1].reason, GATE_REASON_DRAINING);
    assert_int_equal(late[0].retry_after_ms, 0);
    assert_false(gate_wait_idle(self->gate, 5));
    layer_let_go(self, run);
    layer_wait_idle(self);
    assert_int_equal(queued.state, GATE_DONE);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, layer_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_options_out_of_range_are_refused),
        CASE(test_a_granted_light_read_runs_on_the_submitters_thread),
        cmocka_unit_test_setup_teardown(test_inline_execution_has_an_off_switch,
                                        setup_without_inline, layer_teardown),
        CASE(test_heavy_reads_run_on_workers_at_the_same_time),
        cmocka_unit_test_setup_teardown(test_inline_reads_of_a_frame_are_bounded, setup_large,
                                        layer_teardown),
        CASE(test_queued_writes_and_light_reads_become_one_run),
        CASE(test_times_and_tickets_are_in_order),
        CASE(test_an_entry_expires_in_the_queue_and_lets_the_next_run),
        CASE(test_the_timer_minds_an_earlier_deadline_that_comes_later),
        CASE(test_cancelling_a_queued_entry_drops_it),
        CASE(test_a_granted_entry_runs_whoever_cancels_it),
        CASE(test_a_party_that_leaves_takes_its_queued_calls_along),
        CASE(test_cancelling_a_party_grants_none_of_its_own),
        CASE(test_a_full_queue_refuses_whole_frames_with_advice),
        CASE(test_a_queue_full_of_bytes_refuses),
        CASE(test_calls_that_wait_for_workers_are_bounded_too),
        cmocka_unit_test_setup_teardown(test_a_party_has_its_share_and_no_more, setup_small_share,
                                        layer_teardown),
        CASE(test_the_time_to_an_answer_is_learned_from_those_that_queued),
        CASE(test_calls_over_their_share_are_refused_unseen),
        CASE(test_a_call_that_comes_late_is_refused_alone),
        CASE(test_a_hopeless_call_is_refused_but_never_on_an_idle_gate),
        CASE(test_a_bypassing_read_waits_for_no_writer_and_takes_no_ticket),
        CASE(test_an_open_bypassing_read_keeps_the_gate_busy),
        CASE(test_a_call_outlives_its_deadline_once_granted),
        CASE(test_a_frame_may_mix_all_kinds),
        cmocka_unit_test_setup_teardown(test_answered_callers_share_the_run_after_a_large_one,
                                        setup_large_that_asks, layer_teardown),
        CASE(test_what_queues_up_joins_the_run_that_is_executed),
        CASE(test_a_draining_gate_finishes_what_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
