/* Whatever file call fails, however: is no write acknowledged that is not there after a restart,
   none there that was refused, and does the store fail for good exactly when the disk did? */
#include "io_faults.h"
#include "store_fixture.h"

#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { STEPS = 12, OPS_PER_STEP = 3, VALUE_BYTES = 60000 };

static struct store_fixture fixture;
static struct arena *const arena = &fixture.arena;

static int set_up(void **state)
{
    (void)state;
    fixture_init(&fixture);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    io_faults_clear();
    fixture_deinit(&fixture);
    return 0;
}

/* Each step is a run that puts keys of its own and counts itself. */
static struct store_op *op_of(size_t step, size_t i)
{
    const char *key = arena_format(arena, "key/%zu/%zu", step, i);
    Stated__V1__WriteRequest *write =
        write_mutation(arena, write_new(arena),
                       mutation_put_bytes(arena, request_text(arena, key),
                                          request_fill(arena, 'x', i == 0 ? VALUE_BYTES : 10)));
    return op_write(&fixture, write_mutation(arena, write, mutation_add(arena, "count", 1)));
}

struct outcome {
    enum stated_code codes[STEPS][OPS_PER_STEP];
    bool failed; /* the store, for good */
};

static void run_steps(struct outcome *outcome)
{
    for (size_t step = 0; step < STEPS; step++) {
        struct store_op *ops[OPS_PER_STEP];
        for (size_t i = 0; i < OPS_PER_STEP; i++) {
            ops[i] = op_of(step, i);
        }
        fixture_run(&fixture, STORE_EXCLUSIVE, ops, OPS_PER_STEP);
        for (size_t i = 0; i < OPS_PER_STEP; i++) {
            outcome->codes[step][i] = ops[i]->code;
        }
    }
    struct store_status status;
    fixture.store->ops->read_status(fixture.store, &status);
    outcome->failed = status.failed;
    assert_int_equal(status.failed, status.failure[0] != '\0');
}

static unsigned long count_of_writes(const struct outcome *outcome, enum stated_code code)
{
    unsigned long n = 0;
    for (size_t step = 0; step < STEPS; step++) {
        for (size_t i = 0; i < OPS_PER_STEP; i++) {
            n += outcome->codes[step][i] == code;
        }
    }
    return n;
}

/* After a restart: each write is there or not as its outcome says, and was counted once. */
static void check_after_restart(const struct outcome *outcome)
{
    unsigned long present = 0;
    fixture_open(&fixture);
    for (size_t step = 0; step < STEPS; step++) {
        for (size_t i = 0; i < OPS_PER_STEP; i++) {
            enum stated_code code = outcome->codes[step][i];
            const char *key = arena_format(arena, "key/%zu/%zu", step, i);
            bool is_there = fixture_get(&fixture, key) != NULL;
            present += is_there;
            if (code != STATED_UNKNOWN && is_there != (code == STATED_OK)) {
                fail_msg("%s: %s, after the restart it is %s", key, stated_code_name(code),
                         is_there ? "there" : "missing");
            }
        }
    }
    char count[24];
    snprintf(count, sizeof(count), "%lu", present);
    assert_entry(fixture_get(&fixture, "count"), "count", count);
    assert_true(fixture_put(&fixture, "still", "writable") == present + 2);
    fixture_close(&fixture);
}

static void new_store(enum store_durability durability)
{
    fixture_deinit(&fixture);
    fixture_init_in_memory(&fixture);
    fixture.options.durability = durability;
    fixture_open(&fixture);
    /* So that there is a count even if every step is lost. */
    assert_outcome(fixture_write(&fixture, write_mutation(arena, write_new(arena),
                                                          mutation_add(arena, "count", 0))),
                   STATED_OK, "");
}

static unsigned long count_calls(unsigned calls)
{
    struct outcome outcome;
    new_store(STORE_SYNC);
    io_faults_count(calls);
    run_steps(&outcome);
    unsigned long n = io_faults_seen();
    io_faults_clear();
    assert_int_equal(count_of_writes(&outcome, STATED_OK), STEPS * OPS_PER_STEP);
    return n;
}

/* One fault at the nth call of its kind, then a restart. */
static void one_fault(unsigned calls, unsigned long nth, int error, bool is_sticky,
                      struct outcome *outcome)
{
    new_store(STORE_SYNC);
    io_faults_plan(calls, nth, error, is_sticky);
    run_steps(outcome);
    assert_true(io_faults_hit());
    fixture_close(&fixture);
    io_faults_clear();
    check_after_restart(outcome);
}

static void test_a_sync_that_fails_is_never_retried_nor_acknowledged(void **state)
{
    (void)state;
    unsigned long n = count_calls(IO_FDATASYNC);
    assert_int_equal(n, STEPS);
    for (unsigned long nth = 1; nth <= n; nth++) {
        struct outcome outcome;
        one_fault(IO_FDATASYNC, nth, EIO, false, &outcome);
        assert_true(outcome.failed);
        /* One call that failed, and no other after it. */
        assert_int_equal(io_faults_seen(), nth);
        assert_int_equal(count_of_writes(&outcome, STATED_OK), (nth - 1) * OPS_PER_STEP);
        assert_int_equal(count_of_writes(&outcome, STATED_UNKNOWN), OPS_PER_STEP);
        assert_int_equal(count_of_writes(&outcome, STATED_UNAVAILABLE),
                         (STEPS - nth) * OPS_PER_STEP);
    }
}

static void check_every_call(unsigned calls, int error, bool is_sticky, bool fails_for_good)
{
    unsigned long n = count_calls(calls);
    assert_true(n > 0);
    for (unsigned long nth = 1; nth <= n; nth++) {
        struct outcome outcome;
        one_fault(calls, nth, error, is_sticky, &outcome);
        if (fails_for_good != outcome.failed) {
            fail_msg("call %lu of %lu, error %d: failed for good: %d", nth, n, error,
                     outcome.failed);
        }
    }
}

static void test_every_write_that_fails_with_eio_stops_the_store(void **state)
{
    (void)state;
    check_every_call(IO_PWRITE | IO_WRITEV, EIO, false, true);
    check_every_call(IO_PWRITE | IO_WRITEV, EIO, true, true);
}

/* With room taken ahead, a short write is no full disk. */
static void test_every_short_write_stops_the_store(void **state)
{
    (void)state;
    check_every_call(IO_PWRITE | IO_WRITEV, IO_SHORT, false, true);
}

static void test_an_interrupted_write_is_no_fault(void **state)
{
    (void)state;
    check_every_call(IO_PWRITE | IO_WRITEV, EINTR, false, false);
}

/* ENOSPC where it can only be the header's page stops the store; elsewhere it is a refusal. Either
   way nothing is acknowledged that is not there. */
static void test_a_full_disk_at_every_write_loses_nothing(void **state)
{
    (void)state;
    unsigned long n = count_calls(IO_PWRITE | IO_WRITEV);
    unsigned long stopped = 0;
    for (unsigned long nth = 1; nth <= n; nth++) {
        struct outcome outcome;
        one_fault(IO_PWRITE | IO_WRITEV, nth, ENOSPC, false, &outcome);
        stopped += outcome.failed;
        assert_int_equal(outcome.failed, count_of_writes(&outcome, STATED_UNKNOWN) > 0);
    }
    assert_in_range(stopped, 1, n - 1);
}

/* Every call that LMDB makes, every error, once and from then on: whatever comes of it, what was
   acknowledged is there after the restart and what was refused is not. */
static void test_no_fault_of_any_call_is_a_false_acknowledgement(void **state)
{
    (void)state;
    const unsigned calls[] = {IO_PWRITE, IO_WRITEV, IO_FDATASYNC, IO_FALLOCATE};
    const int errors[] = {EIO, ENOSPC, EINTR, IO_SHORT};
    unsigned long cases = 0;
    unsigned long stopped = 0;
    for (size_t call = 0; call < 4; call++) {
        unsigned long n = count_calls(calls[call]);
        for (size_t i = 0; i < 8 * n; i++) {
            int error = errors[i % 4];
            struct outcome outcome;
            if (error == IO_SHORT && calls[call] != IO_PWRITE && calls[call] != IO_WRITEV) {
                continue; /* only writes can be short */
            }
            one_fault(calls[call], i / 8 + 1, error, i / 4 % 2 != 0, &outcome);
            cases++;
            stopped += outcome.failed;
            /* Without a failure for good, nothing is left open. */
            assert_int_equal(outcome.failed, count_of_writes(&outcome, STATED_UNKNOWN) > 0 ||
                                                 count_of_writes(&outcome, STATED_UNAVAILABLE) > 0);
        }
    }
    print_message("%lu faults, %lu stopped the store: 0 false acknowledgements\n", cases, stopped);
    assert_in_range(stopped, 1, cases - 1);
}

static void test_a_store_that_has_failed_refuses_all_but_its_status(void **state)
{
    (void)state;
    struct outcome outcome;
    new_store(STORE_SYNC);
    struct store_run *open =
        fixture.store->ops->begin(fixture.store, STORE_SHARED); /* begun before, read after */
    io_faults_plan(IO_FDATASYNC, 1, EIO, false);
    run_steps(&outcome);
    struct store_op *read =
        op_read(&fixture, read_select(arena, read_new(arena), select_key(arena, "count")));
    fixture.store->ops->apply(open, read);
    fixture.store->ops->commit(open, NULL, NULL);
    assert_outcome(read, STATED_UNAVAILABLE, "committing to /");
    fixture_run(&fixture, STORE_SHARED, &read, 1);
    assert_outcome(read, STATED_UNAVAILABLE, "Input/output error");
    struct store_status status;
    fixture.store->ops->read_status(fixture.store, &status);
    assert_true(status.failed);
    assert_string_equal(status.failure, read->message);
    assert_int_equal(status.revision, 1);
}

static void wait_for_failure(void)
{
    struct store_status status = {0};
    for (int i = 0; i < 5000 && !status.failed; i++) {
        fixture.store->ops->read_status(fixture.store, &status);
        usleep(1000); /* between looks */
    }
    assert_true(status.failed);
}

static void test_relaxed_mode_syncs_by_itself_and_stops_when_it_cannot(void **state)
{
    (void)state;
    new_store(STORE_RELAXED);
    fixture_close(&fixture); /* syncs what is owed */
    fixture_open(&fixture);
    io_faults_count(IO_FDATASYNC);
    fixture_put(&fixture, "k", "v");
    unsigned long of_commit = io_faults_seen();
    for (int i = 0; i < 5000 && io_faults_seen() == of_commit; i++) {
        usleep(1000); /* between looks */
    }
    assert_int_equal(io_faults_seen(), of_commit + 1);
    /* A commit whose own sync is fine, and then the one that follows by itself is not. */
    io_faults_plan(IO_FDATASYNC, of_commit + 1, EIO, false);
    fixture_put(&fixture, "k", "w");
    wait_for_failure();
    struct store_op *read =
        op_read(&fixture, read_select(arena, read_new(arena), select_key(arena, "k")));
    fixture_run(&fixture, STORE_SHARED, &read, 1);
    assert_outcome(read, STATED_UNAVAILABLE, "syncing ");
}

static void test_relaxed_mode_syncs_what_is_owed_when_it_closes(void **state)
{
    (void)state;
    new_store(STORE_RELAXED);
    io_faults_count(IO_FDATASYNC);
    fixture_put(&fixture, "k", "v");
    unsigned long of_commit = io_faults_seen();
    fixture_close(&fixture);
    assert_int_equal(io_faults_seen(), of_commit + 1);
}

static void test_a_fault_while_opening_is_a_plain_error(void **state)
{
    (void)state;
    const int errors[] = {EIO, ENOSPC};
    for (size_t e = 0; e < 2; e++) {
        fixture_deinit(&fixture);
        fixture_init(&fixture);
        io_faults_count(IO_ALL);
        fixture_open(&fixture);
        unsigned long n = io_faults_seen();
        io_faults_clear();
        assert_true(n > 3);
        for (unsigned long nth = 1; nth <= n; nth++) {
            struct stated_status status;
            fixture_deinit(&fixture);
            fixture_init(&fixture);
            io_faults_plan(IO_ALL, nth, errors[e], false);
            enum stated_code code = fixture_try_open(&fixture, &status);
            io_faults_clear();
            if (code != STATED_OK) { /* the pid in the lock file may fail to be written */
                assert_int_equal(code,
                                 errors[e] == EIO ? STATED_UNAVAILABLE : STATED_RESOURCE_EXHAUSTED);
                fixture_open(&fixture);
            }
            assert_int_equal(fixture_put(&fixture, "k", "v"), 1);
        }
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_sync_that_fails_is_never_retried_nor_acknowledged),
        TEST(test_every_write_that_fails_with_eio_stops_the_store),
        TEST(test_every_short_write_stops_the_store),
        TEST(test_an_interrupted_write_is_no_fault),
        TEST(test_a_full_disk_at_every_write_loses_nothing),
        TEST(test_no_fault_of_any_call_is_a_false_acknowledgement),
        TEST(test_a_store_that_has_failed_refuses_all_but_its_status),
        TEST(test_relaxed_mode_syncs_by_itself_and_stops_when_it_cannot),
        TEST(test_relaxed_mode_syncs_what_is_owed_when_it_closes),
        TEST(test_a_fault_while_opening_is_a_plain_error),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
