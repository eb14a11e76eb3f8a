/* Does the change log tell every change once, in order, from wherever it is asked, and say so when
   it cannot? */
#include "store_fixture.h"

#include "test.h"

#include <inttypes.h>
#include <stdio.h>
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

static void reopen(void)
{
    fixture_close(&fixture);
    fixture_open(&fixture);
}

static struct store_changes *changes_of(Stated__V1__Selector *selector, uint64_t from)
{
    struct store_changes *changes = arena_alloc(arena, sizeof(*changes));
    Stated__V1__WatchResponse *response = arena_alloc(arena, sizeof(*response));
    assert_non_null(changes);
    assert_non_null(response);
    *changes = (struct store_changes){.select = selector,
                                      .from_revision = from,
                                      .max_response_bytes = 1 << 20,
                                      .arena = arena,
                                      .response = response,
                                      .code = STATED_INTERNAL};
    return changes;
}

static struct store_changes *run(struct store_changes *changes)
{
    fixture.store->ops->read_changes(fixture.store, changes);
    assert_true((changes->code == STATED_OK) == (changes->message[0] == '\0'));
    return changes;
}

static const Stated__V1__WatchResponse *watch(const char *prefix, uint64_t from)
{
    struct store_changes *changes = run(changes_of(select_prefix(arena, prefix), from));
    if (changes->code != STATED_OK) {
        fail_msg("%s: %s", stated_code_name(changes->code), changes->message);
    }
    return changes->response;
}

static void assert_refused(struct store_changes *changes, enum stated_code code, const char *part)
{
    run(changes);
    if (changes->code != code || strstr(changes->message, part) == NULL) {
        fail_msg("%s: %s", stated_code_name(changes->code), changes->message);
    }
}

static void put_bytes(const char *key, size_t value_bytes)
{
    struct store_op *op = fixture_write(
        &fixture, write_mutation(arena, write_new(arena),
                                 mutation_put_bytes(arena, request_text(arena, key),
                                                    request_fill(arena, 'x', value_bytes))));
    assert_outcome(op, STATED_OK, "");
}

static void remove_keys(Stated__V1__Selector *selector)
{
    struct store_op *op = fixture_write(
        &fixture, write_mutation(arena, write_new(arena), mutation_delete(arena, selector)));
    assert_outcome(op, STATED_OK, "");
}

static uint64_t oldest(void)
{
    struct store_status status;
    fixture.store->ops->read_status(fixture.store, &status);
    return status.oldest_revision;
}

static void test_puts_and_deletes_come_with_what_was_before(void **state)
{
    (void)state;
    fixture_put(&fixture, "k", "1");
    fixture_put(&fixture, "k", "22");
    remove_keys(select_key(arena, "k"));
    const Stated__V1__WatchResponse *response = watch("", 1);
    assert_int_equal(response->n_events, 3);
    assert_int_equal(response->next_revision, 4);

    const Stated__V1__Event *event = response->events[0];
    assert_int_equal(event->type, STATED__V1__EVENT__TYPE__TYPE_PUT);
    assert_entry(event->entry, "k", "1");
    assert_int_equal(event->entry->mod_revision, 1);
    assert_int_equal(event->entry->version, 1);
    assert_null(event->previous);

    event = response->events[1];
    assert_entry(event->entry, "k", "22");
    assert_int_equal(event->entry->create_revision, 1);
    assert_int_equal(event->entry->mod_revision, 2);
    assert_int_equal(event->entry->version, 2);
    assert_entry(event->previous, "k", "1");
    assert_int_equal(event->previous->mod_revision, 1);

    event = response->events[2];
    assert_int_equal(event->type, STATED__V1__EVENT__TYPE__TYPE_DELETE);
    assert_entry(event->entry, "k", "");
    assert_int_equal(event->entry->mod_revision, 3);
    assert_entry(event->previous, "k", "22");
    assert_int_equal(event->previous->version, 2);
}

static void test_a_write_is_one_revision_of_all_its_events(void **state)
{
    (void)state;
    fixture_put(&fixture, "d/1", "a");
    fixture_put(&fixture, "d/2", "b");
    Stated__V1__WriteRequest *write = write_new(arena);
    write_mutation(arena, write, mutation_put(arena, "k", "v"));
    write_mutation(arena, write, mutation_delete(arena, select_prefix(arena, "d/")));
    write_mutation(arena, write, mutation_add(arena, "n", 7));
    assert_outcome(fixture_write(&fixture, write), STATED_OK, "");
    const Stated__V1__WatchResponse *response = watch("", 3);
    assert_int_equal(response->n_events, 4);
    assert_entry(response->events[0]->entry, "k", "v");
    assert_entry(response->events[1]->previous, "d/1", "a");
    assert_entry(response->events[2]->previous, "d/2", "b");
    assert_entry(response->events[3]->entry, "n", "7");
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(response->events[i]->entry->mod_revision, 3);
    }
}

static void test_only_selected_keys_are_told(void **state)
{
    (void)state;
    fixture_put(&fixture, "a/1", "");
    fixture_put(&fixture, "b/1", "");
    fixture_put(&fixture, "a/2", "");
    const Stated__V1__WatchResponse *response = watch("a/", 1);
    assert_int_equal(response->n_events, 2);
    assert_entry(response->events[1]->entry, "a/2", "");
    assert_int_equal(response->next_revision, 4);
    response = run(changes_of(select_key(arena, "b/1"), 1))->response;
    assert_int_equal(response->n_events, 1);
    response = run(changes_of(select_range(arena, "a/2", "b/1"), 1))->response;
    assert_int_equal(response->n_events, 1);
    assert_entry(response->events[0]->entry, "a/2", "");
    assert_int_equal(watch("absent", 1)->n_events, 0);
    assert_int_equal(watch("absent", 1)->next_revision, 4);
}

static void test_what_is_not_applied_is_not_told(void **state)
{
    (void)state;
    fixture_put(&fixture, "text", "text");
    Stated__V1__WriteRequest *guarded =
        write_guard(arena, write_mutation(arena, write_new(arena), mutation_put(arena, "k", "v")),
                    guard_exists(arena, "absent", true));
    assert_outcome(fixture_write(&fixture, guarded), STATED_OK, "");
    Stated__V1__WriteRequest *failing =
        write_mutation(arena, write_new(arena), mutation_put(arena, "k", "v"));
    write_mutation(arena, failing, mutation_add(arena, "text", 1));
    assert_outcome(fixture_write(&fixture, failing), STATED_FAILED_PRECONDITION, "");
    assert_int_equal(watch("", 1)->n_events, 1);
    fixture_put(&fixture, "next", "v");
    const Stated__V1__WatchResponse *response = watch("", 2);
    assert_int_equal(response->n_events, 1);
    assert_entry(response->events[0]->entry, "next", "v");
}

static void test_from_0_is_from_now(void **state)
{
    (void)state;
    assert_int_equal(watch("", 0)->next_revision, 1);
    fixture_put(&fixture, "k", "v");
    assert_int_equal(watch("", 0)->n_events, 0);
    assert_int_equal(watch("", 0)->next_revision, 2);
    assert_int_equal(watch("", 2)->next_revision, 2);
}

static void test_the_future_and_the_forgotten_are_refused(void **state)
{
    (void)state;
    fixture.options.max_changes = 10;
    reopen();
    for (int i = 0; i < 30; i++) {
        fixture_put(&fixture, "k", "v");
    }
    assert_int_equal(oldest(), 21);
    assert_refused(changes_of(select_prefix(arena, ""), 32), STATED_OUT_OF_RANGE,
                   "revision 32 is still to come, the newest is 30");
    assert_refused(changes_of(select_prefix(arena, ""), 20), STATED_OUT_OF_RANGE,
                   "does not go back to revision 20, its oldest is 21");
    assert_int_equal(watch("", 21)->n_events, 10);
    reopen();
    assert_int_equal(oldest(), 21);
    assert_int_equal(watch("", 21)->n_events, 10);
}

static void test_retention_in_bytes_keeps_at_least_the_newest(void **state)
{
    (void)state;
    fixture.options.max_change_bytes = 50000;
    reopen();
    for (int i = 0; i < 40; i++) {
        put_bytes(arena_format(arena, "k/%d", i), 2000);
    }
    uint64_t first = oldest();
    assert_in_range(first, 40 - 24, 40 - 20);
    assert_int_equal(watch("", first)->n_events, 40 - first + 1);
    put_bytes("half", 24000);
    assert_in_range(oldest(), 29, 41);
    assert_int_equal(watch("half", oldest())->n_events, 1);
}

/* Trimming is a part of ordinary runs, and no long one. */
static void test_a_smaller_retention_is_reached_little_by_little(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        fixture_put(&fixture, "k", "v");
    }
    fixture.options.max_changes = 5;
    reopen();
    assert_int_equal(oldest(), 1);
    fixture_put(&fixture, "k", "v");
    assert_in_range(oldest(), 10, 40);
    for (int i = 0; i < 10; i++) {
        fixture_put(&fixture, "k", "v");
    }
    assert_int_equal(oldest(), 111 - 5 + 1);
}

static void test_a_reply_has_whole_revisions_within_its_limit(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) { /* 3 events each */
        Stated__V1__WriteRequest *write = write_new(arena);
        for (char c = 'a'; c <= 'c'; c++) {
            write_mutation(arena, write, mutation_put(arena, (char[]){c, 0}, "v"));
        }
        assert_outcome(fixture_write(&fixture, write), STATED_OK, "");
    }
    for (uint32_t limit = 1; limit <= 12; limit++) {
        struct store_changes *changes = changes_of(select_prefix(arena, ""), 1);
        changes->limit = limit;
        size_t revisions = (limit + 2) / 3;
        assert_int_equal(run(changes)->response->n_events, 3 * revisions);
        assert_int_equal(changes->response->next_revision, 1 + revisions);
    }
}

/* For every bound in bytes: following next_revision tells every event once, in replies that fit. */
static void test_following_next_revision_misses_and_repeats_nothing(void **state)
{
    (void)state;
    enum { REVISIONS = 40 };
    for (int i = 0; i < REVISIONS; i++) {
        fixture_put(&fixture, "k", arena_format(arena, "value %0*d", 1 + i % 7, i));
    }
    for (size_t bound = 100; bound < 2000; bound += 37) {
        uint64_t next = 1;
        uint64_t told = 0;
        while (next <= REVISIONS) {
            struct store_changes *changes = changes_of(select_prefix(arena, ""), next);
            changes->max_response_bytes = bound;
            const Stated__V1__WatchResponse *response = run(changes)->response;
            assert_int_equal(changes->code, STATED_OK);
            assert_true(stated__v1__watch_response__get_packed_size(response) <= bound);
            assert_true(response->n_events > 0);
            for (size_t i = 0; i < response->n_events; i++) {
                assert_int_equal(response->events[i]->entry->mod_revision, ++told);
            }
            assert_int_equal(response->next_revision, told + 1);
            next = response->next_revision;
        }
    }
}

static void test_a_look_may_be_short(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        fixture_put(&fixture, i == 7 ? "wanted" : "other", "v");
    }
    struct store_changes *changes = changes_of(select_key(arena, "wanted"), 1);
    changes->max_revisions = 4;
    run(changes);
    assert_int_equal(changes->code, STATED_OK);
    assert_int_equal(changes->response->n_events, 0);
    assert_int_equal(changes->response->next_revision, 5);
    changes->from_revision = 5;
    assert_int_equal(run(changes)->response->n_events, 1);
    assert_int_equal(changes->response->next_revision, 9);
    changes->from_revision = 9;
    assert_int_equal(run(changes)->response->next_revision, 11);
    changes->from_revision = 11; /* what is still to come */
    assert_int_equal(run(changes)->response->next_revision, 11);
    assert_int_equal(changes->code, STATED_OK);
}

static void test_keys_alone_fit_where_values_do_not(void **state)
{
    (void)state;
    put_bytes("large", 100000);
    put_bytes("large", 100000);
    struct store_changes *changes = changes_of(select_prefix(arena, ""), 1);
    changes->max_response_bytes = 200;
    changes->keys_only = true;
    run(changes);
    assert_int_equal(changes->code, STATED_OK);
    assert_int_equal(changes->response->n_events, 2);
    const Stated__V1__Event *event = changes->response->events[1];
    assert_entry(event->entry, "large", "");
    assert_int_equal(event->entry->mod_revision, 2);
    assert_null(event->previous);
}

static void test_previous_values_give_way_when_a_revision_does_not_fit(void **state)
{
    (void)state;
    put_bytes("k", 600);
    put_bytes("k", 600);
    struct store_changes *changes = changes_of(select_prefix(arena, ""), 2);
    changes->max_response_bytes = 1000;
    const Stated__V1__WatchResponse *response = run(changes)->response;
    assert_int_equal(changes->code, STATED_OK);
    assert_int_equal(response->events[0]->entry->value.len, 600);
    assert_int_equal(response->events[0]->previous->value.len, 0);
    assert_int_equal(response->events[0]->previous->mod_revision, 1);
    changes->max_response_bytes = 500;
    assert_refused(changes, STATED_RESOURCE_EXHAUSTED, "watch from revision 3");
    changes->max_response_bytes = 0;
    assert_refused(changes, STATED_RESOURCE_EXHAUSTED, "revision 2 changed more than the 0 bytes");
}

static void test_a_full_arena_is_told(void **state)
{
    (void)state;
    put_bytes("k", 600);
    bool met_ok = false;
    for (size_t bytes = 0; !met_ok; bytes += 64) {
        struct arena small;
        arena_init(&small, bytes);
        struct store_changes *changes = changes_of(select_prefix(arena, ""), 1);
        changes->arena = &small;
        run(changes);
        met_ok = changes->code == STATED_OK;
        assert_true(met_ok || changes->code == STATED_RESOURCE_EXHAUSTED);
        arena_deinit(&small);
        assert_true(bytes < 10000);
    }
}

/* A delete of this many keys is logged in several parts. */
enum { MANY = 3000 };

static void put_many(void)
{
    Stated__V1__WriteRequest *write = write_new(arena);
    for (int i = 0; i < MANY; i++) {
        const char *key = arena_format(arena, "many/%05d", i);
        write_mutation(arena, write, mutation_put(arena, key, "some value of a key"));
    }
    assert_outcome(fixture_write(&fixture, write), STATED_OK, "");
}

static void test_a_write_that_changes_much_is_told_whole(void **state)
{
    (void)state;
    put_many();
    remove_keys(select_prefix(arena, "many/"));
    reopen();
    for (uint64_t revision = 1; revision <= 2; revision++) {
        const Stated__V1__WatchResponse *response = watch("", revision);
        size_t first = revision == 1 ? 0 : response->n_events - MANY;
        assert_int_equal(response->n_events, (3 - revision) * MANY);
        for (size_t i = 0; i < MANY; i++) {
            const Stated__V1__Event *event = response->events[first + i];
            char key[32];
            snprintf(key, sizeof(key), "many/%05zu", i);
            assert_memory_equal(event->entry->key.data, key, strlen(key));
            assert_int_equal(event->entry->mod_revision, revision);
        }
        if (revision == 1) {
            assert_int_equal(response->events[MANY]->type, STATED__V1__EVENT__TYPE__TYPE_DELETE);
        }
    }
}

/* A write that fails after parts of it have been logged takes them back. */
static void test_a_failed_write_that_changes_much_leaves_no_trace(void **state)
{
    (void)state;
    put_many();
    fixture_put(&fixture, "text", "text");
    Stated__V1__WriteRequest *write = write_mutation(
        arena, write_new(arena), mutation_delete(arena, select_prefix(arena, "many/")));
    write_mutation(arena, write, mutation_add(arena, "text", 1));
    struct store_op *ops[] = {
        op_write(&fixture, write),
        op_write(&fixture, write_mutation(arena, write_new(arena), mutation_put(arena, "k", "v")))};
    fixture_run(&fixture, STORE_EXCLUSIVE, ops, 2);
    assert_outcome(ops[0], STATED_FAILED_PRECONDITION, "no decimal number");
    assert_outcome(ops[1], STATED_OK, "");
    const Stated__V1__WatchResponse *response = watch("", 3);
    assert_int_equal(response->n_events, 1);
    assert_entry(response->events[0]->entry, "k", "v");
    assert_non_null(fixture_get(&fixture, "many/00000"));
}

static void test_a_write_beyond_the_logs_share_begins_it_anew(void **state)
{
    (void)state;
    fixture.options.max_change_bytes = 200000;
    reopen();
    fixture_put(&fixture, "k", "v");
    put_many(); /* takes about 300,000 bytes */
    assert_int_equal(oldest(), 3);
    assert_refused(changes_of(select_prefix(arena, ""), 2), STATED_OUT_OF_RANGE, "its oldest is 3");
    assert_int_equal(watch("", 3)->n_events, 0);
    reopen();
    assert_int_equal(oldest(), 3);
    fixture_put(&fixture, "k", "v");
    assert_int_equal(watch("", 3)->n_events, 1);
    assert_int_equal(oldest(), 3);
}

static void note_committed(void *argument, uint64_t revision)
{
    uint64_t *seen = argument;
    /* What it is told about can be read at once. */
    assert_int_equal(watch("", revision)->n_events, 1);
    *seen = revision;
}

static void test_commits_that_make_revisions_are_announced(void **state)
{
    (void)state;
    uint64_t seen = 0;
    fixture.store->ops->notify(fixture.store, note_committed, &seen);
    fixture_put(&fixture, "k", "v");
    assert_int_equal(seen, 1);
    struct store_op *ops[3];
    for (size_t i = 0; i < 3; i++) {
        ops[i] = op_write(&fixture,
                          write_mutation(arena, write_new(arena), mutation_put(arena, "k", "v")));
    }
    fixture_run(&fixture, STORE_EXCLUSIVE, ops, 3);
    assert_int_equal(seen, 4);
    seen = 0;
    Stated__V1__WriteRequest *check =
        write_guard(arena, write_new(arena), guard_exists(arena, "absent", true));
    assert_outcome(fixture_write(&fixture, check), STATED_OK, "");
    assert_int_equal(seen, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_puts_and_deletes_come_with_what_was_before),
        TEST(test_a_write_is_one_revision_of_all_its_events),
        TEST(test_only_selected_keys_are_told),
        TEST(test_what_is_not_applied_is_not_told),
        TEST(test_from_0_is_from_now),
        TEST(test_the_future_and_the_forgotten_are_refused),
        TEST(test_retention_in_bytes_keeps_at_least_the_newest),
        TEST(test_a_smaller_retention_is_reached_little_by_little),
        TEST(test_a_reply_has_whole_revisions_within_its_limit),
        TEST(test_following_next_revision_misses_and_repeats_nothing),
        TEST(test_a_look_may_be_short),
        TEST(test_keys_alone_fit_where_values_do_not),
        TEST(test_previous_values_give_way_when_a_revision_does_not_fit),
        TEST(test_a_full_arena_is_told),
        TEST(test_a_write_that_changes_much_is_told_whole),
        TEST(test_a_failed_write_that_changes_much_leaves_no_trace),
        TEST(test_a_write_beyond_the_logs_share_begins_it_anew),
        TEST(test_commits_that_make_revisions_are_announced),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
