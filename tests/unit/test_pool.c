/* The workers: everything put is executed once, in few slices, and a writer delays no bypassing
 * read.
 */
#include "sched/pool.h"

#include "base/monotonic.h"

#include "test.h"

#include <stdlib.h>
#include <string.h>

#define BOUND_NS (UINT64_C(20) * CLOCK_NS_PER_S)

/* An executor that counts, and keeps exclusive runs (or all) on their worker until let go. */
struct executor {
    struct pool *pool;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool hold_exclusive;
    bool hold_all;
    uint32_t holding;
    uint32_t runs;
    uint32_t calls;
    uint32_t largest;
    uint32_t kinds[GATE_RUN_BYPASS + 1];
    struct gate_run *put_from_worker; /* put by the next execute, once */
};

static void execute(void *context, struct gate_run *run)
{
    struct executor *self = context;
    pthread_mutex_lock(&self->mutex);
    assert_true(pool_is_worker(self->pool));
    self->runs++;
    self->kinds[run->kind]++;
    self->largest = run->count > self->largest ? run->count : self->largest;
    struct gate_run *batch = self->put_from_worker;
    self->put_from_worker = NULL;
    self->holding++;
    pthread_cond_broadcast(&self->changed);
    while (self->hold_all || (self->hold_exclusive && run->kind == GATE_RUN_EXCLUSIVE)) {
        pthread_cond_wait(&self->changed, &self->mutex);
    }
    self->holding--;
    uint32_t listed = 0;
    while (list_pop_front(&run->entries) != NULL) {
        listed++;
    }
    assert_int_equal(listed, run->count);
    self->calls += listed;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
    if (batch != NULL) {
        pool_put(self->pool, batch, true);
    }
}

static int setup_workers(void **state, uint32_t workers)
{
    struct executor *self = calloc(1, sizeof(*self));
    assert_non_null(self);
    pthread_mutex_init(&self->mutex, NULL);
    monotonic_cond_init(&self->changed);
    pthread_mutex_lock(&self->mutex);
    assert_int_equal(pool_new(workers, execute, self, &self->pool), STATED_OK);
    pthread_mutex_unlock(&self->mutex);
    /* A worker that is still starting would look for work unasked. */
    assert_true(pool_wait_idle(self->pool, clock_now_ns() + BOUND_NS));
    *state = self;
    return 0;
}

static int setup(void **state)
{
    return setup_workers(state, 2);
}

static int setup_four(void **state)
{
    return setup_workers(state, 4);
}

static int teardown(void **state)
{
    struct executor *self = *state;
    pool_free(self->pool);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->mutex);
    free(self);
    return 0;
}

static void let_go(struct executor *self)
{
    pthread_mutex_lock(&self->mutex);
    self->hold_all = false;
    self->hold_exclusive = false;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
}

/* Waits until *value, which the executor changes, is at least n. */
static void wait_until(struct executor *self, const uint32_t *value, uint32_t n)
{
    uint64_t deadline_ns = clock_now_ns() + BOUND_NS;
    pthread_mutex_lock(&self->mutex);
    while (*value < n) {
        assert_true(monotonic_cond_wait(&self->changed, &self->mutex, deadline_ns));
    }
    pthread_mutex_unlock(&self->mutex);
}

static void wait_idle(struct executor *self)
{
    assert_true(pool_wait_idle(self->pool, clock_now_ns() + BOUND_NS));
}

/* A batch of n entries, all alike. */
static void fill(struct gate_run *batch, struct gate_entry *entries, uint32_t n,
                 enum gate_run_kind kind, bool light)
{
    gate_run_init(batch, kind);
    for (uint32_t i = 0; i < n; i++) {
        memset(&entries[i], 0, sizeof(entries[i]));
        entries[i].access = kind == GATE_RUN_EXCLUSIVE ? GATE_WRITE
                            : kind == GATE_RUN_BYPASS  ? GATE_BYPASS
                                                       : GATE_READ;
        entries[i].light = light;
        list_node_init(&entries[i].node);
        gate_run_add(batch, &entries[i]);
    }
}

static void put(struct executor *self, struct gate_entry *entries, uint32_t n,
                enum gate_run_kind kind, bool light)
{
    struct gate_run batch;
    fill(&batch, entries, n, kind, light);
    pool_put(self->pool, &batch, false);
    assert_int_equal(batch.count, 0);
    assert_true(list_is_empty(&batch.entries));
}

static void test_an_exclusive_run_stays_whole(void **state)
{
    struct executor *self = *state;
    struct gate_entry entries[100];
    put(self, entries, 100, GATE_RUN_EXCLUSIVE, false);
    wait_idle(self);
    assert_int_equal(self->runs, 1);
    assert_int_equal(self->largest, 100);
    assert_int_equal(self->calls, 100);
}

static void test_a_few_light_reads_are_one_slice(void **state)
{
    struct executor *self = *state;
    struct gate_entry entries[8];
    put(self, entries, 8, GATE_RUN_SHARED, true);
    wait_idle(self);
    assert_int_equal(self->runs, 1);
    assert_int_equal(self->calls, 8);
}

static void test_many_light_reads_are_shared_between_workers(void **state)
{
    struct executor *self = *state;
    struct gate_entry entries[100];
    self->hold_all = true;
    put(self, entries, 100, GATE_RUN_SHARED, true);
    wait_until(self, &self->holding, 4);
    let_go(self);
    wait_idle(self);
    assert_int_equal(self->calls, 100);
    assert_in_range(self->largest, 8, 64);
}

static void test_heavy_reads_run_one_by_one_on_all_workers(void **state)
{
    struct executor *self = *state;
    struct gate_entry entries[6];
    self->hold_all = true;
    put(self, entries, 6, GATE_RUN_SHARED, false);
    wait_until(self, &self->holding, 4);
    let_go(self);
    wait_idle(self);
    assert_int_equal(self->runs, 6);
    assert_int_equal(self->largest, 1);
}

static void test_a_bypassing_read_does_not_wait_for_a_writer(void **state)
{
    struct executor *self = *state;
    struct gate_entry write;
    struct gate_entry reads[3];
    self->hold_exclusive = true;
    put(self, &write, 1, GATE_RUN_EXCLUSIVE, false);
    put(self, reads, 3, GATE_RUN_BYPASS, false);
    wait_until(self, &self->calls, 3);
    pthread_mutex_lock(&self->mutex);
    assert_int_equal(self->holding, 1);
    pthread_mutex_unlock(&self->mutex);
    let_go(self);
    wait_idle(self);
    assert_int_equal(self->kinds[GATE_RUN_BYPASS], 3);
}

static void test_kinds_are_never_mixed_in_a_run(void **state)
{
    struct executor *self = *state;
    struct gate_entry blockers[2];
    struct gate_entry ordered[4];
    struct gate_entry bypassing[4];
    self->hold_all = true;
    put(self, blockers, 2, GATE_RUN_SHARED, false);
    wait_until(self, &self->holding, 2);
    put(self, ordered, 4, GATE_RUN_SHARED, true);
    put(self, bypassing, 4, GATE_RUN_BYPASS, true);
    assert_int_equal(pool_waiting_calls(self->pool), 8);
    let_go(self);
    wait_idle(self);
    assert_int_equal(self->kinds[GATE_RUN_SHARED], 3);
    assert_int_equal(self->kinds[GATE_RUN_BYPASS], 1);
    assert_int_equal(pool_waiting_calls(self->pool), 0);
}

static void test_a_heavy_read_never_shares_a_run(void **state)
{
    struct executor *self = *state;
    struct gate_entry blockers[2];
    struct gate_entry reads[4];
    self->hold_all = true;
    put(self, blockers, 2, GATE_RUN_SHARED, false);
    wait_until(self, &self->holding, 2);
    for (uint32_t i = 0; i < 4; i++) {
        put(self, &reads[i], 1, GATE_RUN_SHARED, i != 2);
    }
    let_go(self);
    wait_idle(self);
    assert_int_equal(self->runs, 5); /* the blockers, two light ones, the heavy one, the last */
    assert_int_equal(self->largest, 2);
}

static void test_small_batches_that_meet_become_one_run(void **state)
{
    struct executor *self = *state;
    struct gate_entry blockers[2];
    struct gate_entry reads[8];
    self->hold_all = true;
    put(self, blockers, 2, GATE_RUN_SHARED, false);
    wait_until(self, &self->holding, 2);
    for (uint32_t i = 0; i < 8; i++) {
        put(self, &reads[i], 1, GATE_RUN_SHARED, true);
    }
    let_go(self);
    wait_idle(self);
    assert_int_equal(self->runs, 3);
    assert_int_equal(self->largest, 8);
}

static void test_a_worker_takes_what_it_put_itself(void **state)
{
    struct executor *self = *state;
    struct gate_entry first;
    struct gate_entry next;
    struct gate_run batch;
    fill(&batch, &next, 1, GATE_RUN_EXCLUSIVE, false);
    self->put_from_worker = &batch;
    put(self, &first, 1, GATE_RUN_EXCLUSIVE, false);
    wait_until(self, &self->calls, 2);
    wait_idle(self);
    assert_int_equal(self->runs, 2);
}

static void test_waiting_for_rest_has_a_bound(void **state)
{
    struct executor *self = *state;
    struct gate_entry read;
    self->hold_all = true;
    put(self, &read, 1, GATE_RUN_SHARED, false);
    wait_until(self, &self->holding, 1);
    assert_false(pool_wait_idle(self->pool, clock_now_ns() + CLOCK_NS_PER_MS));
    let_go(self);
    wait_idle(self);
}

static void test_a_caller_is_no_worker(void **state)
{
    struct executor *self = *state;
    assert_false(pool_is_worker(self->pool));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define CASE_FOUR(name) cmocka_unit_test_setup_teardown(name, setup_four, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_an_exclusive_run_stays_whole),
        CASE(test_a_few_light_reads_are_one_slice),
        CASE_FOUR(test_many_light_reads_are_shared_between_workers),
        CASE_FOUR(test_heavy_reads_run_one_by_one_on_all_workers),
        CASE(test_a_bypassing_read_does_not_wait_for_a_writer),
        CASE(test_kinds_are_never_mixed_in_a_run),
        CASE(test_a_heavy_read_never_shares_a_run),
        CASE(test_small_batches_that_meet_become_one_run),
        CASE(test_a_worker_takes_what_it_put_itself),
        CASE(test_waiting_for_rest_has_a_bound),
        CASE(test_a_caller_is_no_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
