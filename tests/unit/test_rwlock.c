/* The ticket lock's rules, one by one, on hand-made schedules. Every schedule, against a reference:
   tests/property/test_rwlock_schedules.c. */
#include "sched/rwlock.h"

#include "test.h"

#define MAX_ENTRIES 16
#define FAR UINT64_C(1000000)

struct fixture {
    struct rwlock lock;
    struct rwlock_step step;
    struct gate_entry entries[MAX_ENTRIES];
    size_t n;
};

static const struct rwlock_limits limits = {
    .queued_calls = 8, .queued_bytes = 1000, .run_calls = 4, .run_bytes = 100};

static int setup(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.n = 0};
    rwlock_init(&fixture.lock, &limits);
    rwlock_step_init(&fixture.step);
    *state = &fixture;
    return 0;
}

static struct gate_entry *make(struct fixture *self, enum gate_access access, bool light,
                               uint32_t bytes, uint64_t deadline_ns)
{
    assert_true(self->n < MAX_ENTRIES);
    struct gate_entry *entry = &self->entries[self->n++];
    *entry = (struct gate_entry){
        .access = access, .light = light, .bytes = bytes, .deadline_ns = deadline_ns};
    list_node_init(&entry->node);
    return entry;
}

/* Submits entries as one frame in a step of its own. */
static enum gate_reason submit(struct fixture *self, struct gate_entry **entries, uint32_t n)
{
    struct list frame;
    uint64_t bytes = 0;
    list_init(&frame);
    for (uint32_t i = 0; i < n; i++) {
        list_push_back(&frame, &entries[i]->node);
        bytes += entries[i]->bytes;
    }
    rwlock_step_init(&self->step);
    enum gate_reason reason = rwlock_submit(&self->lock, &frame, n, bytes, 0, &self->step);
    if (reason != GATE_REASON_NONE) {
        while (list_pop_front(&frame) != NULL) {
        }
    }
    return reason;
}

static struct gate_entry *submit_one(struct fixture *self, enum gate_access access, bool light)
{
    struct gate_entry *entry = make(self, access, light, 10, FAR);
    assert_int_equal(submit(self, &entry, 1), GATE_REASON_NONE);
    return entry;
}

static struct gate_entry *submit_read(struct fixture *self)
{
    return submit_one(self, GATE_READ, false);
}

static struct gate_entry *submit_write(struct fixture *self)
{
    return submit_one(self, GATE_WRITE, false);
}

static void finish(struct fixture *self, struct gate_entry **entries, uint32_t n, uint64_t now_ns)
{
    struct gate_run run;
    gate_run_init(&run, GATE_RUN_SHARED);
    for (uint32_t i = 0; i < n; i++) {
        list_remove(&entries[i]->node);
        gate_run_add(&run, entries[i]);
    }
    rwlock_step_init(&self->step);
    rwlock_finish(&self->lock, &run, now_ns, &self->step);
    while (list_pop_front(&run.entries) != NULL) {
    }
}

static void assert_granted(const struct fixture *self, enum gate_run_kind kind,
                           struct gate_entry *const *expected, uint32_t n)
{
    assert_int_equal(self->step.granted.count, n);
    assert_int_equal(self->step.granted.kind, kind);
    struct list_node *node = list_first(&self->step.granted.entries);
    for (uint32_t i = 0; i < n; i++) {
        assert_ptr_equal(gate_entry_of(node), expected[i]);
        assert_int_equal(expected[i]->state, GATE_GRANTED);
        node = list_after(&self->step.granted.entries, node);
    }
    assert_null(node);
}

static void assert_nothing_granted(const struct fixture *self)
{
    assert_int_equal(self->step.granted.count, 0);
    assert_true(list_is_empty(&self->step.granted.entries));
}

#define ENTRIES(...) ((struct gate_entry *[]){__VA_ARGS__})

static void test_a_read_on_a_free_lock_runs_at_once(void **state)
{
    struct fixture *self = *state;
    struct gate_entry *read = submit_read(self);
    assert_granted(self, GATE_RUN_SHARED, &read, 1);
    assert_int_equal(read->ticket, 1);
    assert_int_equal(read->queued_ahead, 0);
    assert_int_equal(self->lock.running, 1);
    assert_int_equal(self->lock.queued_calls, 0);
}

static void test_reads_run_beside_each_other(void **state)
{
    struct fixture *self = *state;
    submit_read(self);
    struct gate_entry *second = submit_read(self);
    assert_granted(self, GATE_RUN_SHARED, &second, 1);
    assert_int_equal(second->queued_ahead, 1);
}

static void test_a_write_waits_for_the_last_read(void **state)
{
    struct fixture *self = *state;
    struct gate_entry *first = submit_read(self);
    struct gate_entry *second = submit_read(self);
    struct gate_entry *write = submit_write(self);
    assert_nothing_granted(self);
    finish(self, &first, 1, 0);
    assert_nothing_granted(self);
    finish(self, &second, 1, 0);
    assert_granted(self, GATE_RUN_EXCLUSIVE, &write, 1);
    assert_int_equal(first->state, GATE_DONE);
}

static void test_a_read_never_passes_a_waiting_write(void **state)
{
    struct fixture *self = *state;
    struct gate_entry *first = submit_read(self);
    struct gate_entry *write = submit_write(self);
    struct gate_entry *second = submit_read(self);
    assert_nothing_granted(self);
    finish(self, &first, 1, 0);
    assert_granted(self, GATE_RUN_EXCLUSIVE, &write, 1);
    finish(self, &write, 1, 0);
    assert_granted(self, GATE_RUN_SHARED, &second, 1);
}

static void test_a_write_never_passes_a_waiting_read(void **state)
{
    struct fixture *self = *state;
    struct gate_entry *first = submit_write(self);
    struct gate_entry *read = submit_read(self);
    struct gate_entry *second = submit_write(self);
    finish(self, &first, 1, 0);
    assert_granted(self, GATE_RUN_SHARED, &read, 1);
    finish(self, &read, 1, 0);
    assert_granted(self, GATE_RUN_EXCLUSIVE, &second, 1);
}

static void test_reads_up_to_the_first_write_are_one_run(void **state)
{
    struct fixture *self = *state;
    struct gate_entry *holder = submit_write(self);
    struct gate_entry *a = submit_read(self);
    struct gate_entry *b = submit_read(self);
    submit_write(self);
    submit_read(self);
    finish(self, &holder, 1, 0);
    assert_granted(self, GATE_RUN_SHARED, ENTRIES(a, b), 2);
    assert_int_equal(self->lock.queued_calls, 2);
}

static void test_an_exclusive_run_takes_writes_and_light_reads(void **state)
{
    struct fixture *self = *state;
    struct gate_entry *holder = submit_write(self);
    struct gate_entry *a = submit_write(self);
    struct gate_entry *b = submit_one(self, GATE_READ, true);
    struct gate_entry *c = submit_write(self);
    struct gate_entry *heavy = submit_read(self);
    submit_write(self);
    finish(self, &holder, 1, 0);
    assert_granted(self, GATE_RUN_EXCLUSIVE, ENTRIES(a, b, c), 3);
    finish(self, ENTRIES(a, b, c), 3, 0);
    assert_granted(self, GATE_RUN_SHARED, &heavy, 1);
}

static void test_an_exclusive_run_is_bounded_in_calls(void **state)
{
    struct fixture *self = *state;
    struct gate_entry *holder = submit_write(self);
    struct gate_entry *w[6];
    for (size_t i = 0; i < 6; i++) {
        w[i] = submit_write(self);
    }
    finish(self, &holder, 1, 0);
    assert_granted(self, GATE_RUN_EXCLUSIVE, w, limits.run_calls);
    finish(self, w, limits.run_calls, 0);
    assert_granted(self, GATE_RUN_EXCLUSIVE, w + limits.run_calls, 2);
}

static void test_an_exclusive_run_is_bounded_in_bytes_but_has_a_call(void **state)
{
    struct fixture *self = *state;
    struct gate_entry *holder = submit_write(self);
    struct gate_entry *large = make(self, GATE_WRITE, false, 101, FAR);
    struct gate_entry *a = make(self, GATE_WRITE, false, 60, FAR);
    struct gate_entry *b = make(self, GATE_WRITE, false, 40, FAR);
    struct gate_entry *c = make(self, GATE_WRITE, false, 1, FAR);
    assert_int_equal(submit(self, ENTRIES(large, a, b, c), 4), GATE_REASON_NONE);
    finish(self, &holder, 1, 0);
    assert_granted(self, GATE_RUN_EXCLUSIVE, &large, 1);
    finish(self, &large, 1, 0);
    assert_granted(self, GATE_RUN_EXCLUSIVE, ENTRIES(a, b), 2);
    finish(self, ENTRIES(a, b), 2, 0);
    assert_granted(self, GATE_RUN_EXCLUSIVE, &c, 1);
}

static void test_an_exclusive_run_does_not_grow_once_handed_out(void **state)
{
    struct fixture *self = *state;
    struct gate_entry *holder = submit_write(self);
    struct gate_entry *next = submit_write(self);
    assert_nothing_granted(self);
    finish(self, &holder, 1, 0);
    assert_granted(self, GATE_RUN_EXCLUSIVE, &next, 1);
}

static void test_a_frame_gets_consecutive_tickets(void **state)
{
    struct fixture *self = *state;
    struct gate_entry *a = make(self, GATE_READ, false, 1, FAR);
    struct gate_entry *b = make(self, GATE_WRITE, false, 1, FAR);
    struct gate_entry *c = make(self, GATE_READ, false, 1, FAR);
    assert_int_equal(submit(self, ENTRIES(a, b, c), 3), GATE_REASON_NONE);
    assert_granted(self, GATE_RUN_SHARED, &a, 1);
    assert_int_equal(a->ticket, 1);
    assert_int_equal(b->ticket, 2);
    assert_int_equal(c->ticket, 3);
    assert_int_equal(c->queued_ahead, 2);
}

static void test_a_frame_that_does_not_fit_is_refused_whole(void **state)
{
    struct fixture *self = *state;
    submit_write(self);
    struct gate_entry *frame[8];
    for (size_t i = 0; i < 8; i++) {
        frame[i] = make(self, GATE_WRITE, false, 1, FAR);
    }
    assert_int_equal(submit(self, frame, 8), GATE_REASON_NONE);
    struct gate_entry *more = make(self, GATE_WRITE, false, 1, FAR);
    uint64_t next_ticket = self->lock.next_ticket;
    assert_int_equal(submit(self, &more, 1), GATE_REASON_QUEUE_CALLS);
    assert_int_equal(more->state, GATE_NEW);
    assert_int_equal(more->ticket, 0);
    assert_int_equal(self->lock.next_ticket, next_ticket);
    assert_int_equal(self->lock.queued_calls, 8);
}

static void test_the_queue_is_bounded_in_bytes(void **state)
{
    struct fixture *self = *state;
    submit_write(self);
    struct gate_entry *full = make(self, GATE_WRITE, false, 1000, FAR);
    assert_int_equal(submit(self, &full, 1), GATE_REASON_NONE);
    struct gate_entry *more = make(self, GATE_READ, true, 1, FAR);
    assert_int_equal(submit(self, &more, 1), GATE_REASON_QUEUE_BYTES);
    assert_int_equal(self->lock.queued_bytes, 1000);
}

static void test_cancelling_the_head_lets_the_next_run(void **state)
{
    struct fixture *self = *state;
    struct gate_entry *reading = submit_read(self);
    struct gate_entry *write = submit_write(self);
    struct gate_entry *read = submit_read(self);
    rwlock_step_init(&self->step);
    assert_true(rwlock_drop(&self->lock, write, GATE_REASON_CANCELLED, 0, &self->step));
    assert_int_equal(write->state, GATE_DROPPED);
    assert_int_equal(write->reason, GATE_REASON_CANCELLED);
    assert_ptr_equal(list_first(&self->step.dropped), &write->node);
    assert_granted(self, GATE_RUN_SHARED, &read, 1);
    assert_int_equal(self->lock.running, 2);
    (void)reading;
}

static void test_a_granted_entry_cannot_be_dropped(void **state)
{
    struct fixture *self = *state;
    struct gate_entry *read = submit_read(self);
    assert_false(rwlock_drop(&self->lock, read, GATE_REASON_CANCELLED, 0, &self->step));
    assert_int_equal(read->state, GATE_GRANTED);
    finish(self, &read, 1, 0);
    assert_false(rwlock_drop(&self->lock, read, GATE_REASON_CANCELLED, 0, &self->step));
    assert_int_equal(read->state, GATE_DONE);
}

static void test_an_expired_head_is_dropped_instead_of_granted(void **state)
{
    struct fixture *self = *state;
    struct gate_entry *holder = submit_write(self);
    struct gate_entry *expired = make(self, GATE_WRITE, false, 1, 100);
    struct gate_entry *later = make(self, GATE_WRITE, false, 1, 101);
    assert_int_equal(submit(self, ENTRIES(expired, later), 2), GATE_REASON_NONE);
    finish(self, &holder, 1, 100);
    assert_int_equal(expired->state, GATE_DROPPED);
    assert_int_equal(expired->reason, GATE_REASON_EXPIRED);
    assert_granted(self, GATE_RUN_EXCLUSIVE, &later, 1);
}

static void test_transitions_in_one_step_add_up(void **state)
{
    struct fixture *self = *state;
    submit_read(self);
    struct gate_entry *w1 = submit_write(self);
    struct gate_entry *r1 = submit_read(self);
    struct gate_entry *w2 = submit_write(self);
    struct gate_entry *r2 = submit_read(self);
    rwlock_step_init(&self->step);
    assert_true(rwlock_drop(&self->lock, w1, GATE_REASON_CANCELLED, 0, &self->step));
    assert_true(rwlock_drop(&self->lock, w2, GATE_REASON_CANCELLED, 0, &self->step));
    assert_granted(self, GATE_RUN_SHARED, ENTRIES(r1, r2), 2);
}

static void test_a_draining_lock_refuses_but_finishes_its_queue(void **state)
{
    struct fixture *self = *state;
    struct gate_entry *holder = submit_write(self);
    struct gate_entry *queued = submit_write(self);
    rwlock_drain(&self->lock);
    struct gate_entry *late = make(self, GATE_READ, true, 1, FAR);
    assert_int_equal(submit(self, &late, 1), GATE_REASON_DRAINING);
    finish(self, &holder, 1, 0);
    assert_granted(self, GATE_RUN_EXCLUSIVE, &queued, 1);
}

static void test_poison_drops_the_queue_and_refuses_until_cleared(void **state)
{
    struct fixture *self = *state;
    struct gate_entry *holder = submit_write(self);
    struct gate_entry *queued = submit_read(self);
    rwlock_step_init(&self->step);
    rwlock_poison(&self->lock, &self->step);
    assert_int_equal(queued->state, GATE_DROPPED);
    assert_int_equal(queued->reason, GATE_REASON_POISONED);
    assert_int_equal(self->lock.queued_calls, 0);
    assert_int_equal(self->lock.queued_bytes, 0);
    struct gate_entry *refused = make(self, GATE_READ, true, 1, FAR);
    assert_int_equal(submit(self, &refused, 1), GATE_REASON_POISONED);
    finish(self, &holder, 1, 0);
    assert_nothing_granted(self);
    rwlock_clear_poison(&self->lock);
    struct gate_entry *after = submit_read(self);
    assert_granted(self, GATE_RUN_SHARED, &after, 1);
}

static void test_entries_move_only_as_their_table_says(void **state)
{
    (void)state;
    static const enum gate_state allowed[][2] = {
        {GATE_NEW, GATE_QUEUED},     {GATE_NEW, GATE_GRANTED},    {GATE_NEW, GATE_DROPPED},
        {GATE_QUEUED, GATE_GRANTED}, {GATE_QUEUED, GATE_DROPPED}, {GATE_GRANTED, GATE_DONE}};
    size_t n_allowed = 0;
    for (enum gate_state from = GATE_NEW; from <= GATE_DROPPED; from++) {
        for (enum gate_state to = GATE_NEW; to <= GATE_DROPPED; to++) {
            n_allowed += gate_state_follows(from, to);
        }
    }
    assert_int_equal(n_allowed, sizeof(allowed) / sizeof(allowed[0]));
    for (size_t i = 0; i < n_allowed; i++) {
        assert_true(gate_state_follows(allowed[i][0], allowed[i][1]));
    }
}

#define CASE(name) cmocka_unit_test_setup(name, setup)

static void extend(struct fixture *self, uint32_t calls, uint64_t bytes, uint64_t now_ns)
{
    rwlock_step_init(&self->step);
    rwlock_extend(&self->lock, calls, bytes, now_ns, &self->step);
}

static void test_writes_and_light_reads_join_the_run_that_is_executed(void **state)
{
    struct fixture *self = *state;
    submit_write(self);
    struct gate_entry *write = submit_write(self);
    struct gate_entry *light = submit_one(self, GATE_READ, true);
    struct gate_entry *heavy = submit_read(self);
    struct gate_entry *behind = submit_write(self);
    extend(self, 1, 10, 0);
    assert_granted(self, GATE_RUN_EXCLUSIVE, ENTRIES(write, light), 2);
    assert_int_equal(self->lock.running, 3);
    assert_int_equal(self->lock.queued_calls, 2);
    assert_int_equal(heavy->state, GATE_QUEUED);
    assert_int_equal(behind->state, GATE_QUEUED);
    extend(self, 3, 30, 0);
    assert_nothing_granted(self);
}

static void test_what_joins_keeps_to_the_limits_of_a_run(void **state)
{
    struct fixture *self = *state;
    const uint32_t most_calls = self->lock.limits.run_calls;
    const uint64_t most_bytes = self->lock.limits.run_bytes;
    submit_write(self);
    submit_write(self);
    self->lock.limits.run_calls = 1;
    extend(self, 1, 10, 0);
    assert_nothing_granted(self);
    self->lock.limits.run_calls = most_calls;
    self->lock.limits.run_bytes = 19;
    extend(self, 1, 10, 0);
    assert_nothing_granted(self);
    self->lock.limits.run_bytes = most_bytes;
    extend(self, 1, 10, 0);
    assert_int_equal(self->step.granted.count, 1);
}

static void test_what_has_expired_joins_nothing(void **state)
{
    struct fixture *self = *state;
    submit_write(self);
    struct gate_entry *late = make(self, GATE_WRITE, false, 10, 100);
    assert_int_equal(submit(self, &late, 1), GATE_REASON_NONE);
    struct gate_entry *next = submit_write(self);
    extend(self, 1, 10, 100);
    assert_int_equal(late->state, GATE_DROPPED);
    assert_granted(self, GATE_RUN_EXCLUSIVE, &next, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_read_on_a_free_lock_runs_at_once),
        CASE(test_writes_and_light_reads_join_the_run_that_is_executed),
        CASE(test_what_joins_keeps_to_the_limits_of_a_run),
        CASE(test_what_has_expired_joins_nothing),
        CASE(test_reads_run_beside_each_other),
        CASE(test_a_write_waits_for_the_last_read),
        CASE(test_a_read_never_passes_a_waiting_write),
        CASE(test_a_write_never_passes_a_waiting_read),
        CASE(test_reads_up_to_the_first_write_are_one_run),
        CASE(test_an_exclusive_run_takes_writes_and_light_reads),
        CASE(test_an_exclusive_run_is_bounded_in_calls),
        CASE(test_an_exclusive_run_is_bounded_in_bytes_but_has_a_call),
        CASE(test_an_exclusive_run_does_not_grow_once_handed_out),
        CASE(test_a_frame_gets_consecutive_tickets),
        CASE(test_a_frame_that_does_not_fit_is_refused_whole),
        CASE(test_the_queue_is_bounded_in_bytes),
        CASE(test_cancelling_the_head_lets_the_next_run),
        CASE(test_a_granted_entry_cannot_be_dropped),
        CASE(test_an_expired_head_is_dropped_instead_of_granted),
        CASE(test_transitions_in_one_step_add_up),
        CASE(test_a_draining_lock_refuses_but_finishes_its_queue),
        CASE(test_poison_drops_the_queue_and_refuses_until_cleared),
        CASE(test_entries_move_only_as_their_table_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
