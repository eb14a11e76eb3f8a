/* The gate's promises one by one, over an executor that can keep runs open: what completes a run
   later, from another thread, is the test itself. All at once under load: test_gate_stress.c. */
#include "sched/gate.h"

#include "base/monotonic.h"

#include "test.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BOUND_NS (UINT64_C(20) * CLOCK_NS_PER_S)
#define FAR_NS (UINT64_C(60) * CLOCK_NS_PER_S)
#define MAX_HELD 64

/* The layer above the gate. */
struct layer {
    struct gate *gate;
    struct gate_party party;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool hold;  /* execute leaves the run open for the test to finish */
    bool block; /* execute keeps its thread until this ends */
    bool block_writes;
    struct gate_run *held[MAX_HELD];
    uint32_t n_held;
    uint32_t executed; /* calls */
    uint32_t finished;
    uint32_t dropped;
    pthread_t executed_on;
};

static void execute(void *context, struct gate_run *run)
{
    struct layer *self = context;
    pthread_mutex_lock(&self->mutex);
    self->executed += run->count;
    self->executed_on = pthread_self();
    bool hold = self->hold;
    if (hold) {
        self->held[self->n_held++ % MAX_HELD] = run;
    }
    pthread_cond_broadcast(&self->changed);
    while (self->block || (self->block_writes && run->kind == GATE_RUN_EXCLUSIVE)) {
        pthread_cond_wait(&self->changed, &self->mutex);
    }
    pthread_mutex_unlock(&self->mutex);
    if (!hold) {
        gate_finish(self->gate, run);
    }
}

static void finished(void *context, struct gate_run *run)
{
    struct layer *self = context;
    struct list entries;
    list_take(&entries, &run->entries);
    pthread_mutex_lock(&self->mutex);
    while (list_pop_front(&entries) != NULL) {
        self->finished++;
    }
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
}

static void dropped(void *context, struct gate_entry *entry)
{
    struct layer *self = context;
    assert_int_equal(entry->state, GATE_DROPPED);
    assert_int_not_equal(entry->reason, GATE_REASON_NONE);
    pthread_mutex_lock(&self->mutex);
    self->dropped++;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
}

static const struct gate_ops ops = {.execute = execute, .finished = finished, .dropped = dropped};

static const struct gate_options usual = {.workers = 2,
                                          .max_queued_calls = 8,
                                          .max_queued_bytes = 1000,
                                          .max_party_calls = 16,
                                          .max_run_calls = 4,
                                          .max_run_bytes = 1000,
                                          .inline_light_reads = true};

static int setup_with(void **state, const struct gate_options *options)
{
    struct layer *self = calloc(1, sizeof(*self));
    assert_non_null(self);
    pthread_mutex_init(&self->mutex, NULL);
    monotonic_cond_init(&self->changed);
    gate_party_init(&self->party);
    assert_int_equal(gate_new(options, &ops, self, &self->gate), STATED_OK);
    *state = self;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, &usual);
}

static int setup_without_inline(void **state)
{
    struct gate_options options = usual;
    options.inline_light_reads = false;
    return setup_with(state, &options);
}

static int setup_small_share(void **state)
{
    struct gate_options options = usual;
    options.max_party_calls = 3;
    return setup_with(state, &options);
}

static int setup_large(void **state)
{
    struct gate_options options = usual;
    options.max_queued_calls = 200;
    options.max_queued_bytes = 100000;
    options.max_party_calls = 200;
    return setup_with(state, &options);
}

static int teardown(void **state)
{
    struct layer *self = *state;
    gate_free(self->gate);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->mutex);
    free(self);
    return 0;
}

static struct gate_entry entry_of(struct layer *self, enum gate_access access, bool light)
{
    return (struct gate_entry){.access = access,
                               .light = light,
                               .bytes = 10,
                               .deadline_ns = clock_now_ns() + FAR_NS,
                               .party = &self->party,
                               .label = "test"};
}

static void submit(struct layer *self, struct gate_entry *entry)
{
    gate_submit(self->gate, &entry, 1, clock_now_ns());
}

/* Submits `entry` as a new one. */
static void submit_new(struct layer *self, struct gate_entry *entry, enum gate_access access,
                       bool light)
{
    *entry = entry_of(self, access, light);
    submit(self, entry);
}

/* Waits until *value, which the layer changes, is at least n. */
static void wait_until(struct layer *self, const uint32_t *value, uint32_t n)
{
    uint64_t deadline_ns = clock_now_ns() + BOUND_NS;
    pthread_mutex_lock(&self->mutex);
    while (*value < n) {
        assert_true(monotonic_cond_wait(&self->changed, &self->mutex, deadline_ns));
    }
    pthread_mutex_unlock(&self->mutex);
}

static void set_hold(struct layer *self, bool hold)
{
    pthread_mutex_lock(&self->mutex);
    self->hold = hold;
    pthread_mutex_unlock(&self->mutex);
}

static void set_block(struct layer *self, bool block)
{
    pthread_mutex_lock(&self->mutex);
    self->block = block;
    self->block_writes = false;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
}

/* Submits a write and has its run held open; gives the run. */
static struct gate_run *hold_write(struct layer *self, struct gate_entry *write)
{
    uint32_t n_held = self->n_held;
    set_hold(self, true);
    submit_new(self, write, GATE_WRITE, false);
    wait_until(self, &self->n_held, n_held + 1);
    return self->held[n_held];
}

/* From here on runs finish by themselves, this one now. */
static void let_go(struct layer *self, struct gate_run *run)
{
    set_hold(self, false);
    gate_finish(self->gate, run);
}

static void wait_idle(struct layer *self)
{
    assert_true(gate_wait_idle(self->gate, 20000));
}

static struct gate_figures figures_of(struct layer *self)
{
    struct gate_figures figures;
    gate_read_figures(self->gate, &figures);
    return figures;
}

static void test_options_out_of_range_are_refused(void **state)
{
    struct layer *self = *state;
    struct gate_options bad[7];
    for (size_t i = 0; i < 7; i++) {
        bad[i] = usual;
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
        assert_int_equal(gate_new(&bad[i], &ops, self, &gate), STATED_INVALID_ARGUMENT);
        assert_null(gate);
    }
    gate_free(NULL);
}

static void test_a_granted_light_read_runs_on_the_submitters_thread(void **state)
{
    struct layer *self = *state;
    struct gate_entry read;
    submit_new(self, &read, GATE_READ, true);
    assert_int_equal(read.state, GATE_DONE);
    assert_int_equal(read.ticket, 1);
    assert_int_equal(self->finished, 1);
    assert_true(pthread_equal(self->executed_on, pthread_self()));
}

static void test_inline_execution_has_an_off_switch(void **state)
{
    struct layer *self = *state;
    struct gate_entry read;
    submit_new(self, &read, GATE_READ, true);
    wait_idle(self);
    assert_int_equal(self->finished, 1);
    assert_false(pthread_equal(self->executed_on, pthread_self()));
}

static void test_heavy_reads_run_on_workers_at_the_same_time(void **state)
{
    struct layer *self = *state;
    struct gate_entry reads[2];
    set_hold(self, true);
    submit_new(self, &reads[0], GATE_READ, false);
    submit_new(self, &reads[1], GATE_READ, false);
    wait_until(self, &self->n_held, 2);
    assert_false(pthread_equal(self->executed_on, pthread_self()));
    assert_int_equal(figures_of(self).running_calls, 2);
    gate_finish(self->gate, self->held[0]);
    gate_finish(self->gate, self->held[1]);
    wait_idle(self);
}

static void test_inline_reads_of_a_frame_are_bounded(void **state)
{
    struct layer *self = *state;
    static struct gate_entry reads[200];
    struct gate_entry *frame[200];
    set_hold(self, true);
    for (size_t i = 0; i < 200; i++) {
        reads[i] = entry_of(self, GATE_READ, true);
        frame[i] = &reads[i];
    }
    gate_submit(self->gate, frame, 200, clock_now_ns());
    wait_until(self, &self->executed, 200);
    assert_in_range(self->n_held, 4, 18);
    for (uint32_t i = 0; i < self->n_held; i++) {
        assert_in_range(self->held[i]->count, 1, 64);
        gate_finish(self->gate, self->held[i]);
    }
    wait_idle(self);
    assert_int_equal(self->finished, 200);
}

static void test_queued_writes_and_light_reads_become_one_run(void **state)
{
    struct layer *self = *state;
    struct gate_entry first;
    struct gate_entry queued[4];
    struct gate_run *run = hold_write(self, &first);
    for (size_t i = 0; i < 4; i++) {
        submit_new(self, &queued[i], i == 1 ? GATE_READ : GATE_WRITE, true);
        assert_int_equal(queued[i].state, GATE_QUEUED);
        assert_int_equal(queued[i].queued_ahead, i + 1);
    }
    gate_finish(self->gate, run);
    wait_until(self, &self->n_held, 2);
    assert_int_equal(self->held[1]->kind, GATE_RUN_EXCLUSIVE);
    assert_int_equal(self->held[1]->count, 4);
    let_go(self, self->held[1]);
    wait_idle(self);
    assert_int_equal(self->finished, 5);
}

static void test_times_and_tickets_are_in_order(void **state)
{
    struct layer *self = *state;
    struct gate_entry first;
    struct gate_entry second;
    uint64_t before_ns = clock_now_ns();
    struct gate_run *run = hold_write(self, &first);
    submit_new(self, &second, GATE_READ, false);
    let_go(self, run);
    wait_idle(self);
    assert_int_equal(first.ticket, 1);
    assert_int_equal(second.ticket, 2);
    assert_true(before_ns <= first.admitted_ns && first.admitted_ns <= first.granted_ns);
    assert_true(first.granted_ns <= first.finished_ns);
    assert_true(first.finished_ns <= second.granted_ns);
    assert_true(second.granted_ns <= second.finished_ns);
    assert_int_equal(figures_of(self).next_ticket, 3);
}

static void test_an_entry_expires_in_the_queue_and_lets_the_next_run(void **state)
{
    struct layer *self = *state;
    struct gate_entry reading;
    struct gate_entry write;
    struct gate_entry read;
    set_hold(self, true);
    submit_new(self, &reading, GATE_READ, false);
    wait_until(self, &self->n_held, 1);
    write = entry_of(self, GATE_WRITE, false);
    write.deadline_ns = clock_now_ns() + 20 * CLOCK_NS_PER_MS;
    submit(self, &write);
    submit_new(self, &read, GATE_READ, false);
    assert_int_equal(self->executed, 1);
    wait_until(self, &self->dropped, 1);
    assert_int_equal(write.reason, GATE_REASON_EXPIRED);
    assert_true(clock_now_ns() >= write.deadline_ns);
    wait_until(self, &self->n_held, 2);
    gate_finish(self->gate, self->held[0]);
    gate_finish(self->gate, self->held[1]);
    wait_idle(self);
    assert_int_equal(figures_of(self).expired, 1);
}

static void test_the_timer_minds_an_earlier_deadline_that_comes_later(void **state)
{
    struct layer *self = *state;
    struct gate_entry first;
    struct gate_entry patient;
    struct gate_entry hasty;
    struct gate_run *run = hold_write(self, &first);
    submit_new(self, &patient, GATE_WRITE, false);
    hasty = entry_of(self, GATE_WRITE, false);
    hasty.deadline_ns = clock_now_ns() + 10 * CLOCK_NS_PER_MS;
    submit(self, &hasty);
    wait_until(self, &self->dropped, 1);
    assert_int_equal(hasty.reason, GATE_REASON_EXPIRED);
    assert_int_equal(patient.state, GATE_QUEUED);
    let_go(self, run);
    wait_idle(self);
    assert_int_equal(patient.state, GATE_DONE);
}

static void test_cancelling_a_queued_entry_drops_it(void **state)
{
    struct layer *self = *state;
    struct gate_entry reading;
    struct gate_entry write;
    struct gate_entry read;
    set_hold(self, true);
    submit_new(self, &reading, GATE_READ, false);
    wait_until(self, &self->n_held, 1);
    submit_new(self, &write, GATE_WRITE, false);
    submit_new(self, &read, GATE_READ, false);
    assert_true(gate_cancel(self->gate, &write));
    assert_int_equal(write.reason, GATE_REASON_CANCELLED);
    assert_int_equal(self->dropped, 1);
    assert_false(gate_cancel(self->gate, &write));
    wait_until(self, &self->n_held, 2);
    gate_finish(self->gate, self->held[0]);
    gate_finish(self->gate, self->held[1]);
    wait_idle(self);
    assert_int_equal(figures_of(self).cancelled, 1);
}

static void test_a_granted_entry_runs_whoever_cancels_it(void **state)
{
    struct layer *self = *state;
    struct gate_entry write;
    struct gate_run *run = hold_write(self, &write);
    assert_false(gate_cancel(self->gate, &write));
    gate_cancel_party(self->gate, &self->party);
    let_go(self, run);
    wait_idle(self);
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
    struct gate_run *run = hold_write(self, &first);
    for (size_t i = 0; i < 3; i++) {
        theirs[i] = entry_of(self, i == 1 ? GATE_READ : GATE_WRITE, false);
        theirs[i].party = &other;
        submit(self, &theirs[i]);
        if (i == 0) {
            submit_new(self, &mine, GATE_WRITE, false);
        }
    }
    gate_cancel_party(self->gate, &other);
    assert_int_equal(self->dropped, 3);
    assert_int_equal(other.in_flight, 0);
    assert_int_equal(mine.state, GATE_QUEUED);
    let_go(self, run);
    wait_idle(self);
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
    set_hold(self, true);
    submit_new(self, &reading, GATE_READ, false);
    wait_until(self, &self->n_held, 1);
    for (size_t i = 0; i < 2; i++) {
        theirs[i] = entry_of(self, i == 0 ? GATE_WRITE : GATE_READ, false);
        theirs[i].party = &other;
        submit(self, &theirs[i]);
    }
    gate_cancel_party(self->gate, &other);
    assert_int_equal(self->dropped, 2);
    let_go(self, self->held[0]);
    wait_idle(self);
    assert_int_equal(self->executed, 1);
}

static void test_a_full_queue_refuses_whole_frames_with_advice(void **state)
{
    struct layer *self = *state;
    struct gate_entry first;
    struct gate_entry calls[9];
    struct gate_entry *frame[9];
    struct gate_run *run = hold_write(self, &first);
    for (size_t i = 0; i < 9; i++) {
        calls[i] = entry_of(self, GATE_WRITE, false);
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
    assert_int_equal(figures_of(self).waiting_calls, 8);
    assert_int_equal(figures_of(self).waiting_bytes, 80);
    assert_int_equal(figures_of(self).refused, 9);
    let_go(self, run);
    wait_idle(self);
}

static void test_a_queue_full_of_bytes_refuses(void **state)
{
    struct layer *self = *state;
    struct gate_entry first;
    struct gate_entry large;
    struct gate_entry small;
    struct gate_run *run = hold_write(self, &first);
    large = entry_of(self, GATE_WRITE, false);
    large.bytes = 995;
    submit(self, &large);
    submit_new(self, &small, GATE_READ, true);
    assert_int_equal(small.reason, GATE_REASON_QUEUE_BYTES);
    assert_true(small.retry_after_ms > 0);
    let_go(self, run);
    wait_idle(self);
    assert_int_equal(large.state, GATE_DONE);
}

static void test_calls_that_wait_for_workers_are_bounded_too(void **state)
{
    struct layer *self = *state;
    struct gate_entry calls[11];
    set_block(self, true);
    /* Both workers are kept, so what comes now stays with the pool: 8 calls, and one is too many.
     */
    for (uint32_t i = 0; i < 2; i++) {
        submit_new(self, &calls[i], GATE_BYPASS, false);
        wait_until(self, &self->executed, i + 1);
    }
    for (size_t i = 2; i < 11; i++) {
        submit_new(self, &calls[i], GATE_BYPASS, false);
    }
    assert_int_equal(calls[9].state, GATE_GRANTED);
    assert_int_equal(calls[10].reason, GATE_REASON_QUEUE_CALLS);
    set_block(self, false);
    wait_idle(self);
    assert_int_equal(self->finished, 10);
}

static void test_a_party_has_its_share_and_no_more(void **state)
{
    struct layer *self = *state;
    struct gate_party other;
    struct gate_entry first;
    struct gate_entry calls[4];
    gate_party_init(&other);
    struct gate_run *run = hold_write(self, &first);
    for (size_t i = 0; i < 3; i++) {
        submit_new(self, &calls[i], i == 1 ? GATE_READ : GATE_WRITE, false);
    }
    assert_int_equal(calls[1].state, GATE_QUEUED);
    assert_int_equal(calls[2].reason, GATE_REASON_SHARE);
    assert_true(calls[2].retry_after_ms > 0);
    calls[3] = entry_of(self, GATE_WRITE, false);
    calls[3].party = &other;
    submit(self, &calls[3]);
    assert_int_equal(calls[3].state, GATE_QUEUED);
    let_go(self, run);
    wait_idle(self);
    assert_int_equal(self->party.in_flight, 0);
    submit_new(self, &calls[2], GATE_READ, true);
    assert_int_equal(calls[2].state, GATE_DONE);
}

static void test_a_call_that_comes_late_is_refused_alone(void **state)
{
    struct layer *self = *state;
    uint64_t now_ns = clock_now_ns();
    struct gate_entry calls[3];
    struct gate_entry *frame[3];
    for (size_t i = 0; i < 3; i++) {
        calls[i] = entry_of(self, GATE_READ, true);
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
    struct gate_run *run = hold_write(self, &first);
    submit_new(self, &second, GATE_WRITE, false);
    struct gate_entry expiring = entry_of(self, GATE_WRITE, false);
    uint32_t dropped_before = self->dropped;
    expiring.deadline_ns = clock_now_ns() + wait_ms * CLOCK_NS_PER_MS;
    submit(self, &expiring);
    wait_until(self, &self->dropped, dropped_before + 1);
    let_go(self, run);
    wait_idle(self);
}

static void test_a_hopeless_call_is_refused_but_never_on_an_idle_gate(void **state)
{
    struct layer *self = *state;
    struct gate_entry first;
    struct gate_entry hopeless;
    struct gate_entry hopeful;
    struct gate_entry idle;
    teach_a_wait(self, 200);
    idle = entry_of(self, GATE_READ, true);
    idle.deadline_ns = clock_now_ns() + CLOCK_NS_PER_MS * 5;
    submit(self, &idle);
    assert_int_equal(idle.state, GATE_DONE);

    struct gate_run *run = hold_write(self, &first);
    hopeless = entry_of(self, GATE_WRITE, false);
    hopeless.deadline_ns = clock_now_ns() + CLOCK_NS_PER_MS * 5;
    submit(self, &hopeless);
    assert_int_equal(hopeless.reason, GATE_REASON_HOPELESS);
    assert_int_equal(hopeless.ticket, 0);
    assert_true(hopeless.retry_after_ms > 5);
    submit_new(self, &hopeful, GATE_WRITE, false);
    assert_int_equal(hopeful.state, GATE_QUEUED);
    let_go(self, run);
    wait_idle(self);
}

static void test_a_bypassing_read_waits_for_no_writer_and_takes_no_ticket(void **state)
{
    struct layer *self = *state;
    struct gate_entry write;
    struct gate_entry heavy;
    struct gate_entry light;
    self->block_writes = true; /* the writer sits on its worker, as in a disk sync */
    submit_new(self, &write, GATE_WRITE, false);
    wait_until(self, &self->executed, 1);
    submit_new(self, &heavy, GATE_BYPASS, false);
    wait_until(self, &self->finished, 1);
    submit_new(self, &light, GATE_BYPASS, true);
    assert_int_equal(light.state, GATE_DONE);
    assert_int_equal(light.ticket, 0);
    assert_int_equal(heavy.ticket, 0);
    assert_int_equal(figures_of(self).running_calls, 1);
    set_block(self, false);
    wait_idle(self);
    assert_int_equal(figures_of(self).running_calls, 0);
}

static void test_a_frame_may_mix_all_kinds(void **state)
{
    struct layer *self = *state;
    struct gate_entry calls[5];
    struct gate_entry *frame[5];
    static const enum gate_access access[5] = {GATE_READ, GATE_BYPASS, GATE_WRITE, GATE_READ,
                                               GATE_WRITE};
    for (size_t i = 0; i < 5; i++) {
        calls[i] = entry_of(self, access[i], i < 2);
        frame[i] = &calls[i];
    }
    gate_submit(self->gate, frame, 5, clock_now_ns());
    wait_idle(self);
    static const uint64_t tickets[5] = {1, 0, 2, 3, 4};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(calls[i].state, GATE_DONE);
        assert_int_equal(calls[i].ticket, tickets[i]);
    }
}

static void test_a_draining_gate_finishes_what_it_has(void **state)
{
    struct layer *self = *state;
    struct gate_entry first;
    struct gate_entry queued;
    struct gate_entry late[2];
    struct gate_run *run = hold_write(self, &first);
    submit_new(self, &queued, GATE_WRITE, false);
    gate_drain(self->gate);
    gate_drain(self->gate);
    submit_new(self, &late[0], GATE_READ, true);
    submit_new(self, &late[1], GATE_BYPASS, true);
    assert_int_equal(late[0].reason, GATE_REASON_DRAINING);
    assert_int_equal(late[1].reason, GATE_REASON_DRAINING);
    assert_int_equal(late[0].retry_after_ms, 0);
    assert_false(gate_wait_idle(self->gate, 5));
    let_go(self, run);
    wait_idle(self);
    assert_int_equal(queued.state, GATE_DONE);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_options_out_of_range_are_refused),
        CASE(test_a_granted_light_read_runs_on_the_submitters_thread),
        cmocka_unit_test_setup_teardown(test_inline_execution_has_an_off_switch,
                                        setup_without_inline, teardown),
        CASE(test_heavy_reads_run_on_workers_at_the_same_time),
        cmocka_unit_test_setup_teardown(test_inline_reads_of_a_frame_are_bounded, setup_large,
                                        teardown),
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
                                        teardown),
        CASE(test_a_call_that_comes_late_is_refused_alone),
        CASE(test_a_hopeless_call_is_refused_but_never_on_an_idle_gate),
        CASE(test_a_bypassing_read_waits_for_no_writer_and_takes_no_ticket),
        CASE(test_a_frame_may_mix_all_kinds),
        CASE(test_a_draining_gate_finishes_what_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
