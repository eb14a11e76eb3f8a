/* When any allocation fails, in the engine or in LMDB: is the outcome an error, is nothing half
   done, and does the store go on? */
#include "engine/lmdb_snapshot.h"
#include "memory_faults.h"
#include "store_fixture.h"

#include "test.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct store_fixture fixture;
static struct arena *const arena = &fixture.arena;
static const uint8_t client_id[16] = "a client's id..";

static int set_up(void **state)
{
    (void)state;
    fixture_init(&fixture);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)memory_faults_end();
    fixture_deinit(&fixture);
    return 0;
}

static void test_an_open_without_memory_fails_and_the_next_works(void **state)
{
    (void)state;
    unsigned long failed = 0;
    bool met_ok = false;
    for (unsigned long nth = 1; !met_ok; nth++) {
        struct stated_status status;
        memory_faults_plan(nth, nth % 2 == 0);
        enum stated_code code = fixture_try_open(&fixture, &status);
        unsigned long n = memory_faults_end();
        met_ok = code == STATED_OK && n < nth;
        failed += code != STATED_OK;
        if (code == STATED_OK) {
            fixture_close(&fixture);
        } else if (code != STATED_RESOURCE_EXHAUSTED) {
            fail_msg("allocation %lu: %s", nth, status.message);
        }
        assert_true(nth < 1000);
    }
    assert_in_range(failed, 10, 1000);
    fixture_open(&fixture);
    fixture_put(&fixture, "k", "v");
}

/* Each run: a numbered write of two keys, a counter, and a read. All memory of requests and replies
   is taken before. */
static bool run_without(unsigned long nth, bool is_sticky, unsigned long number,
                        unsigned long *allocations)
{
    const char *key = arena_format(arena, "key/%06lu", number);
    Stated__V1__WriteRequest *write = write_new(arena);
    write_mutation(
        arena, write,
        mutation_put_bytes(arena, request_text(arena, key), request_fill(arena, 'x', 100000)));
    write_mutation(arena, write, mutation_add(arena, "count", 1));
    struct store_op *ops[] = {
        op_write(&fixture, write),
        op_read(&fixture, read_select(arena, read_new(arena), select_prefix(arena, "count"))),
    };
    ops[0]->once = (struct store_once){
        .client_id = client_id, .sequence = number, .acked_below = number, .request_hash = 5};
    assert_non_null(arena_alloc(arena, 1)); /* so that the arena has a chunk with room */
    memory_faults_plan(nth, is_sticky);
    fixture_run(&fixture, STORE_EXCLUSIVE, ops, 2);
    *allocations = memory_faults_end();
    for (size_t i = 0; i < 2; i++) {
        assert_true(ops[i]->code == STATED_OK || ops[i]->code == STATED_RESOURCE_EXHAUSTED);
    }
    bool is_there = fixture_get(&fixture, key) != NULL;
    assert_int_equal(is_there, ops[0]->code == STATED_OK);
    return is_there;
}

/* One failure is made good: the run is executed again. */
static void check_runs(bool is_sticky, unsigned long min_refused)
{
    unsigned long applied = 0;
    unsigned long refused = 0;
    unsigned long allocations = 1;
    fixture_open(&fixture);
    for (unsigned long nth = 1; nth <= allocations; nth++) {
        arena_reset(arena);
        bool is_applied = run_without(nth, is_sticky, nth, &allocations);
        applied += is_applied;
        refused += !is_applied;
        assert_true(nth < 10000);
    }
    print_message("%lu refused, %lu applied\n", refused, applied);
    assert_in_range(refused, min_refused, 10000);
    char count[24];
    snprintf(count, sizeof(count), "%lu", applied);
    if (applied > 0) {
        assert_entry(fixture_get(&fixture, "count"), "count", count);
    }
    struct store_status status;
    fixture.store->ops->read_status(fixture.store, &status);
    assert_false(status.failed);
    fixture_put(&fixture, "still", "writable");
}

static void test_a_run_without_memory_happens_whole_or_not(void **state)
{
    (void)state;
    check_runs(false, 0);
}

static void test_a_run_while_memory_is_out_happens_whole_or_not(void **state)
{
    (void)state;
    check_runs(true, 3);
}

static void test_a_watch_without_memory_is_an_error(void **state)
{
    (void)state;
    fixture_open(&fixture);
    fixture_put(&fixture, "k", "v");
    bool met_ok = false;
    for (unsigned long nth = 1; !met_ok; nth++) {
        Stated__V1__WatchResponse response;
        struct store_changes changes = {.select = select_prefix(arena, ""),
                                        .from_revision = 1,
                                        .max_response_bytes = 1 << 20,
                                        .arena = arena,
                                        .response = &response};
        memory_faults_plan(nth, true);
        fixture.store->ops->read_changes(fixture.store, &changes);
        met_ok = memory_faults_end() < nth;
        assert_int_equal(changes.code, met_ok ? STATED_OK : STATED_RESOURCE_EXHAUSTED);
        assert_true(nth < 1000);
    }
}

static void test_a_snapshot_without_memory_leaves_no_file(void **state)
{
    (void)state;
    fixture_open(&fixture);
    fixture_put(&fixture, "k", "v");
    const char *path = fixture_path(&fixture, "snapshot");
    bool met_ok = false;
    for (unsigned long nth = 1; !met_ok; nth++) {
        struct store_contents contents;
        struct stated_status status;
        memory_faults_plan(nth, true);
        enum stated_code code =
            fixture.store->ops->snapshot(fixture.store, path, NULL, &contents, &status);
        if (code == STATED_OK) {
            code = fixture.store->ops->check(fixture.store, NULL, &contents, &status);
        }
        met_ok = memory_faults_end() < nth;
        if (code != (met_ok ? STATED_OK : STATED_RESOURCE_EXHAUSTED)) {
            fail_msg("allocation %lu: %s %s", nth, stated_code_name(code), status.message);
        }
        (void)unlink(path);
        assert_true(nth < 2000);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_an_open_without_memory_fails_and_the_next_works),
        TEST(test_a_run_without_memory_happens_whole_or_not),
        TEST(test_a_run_while_memory_is_out_happens_whole_or_not),
        TEST(test_a_watch_without_memory_is_an_error),
        TEST(test_a_snapshot_without_memory_leaves_no_file),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
