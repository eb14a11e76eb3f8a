/* When the state or the disk is full: are exactly the writes refused that do not fit, do reads and
   deletes go on, and is there room again afterwards without a restart? */
#include "io_faults.h"
#include "store_fixture.h"

#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct store_fixture fixture;
static struct arena *const arena = &fixture.arena;

enum { LIMIT_BYTES = 1 << 20, VALUE_BYTES = 10000 };

static int set_up(void **state)
{
    (void)state;
    fixture_init(&fixture);
    fixture.options.size_limit_bytes = LIMIT_BYTES;
    fixture.options.max_changes = 1; /* the change log has its own share; see its test */
    fixture_open(&fixture);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    io_faults_clear();
    fixture_deinit(&fixture);
    return 0;
}

static const char *numbered(size_t i)
{
    return arena_format(arena, "key/%05zu", i);
}

static struct store_op *put_op(const char *key, size_t value_bytes)
{
    return op_write(&fixture,
                    write_mutation(arena, write_new(arena),
                                   mutation_put_bytes(arena, request_text(arena, key),
                                                      request_fill(arena, 'x', value_bytes))));
}

static struct store_op *delete_op(Stated__V1__Selector *selector)
{
    return op_write(&fixture,
                    write_mutation(arena, write_new(arena), mutation_delete(arena, selector)));
}

/* What Health would say: the start of the reason, "" = writes are taken. */
static void assert_refuses(const char *start)
{
    struct store_status status;
    fixture.store->ops->read_status(fixture.store, &status);
    if (strncmp(status.refusal, start, strlen(start)) != 0 ||
        (start[0] == '\0' && status.refusal[0] != '\0')) {
        fail_msg("refuses because \"%s\", not \"%s\"", status.refusal, start);
    }
}

static void run(struct store_op *op)
{
    fixture_run(&fixture, STORE_EXCLUSIVE, &op, 1);
}

/* Puts keys until one is refused; returns how many there are. */
static size_t fill(size_t value_bytes)
{
    for (size_t i = 0;; i++) {
        struct store_op *op = put_op(numbered(i), value_bytes);
        run(op);
        if (op->code != STATED_OK) {
            assert_outcome(op, STATED_RESOURCE_EXHAUSTED, "the state is full: ");
            assert_non_null(strstr(op->message, "of at most 1048576 bytes"));
            return i;
        }
    }
}

static uint64_t keys(void)
{
    struct store_status status;
    fixture.store->ops->read_status(fixture.store, &status);
    return status.keys;
}

/* LMDB keeps every page that a reader may look at, so one that takes long fills the file. */
static void test_what_is_still_read_keeps_its_place(void **state)
{
    (void)state;
    const struct store_ops *ops = fixture.store->ops;
    struct store_op *op = put_op("key", VALUE_BYTES);
    run(op);
    assert_outcome(op, STATED_OK, "");
    struct store_run *reading = ops->begin(fixture.store, STORE_SHARED);
    assert_non_null(reading);
    for (size_t i = 0; op->code == STATED_OK; i++) {
        assert_in_range(i, 0, LIMIT_BYTES / VALUE_BYTES);
        op = put_op("key", VALUE_BYTES);
        run(op);
    }
    assert_outcome(op, STATED_RESOURCE_EXHAUSTED, "there is no room for now: ");
    assert_non_null(strstr(op->message, "of at most 1048576 bytes"));
    assert_refuses(""); /* it will not last */
    assert_int_equal(ops->commit(reading, NULL, NULL), STORE_COMPLETE);
    op = put_op("key", VALUE_BYTES);
    run(op);
    assert_outcome(op, STATED_OK, "");
}

static void test_a_full_state_refuses_what_adds_and_goes_on_with_the_rest(void **state)
{
    (void)state;
    assert_refuses("");
    size_t n = fill(VALUE_BYTES);
    assert_in_range(n, LIMIT_BYTES / VALUE_BYTES / 2, LIMIT_BYTES / VALUE_BYTES);
    assert_refuses("the state is full: ");
    /* Reads, writes that add nothing, guards and deletes go on. */
    assert_int_equal(fixture_get(&fixture, numbered(n - 1))->value.len, VALUE_BYTES);
    struct store_op *same = put_op(numbered(0), VALUE_BYTES);
    run(same);
    assert_outcome(same, STATED_OK, "");
    struct store_op *larger = put_op(numbered(0), 3 * VALUE_BYTES);
    run(larger);
    assert_outcome(larger, STATED_RESOURCE_EXHAUSTED, "delete keys or raise the size limit");
    for (size_t i = 0; i < n; i++) {
        struct store_op *op = delete_op(select_key(arena, numbered(i)));
        run(op);
        assert_outcome(op, STATED_OK, "");
    }
    assert_int_equal(keys(), 0);
    assert_refuses("");
    /* And the room is there again, time after time. */
    for (int round = 0; round < 3; round++) {
        assert_in_range(fill(VALUE_BYTES), n - 5, n + 5);
        struct store_op *all = delete_op(select_prefix(arena, ""));
        run(all);
        assert_outcome(all, STATED_OK, "");
    }
}

static void test_small_records_fill_the_state_as_well(void **state)
{
    (void)state;
    fixture_close(&fixture);
    fixture.options.durability = STORE_RELAXED;
    fixture_open(&fixture);
    size_t n = fill(200);
    assert_in_range(n, 1000, 6000);
    for (size_t i = 0; i < n; i += 100) {
        assert_non_null(fixture_get(&fixture, numbered(i)));
    }
    struct store_op *all = delete_op(select_prefix(arena, "key/"));
    run(all);
    assert_outcome(all, STATED_OK, "");
    assert_in_range(fill(200), n / 2, 2 * n);
}

/* A run of which one write does not fit: the others of that run happen, in order. */
static void test_only_the_writes_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    struct store_op *ops[] = {
        put_op("a", 10),
        put_op("large", LIMIT_BYTES - 100000),
        put_op("b", 10),
        op_read(&fixture, read_select(arena, read_new(arena), select_prefix(arena, ""))),
        delete_op(select_key(arena, "a")),
        op_write(&fixture, write_mutation(arena, write_new(arena), mutation_add(arena, "n", 1))),
    };
    fixture_run(&fixture, STORE_EXCLUSIVE, ops, 6);
    assert_outcome(ops[0], STATED_OK, "");
    assert_int_equal(ops[0]->write_response->revision, 1);
    assert_outcome(ops[1], STATED_RESOURCE_EXHAUSTED, "the state is full");
    assert_outcome(ops[2], STATED_OK, "");
    assert_int_equal(ops[2]->write_response->revision, 2);
    assert_outcome(ops[3], STATED_OK, "");
    assert_int_equal(ops[3]->read_response->n_entries, 2);
    assert_int_equal(ops[3]->read_response->revision, 2);
    assert_outcome(ops[4], STATED_OK, "");
    assert_outcome(ops[5], STATED_OK, "");
    assert_int_equal(ops[5]->write_response->revision, 4);
    assert_int_equal(keys(), 2);
}

static void test_a_write_larger_than_the_map_is_refused_alone(void **state)
{
    (void)state;
    struct store_op *op = put_op("huge", 2 * (size_t)LIMIT_BYTES);
    run(op);
    assert_outcome(op, STATED_RESOURCE_EXHAUSTED, "the state is full");
    assert_refuses(""); /* others have room */
    fixture_put(&fixture, "k", "v");
    assert_int_equal(keys(), 1);
}

/* A full disk: the file cannot grow, and a write across its end is short, for which LMDB says EIO.
   None of this is a failure of the disk. */
static void check_full_disk(unsigned long disk_bytes, int error)
{
    io_faults_disk(disk_bytes, error);
    struct store_op *op;
    size_t n = 0;
    do {
        op = put_op(numbered(n++), 100000);
        run(op);
    } while (op->code == STATED_OK);
    assert_outcome(op, STATED_RESOURCE_EXHAUSTED, "the disk is full: ");
    assert_refuses("the disk is full: "); /* the real disk is not: it may be a quota */
    assert_in_range(n, 1, disk_bytes / 100000);
    assert_int_equal(keys(), n);
    /* Reads and deletes go on, and what they free can be used. */
    assert_entry(fixture_get(&fixture, "k"), "k", "v");
    struct store_op *all = delete_op(select_prefix(arena, "key/"));
    run(all);
    assert_outcome(all, STATED_OK, "");
    assert_int_equal(keys(), 1);
    fixture_put(&fixture, "k", "v");
    io_faults_clear();
    run(op);
    assert_outcome(op, STATED_OK, "");
    assert_refuses("");
    run(all);
    struct store_status status;
    fixture.store->ops->read_status(fixture.store, &status);
    assert_false(status.failed);
}

static void test_a_full_disk_refuses_writes_until_there_is_room(void **state)
{
    (void)state;
    fixture_deinit(&fixture);
    for (unsigned long spare = 0; spare < 600000; spare += 50000) {
        fixture_init(&fixture);
        fixture_open(&fixture);
        fixture_put(&fixture, "k", "v");
        check_full_disk(3000000 + spare, spare % 100000 == 0 ? ENOSPC : EDQUOT);
        fixture_deinit(&fixture);
    }
    fixture_init(&fixture);
}

/* The same where the system cannot take room ahead: LMDB finds the end of the disk itself. */
static void test_a_full_disk_is_found_by_lmdb_as_well(void **state)
{
    (void)state;
    fixture_deinit(&fixture);
    fixture_init(&fixture);
    fixture_open(&fixture);
    fixture_put(&fixture, "k", "v");
    io_faults_plan(IO_FALLOCATE, 1, EOPNOTSUPP, true);
    struct store_op *op;
    size_t n = 0;
    do {
        io_faults_disk(n < 20 ? 0 : 2000000, ENOSPC);
        op = put_op(numbered(n++), 100000);
        run(op);
    } while (op->code == STATED_OK);
    assert_int_equal(op->code, STATED_RESOURCE_EXHAUSTED);
    assert_in_range(n, 20, 23);
    io_faults_clear();
    run(op);
    assert_outcome(op, STATED_OK, "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_still_read_keeps_its_place),
        TEST(test_a_full_state_refuses_what_adds_and_goes_on_with_the_rest),
        TEST(test_small_records_fill_the_state_as_well),
        TEST(test_only_the_writes_that_do_not_fit_are_refused),
        TEST(test_a_write_larger_than_the_map_is_refused_alone),
        TEST(test_a_full_disk_refuses_writes_until_there_is_room),
        TEST(test_a_full_disk_is_found_by_lmdb_as_well),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
