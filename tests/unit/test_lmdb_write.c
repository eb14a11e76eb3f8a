/* Does a write happen whole or not at all, and answer what the contract says? */
#include "store_fixture.h"

#include "test.h"

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
    fixture_deinit(&fixture);
    return 0;
}

static Stated__V1__WriteRequest *write_of(Stated__V1__Mutation *mutation)
{
    return write_mutation(arena, write_new(arena), mutation);
}

static Stated__V1__WriteRequest *guarded_put(Stated__V1__Guard *guard)
{
    return write_guard(arena, write_of(mutation_put(arena, "target", "written")), guard);
}

static const Stated__V1__WriteResponse *run(const Stated__V1__WriteRequest *write)
{
    struct store_op *op = fixture_write(&fixture, write);
    assert_outcome(op, STATED_OK, "");
    return op->write_response;
}

static uint64_t revision(void)
{
    struct store_status status;
    fixture.store->ops->read_status(fixture.store, &status);
    return status.revision;
}

static void test_each_write_with_a_mutation_is_one_revision(void **state)
{
    (void)state;
    Stated__V1__WriteRequest *write = write_of(mutation_put(arena, "a", "1"));
    write_mutation(arena, write, mutation_put(arena, "b", "2"));
    write_mutation(arena, write, mutation_add(arena, "c", 3));
    assert_int_equal(run(write)->revision, 1);
    assert_int_equal(fixture_get(&fixture, "c")->create_revision, 1);
    /* A delete of nothing is applied as well. */
    assert_int_equal(run(write_of(mutation_delete(arena, select_key(arena, "x"))))->revision, 2);
    const Stated__V1__WriteResponse *check =
        run(write_guard(arena, write_new(arena), guard_exists(arena, "a", true)));
    assert_true(check->applied);
    assert_int_equal(check->revision, 2);
    assert_int_equal(run(write_new(arena))->revision, 2);
    assert_int_equal(revision(), 2);
}

static void test_versions_and_revisions_follow_a_keys_life(void **state)
{
    (void)state;
    fixture_put(&fixture, "k", "1");
    fixture_put(&fixture, "other", "");
    fixture_put(&fixture, "k", "2");
    const Stated__V1__Entry *entry = fixture_get(&fixture, "k");
    assert_int_equal(entry->create_revision, 1);
    assert_int_equal(entry->mod_revision, 3);
    assert_int_equal(entry->version, 2);
    run(write_of(mutation_delete(arena, select_key(arena, "k"))));
    assert_null(fixture_get(&fixture, "k"));
    fixture_put(&fixture, "k", "3");
    entry = fixture_get(&fixture, "k");
    assert_int_equal(entry->create_revision, 5);
    assert_int_equal(entry->mod_revision, 5);
    assert_int_equal(entry->version, 1);
}

static void test_guards_hold_or_do_not(void **state)
{
    (void)state;
    fixture_put(&fixture, "k", "old");
    fixture_put(&fixture, "k", "v");
    fixture_put(&fixture, "empty", "");
    const struct {
        Stated__V1__Guard *guard;
        bool holds;
    } cases[] = {
        {guard_exists(arena, "k", true), true},       {guard_exists(arena, "k", false), false},
        {guard_exists(arena, "absent", true), false}, {guard_exists(arena, "absent", false), true},
        {guard_revision(arena, "k", 2), true},        {guard_revision(arena, "k", 1), false},
        {guard_revision(arena, "k", 0), false},       {guard_revision(arena, "absent", 0), true},
        {guard_revision(arena, "absent", 1), false},  {guard_version(arena, "k", 2), true},
        {guard_version(arena, "k", 3), false},        {guard_version(arena, "absent", 0), true},
        {guard_value(arena, "k", "v"), true},         {guard_value(arena, "k", "w"), false},
        {guard_value(arena, "k", "vv"), false},       {guard_value(arena, "k", ""), false},
        {guard_value(arena, "empty", ""), true},      {guard_value(arena, "absent", ""), false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t before = revision();
        const Stated__V1__WriteResponse *response = run(guarded_put(cases[i].guard));
        assert_int_equal(response->applied, cases[i].holds);
        assert_int_equal(response->revision, before + cases[i].holds);
        assert_int_equal(revision(), before + cases[i].holds);
        assert_int_equal(fixture_get(&fixture, "target") != NULL, cases[i].holds);
        run(write_of(mutation_delete(arena, select_key(arena, "target"))));
    }
}

static void test_all_guards_have_to_hold(void **state)
{
    (void)state;
    fixture_put(&fixture, "a", "1");
    fixture_put(&fixture, "b", "2");
    Stated__V1__WriteRequest *write = guarded_put(guard_value(arena, "a", "1"));
    write_guard(arena, write, guard_value(arena, "b", "2"));
    assert_true(run(write)->applied);
    write_guard(arena, write, guard_exists(arena, "absent", true));
    const Stated__V1__WriteResponse *response = run(write);
    assert_false(response->applied);
    assert_int_equal(response->n_current, 2);
    assert_entry(response->current[0], "a", "1");
    assert_entry(response->current[1], "b", "2");
    assert_int_equal(response->current[1]->mod_revision, 2);
    assert_int_equal(response->n_previous, 0);
}

static void test_previous_entries_are_those_that_change(void **state)
{
    (void)state;
    fixture_put(&fixture, "a", "1");
    fixture_put(&fixture, "d/1", "x");
    fixture_put(&fixture, "d/2", "y");
    Stated__V1__WriteRequest *write = write_of(mutation_put(arena, "new", "n"));
    write_mutation(arena, write, mutation_delete(arena, select_prefix(arena, "d/")));
    write_mutation(arena, write, mutation_add(arena, "a", 1));
    write_mutation(arena, write, mutation_delete(arena, select_key(arena, "absent")));
    write->return_previous = true;
    const Stated__V1__WriteResponse *response = run(write);
    assert_int_equal(response->n_previous, 3);
    assert_entry(response->previous[0], "d/1", "x");
    assert_entry(response->previous[1], "d/2", "y");
    assert_entry(response->previous[2], "a", "1");
    assert_int_equal(response->previous[2]->mod_revision, 1);
    assert_entry(fixture_get(&fixture, "a"), "a", "2");
    write->return_previous = false;
    assert_int_equal(run(write)->n_previous, 0);
}

static void test_deletes_take_what_they_select(void **state)
{
    (void)state;
    for (char i = 'a'; i <= 'z'; i++) {
        fixture_put(&fixture, (char[]){'k', i, 0}, "v");
    }
    run(write_of(mutation_delete(arena, select_range(arena, "kc", "kx"))));
    assert_non_null(fixture_get(&fixture, "kb"));
    assert_null(fixture_get(&fixture, "kc"));
    assert_null(fixture_get(&fixture, "kw"));
    assert_non_null(fixture_get(&fixture, "kx"));
    run(write_of(mutation_delete(arena, select_prefix(arena, "ka"))));
    assert_null(fixture_get(&fixture, "ka"));
    run(write_of(mutation_delete(arena, select_prefix(arena, ""))));
    struct store_status status;
    fixture.store->ops->read_status(fixture.store, &status);
    assert_int_equal(status.keys, 0);
}

static void test_counters_add(void **state)
{
    (void)state;
    run(write_of(mutation_add(arena, "n", 5)));
    assert_entry(fixture_get(&fixture, "n"), "n", "5");
    run(write_of(mutation_add(arena, "n", -7)));
    assert_entry(fixture_get(&fixture, "n"), "n", "-2");
    run(write_of(mutation_add(arena, "n", 0)));
    assert_int_equal(fixture_get(&fixture, "n")->version, 3);
    fixture_put(&fixture, "n", "9223372036854775806");
    run(write_of(mutation_add(arena, "n", 1)));
    assert_entry(fixture_get(&fixture, "n"), "n", "9223372036854775807");
    run(write_of(mutation_add(arena, "m", INT64_MIN)));
    assert_entry(fixture_get(&fixture, "m"), "m", "-9223372036854775808");
}

/* An Add that cannot be done behind a Put and a Delete that could: nothing of the write remains. */
static void check_nothing_happened(int64_t delta, enum stated_code code, const char *part)
{
    fixture_put(&fixture, "gone?", "still here");
    uint64_t before = revision();
    Stated__V1__WriteRequest *write = write_of(mutation_put(arena, "put", "new"));
    write_mutation(arena, write, mutation_delete(arena, select_key(arena, "gone?")));
    write_mutation(arena, write, mutation_add(arena, "n", delta));
    assert_outcome(fixture_write(&fixture, write), code, part);
    assert_null(fixture_get(&fixture, "put"));
    assert_non_null(fixture_get(&fixture, "gone?"));
    assert_int_equal(revision(), before);
}

static void test_an_add_that_cannot_be_done_undoes_its_write(void **state)
{
    (void)state;
    fixture_put(&fixture, "n", "text");
    check_nothing_happened(1, STATED_FAILED_PRECONDITION, "\"n\" is \"text\", no decimal number");
    fixture_put(&fixture, "n", "9223372036854775807");
    check_nothing_happened(1, STATED_OUT_OF_RANGE,
                           "adding 1 to \"n\", which is 9223372036854775807");
    fixture_put(&fixture, "n", "-9223372036854775808");
    check_nothing_happened(-1, STATED_OUT_OF_RANGE, "adding -1 to \"n\"");
    fixture_put(&fixture, "n", "");
    check_nothing_happened(0, STATED_FAILED_PRECONDITION, "\"n\" is \"\"");
}

static void test_values_of_every_size_come_back(void **state)
{
    (void)state;
    const size_t sizes[] = {0, 1, 500, 1900, 2000, 2100, 4000, 4096, 5000, 70000, 1000000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        ProtobufCBinaryData value = request_fill(arena, (char)('a' + i), sizes[i]);
        run(write_of(mutation_put_bytes(arena, request_text(arena, "k"), value)));
        const Stated__V1__Entry *entry = fixture_get(&fixture, "k");
        assert_int_equal(entry->value.len, sizes[i]);
        if (sizes[i] > 0) {
            assert_memory_equal(entry->value.data, value.data, sizes[i]);
        }
    }
}

static void test_keys_of_every_size_come_back(void **state)
{
    (void)state;
    for (size_t length = 1; length <= 480; length++) {
        ProtobufCBinaryData key = request_fill(arena, 'k', length);
        run(write_of(mutation_put_bytes(arena, key, request_text(arena, "v"))));
    }
    Stated__V1__ReadRequest *read = read_select(arena, read_new(arena), select_prefix(arena, "k"));
    struct store_op *op = fixture_read(&fixture, read);
    assert_int_equal(op->read_response->n_entries, 480);
    for (size_t i = 0; i < 480; i++) {
        assert_int_equal(op->read_response->entries[i]->key.len, i + 1);
        assert_int_equal(op->read_response->entries[i]->mod_revision, i + 1);
    }
}

static struct store_op *run_within(const Stated__V1__WriteRequest *write, size_t max_bytes)
{
    struct store_op *op = op_write(&fixture, write);
    op->max_response_bytes = max_bytes;
    fixture_run(&fixture, STORE_EXCLUSIVE, &op, 1);
    return op;
}

static void test_a_reply_that_cannot_fit_stops_the_write(void **state)
{
    (void)state;
    ProtobufCBinaryData large = request_fill(arena, 'x', 5000);
    run(write_of(mutation_put_bytes(arena, request_text(arena, "k"), large)));
    Stated__V1__WriteRequest *write = write_of(mutation_put(arena, "k", "small"));
    write->return_previous = true;
    assert_outcome(run_within(write, 5000), STATED_RESOURCE_EXHAUSTED,
                   "nothing was written: the previous entries need more than the 5000 bytes");
    assert_int_equal(fixture_get(&fixture, "k")->value.len, 5000);
    Stated__V1__WriteRequest *guarded = guarded_put(guard_value(arena, "k", "other"));
    assert_outcome(run_within(guarded, 5000), STATED_RESOURCE_EXHAUSTED, "the guarded entries");
    assert_outcome(run_within(guarded, 6000), STATED_OK, "");
    assert_outcome(run_within(write, 6000), STATED_OK, "");
    assert_entry(fixture_get(&fixture, "k"), "k", "small");
}

static void test_a_full_arena_stops_the_write(void **state)
{
    (void)state;
    fixture_put(&fixture, "a", "1");
    Stated__V1__WriteRequest *write = write_of(mutation_add(arena, "a", 1));
    write_mutation(arena, write, mutation_put(arena, "b", "2"));
    write->return_previous = true;
    bool met_ok = false;
    for (size_t bytes = 0; !met_ok; bytes += 16) {
        struct arena small;
        arena_init(&small, bytes);
        struct store_op *op = op_write(&fixture, write);
        op->arena = &small;
        fixture_run(&fixture, STORE_EXCLUSIVE, &op, 1);
        met_ok = op->code == STATED_OK;
        assert_true(met_ok || op->code == STATED_RESOURCE_EXHAUSTED);
        assert_entry(fixture_get(&fixture, "a"), "a", met_ok ? "2" : "1");
        arena_deinit(&small);
        assert_true(bytes < 100000);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_each_write_with_a_mutation_is_one_revision),
        TEST(test_versions_and_revisions_follow_a_keys_life),
        TEST(test_guards_hold_or_do_not),
        TEST(test_all_guards_have_to_hold),
        TEST(test_previous_entries_are_those_that_change),
        TEST(test_deletes_take_what_they_select),
        TEST(test_counters_add),
        TEST(test_an_add_that_cannot_be_done_undoes_its_write),
        TEST(test_values_of_every_size_come_back),
        TEST(test_keys_of_every_size_come_back),
        TEST(test_a_reply_that_cannot_fit_stops_the_write),
        TEST(test_a_full_arena_stops_the_write),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
