/* Does a run see one state and nothing of an unfinished one, and is it one commit for all its
   operations? */
#include "io_faults.h"
#include "store_fixture.h"

#include "test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

static struct store_fixture fixture;
static struct arena *const arena = &fixture.arena;

static int set_up(void **state)
{
    (void)state;
    fixture_init(&fixture);
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

static struct store_op *put_op(const char *key, const char *value)
{
    return op_write(&fixture,
                    write_mutation(arena, write_new(arena), mutation_put(arena, key, value)));
}

static struct store_op *add_op(const char *key, int64_t delta)
{
    return op_write(&fixture,
                    write_mutation(arena, write_new(arena), mutation_add(arena, key, delta)));
}

static struct store_op *get_op(const char *key)
{
    return op_read(&fixture, read_select(arena, read_new(arena), select_key(arena, key)));
}

static void assert_read(const struct store_op *op, const char *key, const char *value,
                        uint64_t revision)
{
    assert_outcome(op, STATED_OK, "");
    assert_int_equal(op->read_response->n_entries, value != NULL);
    if (value != NULL) {
        assert_entry(op->read_response->entries[0], key, value);
    }
    assert_int_equal(op->read_response->revision, revision);
}

static void test_a_read_in_an_exclusive_run_sees_the_writes_before_it(void **state)
{
    (void)state;
    struct store_op *ops[] = {get_op("k"), put_op("k", "1"), get_op("k"), put_op("k", "2"),
                              get_op("k")};
    fixture_run(&fixture, STORE_EXCLUSIVE, ops, 5);
    assert_read(ops[0], "k", NULL, 0);
    assert_read(ops[2], "k", "1", 1);
    assert_read(ops[4], "k", "2", 2);
    assert_int_equal(ops[3]->write_response->revision, 2);
}

static void test_an_exclusive_run_has_one_commit(void **state)
{
    (void)state;
    struct store_op *ops[100];
    fixture_put(&fixture, "k", "");
    io_faults_count(IO_FDATASYNC);
    for (size_t i = 0; i < 100; i++) {
        ops[i] = add_op("n", 1);
    }
    fixture_run(&fixture, STORE_EXCLUSIVE, ops, 100);
    assert_int_equal(io_faults_seen(), 1);
    assert_entry(fixture_get(&fixture, "n"), "n", "100");
    /* And none at all when nothing changed. */
    io_faults_count(IO_ALL);
    struct store_op *unchanging[] = {
        get_op("k"),
        op_write(&fixture, write_guard(arena, write_new(arena), guard_exists(arena, "no", true)))};
    fixture_run(&fixture, STORE_EXCLUSIVE, unchanging, 2);
    fixture_run(&fixture, STORE_EXCLUSIVE, NULL, 0);
    assert_int_equal(io_faults_seen(), 0);
    assert_false(unchanging[1]->write_response->applied);
}

static void test_a_failed_write_leaves_the_others_of_its_run(void **state)
{
    (void)state;
    fixture_put(&fixture, "text", "text");
    struct store_op *ops[] = {put_op("a", "1"), add_op("text", 1), put_op("b", "2"), get_op("a")};
    fixture_run(&fixture, STORE_EXCLUSIVE, ops, 4);
    assert_outcome(ops[0], STATED_OK, "");
    assert_outcome(ops[1], STATED_FAILED_PRECONDITION, "no decimal number");
    assert_outcome(ops[2], STATED_OK, "");
    assert_int_equal(ops[2]->write_response->revision, 3);
    assert_read(ops[3], "a", "1", 3);
    assert_entry(fixture_get(&fixture, "b"), "b", "2");
}

static void test_a_shared_run_sees_the_state_of_its_begin(void **state)
{
    (void)state;
    const struct store_ops *engine = fixture.store->ops;
    fixture_put(&fixture, "k", "old");
    struct store_run *shared = engine->begin(fixture.store, STORE_SHARED);
    struct store_op *before = get_op("k");
    engine->apply(shared, before);
    assert_read(before, "k", "old", 1);
    fixture_put(&fixture, "k", "new");
    struct store_op *after = get_op("k");
    engine->apply(shared, after);
    engine->commit(shared, NULL, NULL);
    assert_read(after, "k", "old", 1);
    assert_entry(fixture_get(&fixture, "k"), "k", "new");
}

static void test_an_open_exclusive_run_is_seen_by_nobody(void **state)
{
    (void)state;
    const struct store_ops *engine = fixture.store->ops;
    struct store_run *exclusive = engine->begin(fixture.store, STORE_EXCLUSIVE);
    struct store_op *put = put_op("k", "v");
    engine->apply(exclusive, put);
    struct store_op *read = get_op("k");
    fixture_run(&fixture, STORE_SHARED, &read, 1);
    assert_read(read, "k", NULL, 0);
    engine->commit(exclusive, NULL, NULL);
    fixture_run(&fixture, STORE_SHARED, &read, 1);
    assert_read(read, "k", "v", 1);
}

static void test_many_shared_runs_are_open_at_once(void **state)
{
    (void)state;
    const struct store_ops *engine = fixture.store->ops;
    struct store_run *runs[200];
    for (size_t i = 0; i < 200; i++) {
        char value[] = {(char)('a' + i % 26), 0};
        fixture_put(&fixture, "k", value);
        runs[i] = engine->begin(fixture.store, STORE_SHARED);
        assert_non_null(runs[i]);
    }
    for (size_t i = 0; i < 200; i++) {
        char value[] = {(char)('a' + i % 26), 0};
        struct store_op *first = get_op("k");
        struct store_op *scan =
            op_read(&fixture, read_select(arena, read_new(arena), select_prefix(arena, "k")));
        engine->apply(runs[i], first);
        engine->apply(runs[i], scan);
        engine->commit(runs[i], NULL, NULL);
        assert_read(first, "k", value, i + 1);
        assert_read(scan, "k", value, i + 1);
    }
}

/* Readers beside a writer that keeps two keys equal: no reader may see them differ, nor a revision
   that does not go with them. */
struct beside {
    struct store *store;
    atomic_bool stop;
    atomic_ulong reads;
    atomic_ulong torn;
};

static void read_both(struct beside *self, struct arena *own)
{
    Stated__V1__ReadRequest *read = read_select(own, read_new(own), select_prefix(own, "pair/"));
    struct store_op op = {.kind = STORE_READ, .arena = own, .max_response_bytes = 1 << 16};
    Stated__V1__ReadResponse response = STATED__V1__READ_RESPONSE__INIT;
    op.read = read;
    op.read_response = &response;
    struct store_run *run = self->store->ops->begin(self->store, STORE_SHARED);
    self->store->ops->apply(run, &op);
    self->store->ops->commit(run, NULL, NULL);
    bool whole = op.code == STATED_OK && response.n_entries == 2 &&
                 response.entries[0]->value.len == response.entries[1]->value.len &&
                 memcmp(response.entries[0]->value.data, response.entries[1]->value.data,
                        response.entries[0]->value.len) == 0 &&
                 response.entries[0]->mod_revision == response.revision;
    self->torn += !whole;
    self->reads++;
}

static void *read_beside(void *argument)
{
    struct beside *self = argument;
    struct arena own;
    arena_init(&own, 1 << 20);
    while (!self->stop) {
        arena_reset(&own);
        read_both(self, &own);
    }
    arena_deinit(&own);
    return NULL;
}

static void add_to_both(void)
{
    Stated__V1__WriteRequest *write = write_new(arena);
    write_mutation(arena, write, mutation_add(arena, "pair/a", 1));
    write_mutation(arena, write, mutation_add(arena, "pair/b", 1));
    assert_outcome(fixture_write(&fixture, write), STATED_OK, "");
}

static void test_readers_beside_a_writer_see_whole_states(void **state)
{
    (void)state;
    enum { READERS = 3, MIN_READS = 50000, MIN_WRITES = 200 };
    fixture_deinit(&fixture);
    fixture_init(&fixture);
    fixture.options.durability = STORE_EPHEMERAL;
    /* What a reader looks at stays in the file: one that is held up must not let it fill. */
    fixture.options.size_limit_bytes = (uint64_t)4 << 30;
    fixture_open(&fixture);
    add_to_both();
    struct beside beside = {.store = fixture.store};
    pthread_t threads[READERS];
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, read_beside, &beside), 0);
    }
    for (unsigned long writes = 0; writes < MIN_WRITES || beside.reads < MIN_READS; writes++) {
        arena_reset(arena);
        add_to_both();
    }
    beside.stop = true;
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(beside.torn, 0);
}

static void test_status_follows_the_commits(void **state)
{
    (void)state;
    struct store_status status;
    fixture.store->ops->read_status(fixture.store, &status);
    assert_string_equal(status.engine, "lmdb");
    assert_string_equal(status.durability, "sync");
    assert_int_equal(status.revision, 0);
    assert_int_equal(status.keys, 0);
    assert_int_equal(status.format_version, 1);
    assert_int_equal(status.size_limit_bytes, fixture.options.size_limit_bytes);
    assert_false(status.failed);
    assert_string_equal(status.failure, "");
    fixture_put(&fixture, "a", "1");
    fixture_put(&fixture, "b", "1");
    fixture_put(&fixture, "a", "2");
    fixture.store->ops->read_status(fixture.store, &status);
    assert_int_equal(status.revision, 3);
    assert_int_equal(status.keys, 2);
    assert_in_range(status.file_bytes, 4096, 64 << 20);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_read_in_an_exclusive_run_sees_the_writes_before_it),
        TEST(test_an_exclusive_run_has_one_commit),
        TEST(test_a_failed_write_leaves_the_others_of_its_run),
        TEST(test_a_shared_run_sees_the_state_of_its_begin),
        TEST(test_an_open_exclusive_run_is_seen_by_nobody),
        TEST(test_many_shared_runs_are_open_at_once),
        TEST(test_readers_beside_a_writer_see_whole_states),
        TEST(test_status_follows_the_commits),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
