/* Does a batch happen as a whole or not at all, and does it say what was wrong with it? */
#include "test.h"

#include "kv_fixture.h"

#include "kv_arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Each test begins with a state of its own, and an empty batch. */
static int begin(void **state)
{
    *state = stated_kv_batch_new();
    return stated_kv_delete_range(client, NULL, NULL, NULL, NULL) != STATED_OK || *state == NULL;
}

static int end(void **state)
{
    stated_kv_batch_free(*state);
    return 0;
}

static uint64_t put(const char *key, const char *value)
{
    uint64_t revision;
    assert_int_equal(
        stated_kv_put(client, stated_text(key), stated_text(value), NULL, &revision, &status),
        STATED_OK);
    return revision;
}

static void assert_value(const char *key, const char *value)
{
    struct stated_kv_entry *entry;
    enum stated_code code = stated_kv_get(client, stated_text(key), NULL, &entry, &status);
    if (value == NULL) {
        assert_int_equal(code, STATED_NOT_FOUND);
        return;
    }
    assert_int_equal(code, STATED_OK);
    assert_string_equal((const char *)entry->value.data, value);
    stated_kv_entry_free(entry);
}

static void assert_write(struct stated_kv_batch *batch, enum stated_code code, const char *message)
{
    assert_int_equal(stated_kv_batch_write(client, batch, NULL, NULL, &status), code);
    assert_string_equal(status.message, message);
}

static void test_all_at_once(void **state)
{
    struct stated_kv_batch *batch = *state;
    struct stated_kv_entry *entry;
    uint64_t revision;
    put("old", "1");
    put("range/1", "1");
    put("range/2", "1");
    char *key = strdup("a");
    char *value = strdup("one");
    stated_kv_batch_put(batch, stated_text(key), stated_text(value));
    memset(key, 'x', 1);
    memset(value, 'x', 3);
    free(key);
    free(value);
    struct stated_kv_range range = stated_kv_prefix("range/");
    stated_kv_batch_add(batch, stated_text("n"), -4);
    stated_kv_batch_delete(batch, stated_text("old"));
    stated_kv_batch_delete(batch, stated_text("never there"));
    stated_kv_batch_delete_range(batch, &range);
    assert_int_equal(stated_kv_batch_write(client, batch, NULL, &revision, &status), STATED_OK);
    assert_true(revision > 0);
    assert_value("a", "one");
    assert_value("n", "-4");
    assert_value("old", NULL);
    assert_value("range/1", NULL);
    assert_int_equal(stated_kv_get(client, stated_text("a"), NULL, &entry, NULL), STATED_OK);
    assert_int_equal(entry->mod_revision, revision);
    stated_kv_entry_free(entry);
}

static void test_a_range_from_start_to_end(void **state)
{
    struct stated_kv_batch *batch = *state;
    struct stated_kv_range range = {.start = stated_text("b"), .end = stated_text("d")};
    uint64_t count;
    for (const char *key = "abcde"; *key != '\0'; key++) {
        stated_kv_batch_put(batch, (struct stated_bytes){key, 1}, stated_text(""));
    }
    assert_write(batch, STATED_OK, "");
    stated_kv_batch_clear(batch);
    stated_kv_batch_delete_range(batch, &range);
    assert_write(batch, STATED_OK, "");
    assert_int_equal(stated_kv_count(client, NULL, NULL, &count, NULL), STATED_OK);
    assert_int_equal(count, 3);
    stated_kv_batch_clear(batch);
    stated_kv_batch_delete_range(batch, NULL);
    assert_write(batch, STATED_OK, "");
    assert_int_equal(stated_kv_count(client, NULL, NULL, &count, NULL), STATED_OK);
    assert_int_equal(count, 0);
}

static void test_conditions_that_hold(void **state)
{
    struct stated_kv_batch *batch = *state;
    uint64_t revision = put("there", "1");
    stated_kv_batch_if_present(batch, stated_text("there"));
    stated_kv_batch_if_revision(batch, stated_text("there"), revision);
    stated_kv_batch_if_value(batch, stated_text("there"), stated_text("1"));
    stated_kv_batch_if_absent(batch, stated_text("not there"));
    stated_kv_batch_if_revision(batch, stated_text("not there"), 0);
    stated_kv_batch_put(batch, stated_text("there"), stated_text("2"));
    assert_write(batch, STATED_OK, "");
    assert_value("there", "2");
}

static void test_conditions_that_do_not(void **state)
{
    struct stated_kv_batch *batch = *state;
    char expected[STATED_MESSAGE_BYTES];
    struct stated_bytes key = stated_text("key");
    uint64_t revision = put("key", "1");

    stated_kv_batch_put(batch, stated_text("written"), stated_text("1"));
    stated_kv_batch_if_present(batch, key);
    stated_kv_batch_if_present(batch, stated_text("nobody"));
    assert_write(batch, STATED_ABORTED,
                 "nothing was written: condition 1 does not hold: there is no key \"nobody\"");

    stated_kv_batch_clear(batch);
    stated_kv_batch_put(batch, stated_text("written"), stated_text("1"));
    stated_kv_batch_if_absent(batch, key);
    snprintf(expected, sizeof(expected),
             "nothing was written: condition 0 does not hold: \"key\" is there, at revision %llu",
             (unsigned long long)revision);
    assert_write(batch, STATED_ABORTED, expected);

    stated_kv_batch_clear(batch);
    stated_kv_batch_put(batch, stated_text("written"), stated_text("1"));
    stated_kv_batch_if_revision(batch, key, revision + 7);
    snprintf(
        expected, sizeof(expected),
        "nothing was written: condition 0 does not hold: \"key\" is at revision %llu, not %llu",
        (unsigned long long)revision, (unsigned long long)revision + 7);
    assert_write(batch, STATED_ABORTED, expected);

    stated_kv_batch_clear(batch);
    stated_kv_batch_put(batch, stated_text("written"), stated_text("1"));
    stated_kv_batch_if_value(batch, key, stated_text(""));
    snprintf(expected, sizeof(expected),
             "nothing was written: condition 0 does not hold: \"key\" has another value, of "
             "revision %llu",
             (unsigned long long)revision);
    assert_write(batch, STATED_ABORTED, expected);
    assert_value("written", NULL);
}

static void test_how_the_keys_are(void **state)
{
    struct stated_kv_batch *batch = *state;
    uint64_t revision = put("key", "now");
    stated_kv_batch_if_revision(batch, stated_text("key"), revision + 1);
    stated_kv_batch_if_absent(batch, stated_text("nobody"));
    stated_kv_batch_put(batch, stated_text("key"), stated_text("then"));
    assert_null(stated_kv_batch_current(batch, stated_text("key")));
    assert_int_equal(stated_kv_batch_write(client, batch, NULL, NULL, NULL), STATED_ABORTED);
    const struct stated_kv_entry *entry = stated_kv_batch_current(batch, stated_text("key"));
    assert_string_equal((const char *)entry->value.data, "now");
    assert_int_equal(entry->mod_revision, revision);
    assert_null(stated_kv_batch_current(batch, stated_text("nobody")));
    assert_null(stated_kv_batch_current(batch, stated_text("")));
    stated_kv_batch_clear(batch);
    assert_null(stated_kv_batch_current(batch, stated_text("key")));
}

/* Also when it was refused before: it is written again as it is. */
static void test_again(void **state)
{
    struct stated_kv_batch *batch = *state;
    stated_kv_batch_if_present(batch, stated_text("gate"));
    stated_kv_batch_add(batch, stated_text("n"), 2);
    assert_int_equal(stated_kv_batch_write(client, batch, NULL, NULL, NULL), STATED_ABORTED);
    put("gate", "open");
    assert_write(batch, STATED_OK, "");
    assert_write(batch, STATED_OK, "");
    assert_value("n", "4");
}

static void test_many(void **state)
{
    struct stated_kv_batch *batch = *state;
    uint64_t count;
    char large[3000];
    memset(large, 'v', sizeof(large));
    for (int i = 0; i < 200; i++) {
        char key[24];
        snprintf(key, sizeof(key), "many/%d", i);
        stated_kv_batch_if_absent(batch, stated_text(key));
        stated_kv_batch_put(batch, stated_text(key), (struct stated_bytes){large, sizeof(large)});
    }
    assert_write(batch, STATED_OK, "");
    assert_int_equal(stated_kv_count(client, NULL, NULL, &count, NULL), STATED_OK);
    assert_int_equal(count, 200);
    assert_int_equal(stated_kv_batch_write(client, batch, NULL, NULL, NULL), STATED_ABORTED);
    assert_int_equal(stated_kv_batch_current(batch, stated_text("many/199"))->value.size,
                     sizeof(large));
}

static void test_the_first_mistake_is_told(void **state)
{
    struct stated_kv_batch *batch = *state;
    struct stated_bytes bad = {NULL, 2};
    struct stated_kv_range both = {.prefix = stated_text("a"), .start = stated_text("b")};
    stated_kv_batch_put(batch, stated_text("good"), stated_text("1"));
    stated_kv_batch_put(batch, stated_text(""), stated_text("1"));
    stated_kv_batch_if_absent(batch, bad);
    assert_write(batch, STATED_INVALID_ARGUMENT,
                 "change 1: the key is empty; a key has 1 to 480 bytes");
    stated_kv_batch_clear(batch);
    stated_kv_batch_if_value(batch, stated_text("k"), bad);
    assert_write(batch, STATED_INVALID_ARGUMENT,
                 "condition 0: value.data is NULL, but value.size is 2");
    stated_kv_batch_clear(batch);
    stated_kv_batch_if_revision(batch, stated_text(NULL), 3);
    assert_write(batch, STATED_INVALID_ARGUMENT,
                 "condition 0: the key is empty; a key has 1 to 480 bytes");
    stated_kv_batch_clear(batch);
    stated_kv_batch_delete_range(batch, &both);
    assert_write(batch, STATED_INVALID_ARGUMENT,
                 "change 0: the range has a prefix and a start or an end; leave one out");
    assert_value("good", NULL);
}

static void test_the_same_key_twice(void **state)
{
    struct stated_kv_batch *batch = *state;
    stated_kv_batch_put(batch, stated_text("k"), stated_text("1"));
    stated_kv_batch_add(batch, stated_text("k"), 1);
    assert_write(batch, STATED_INVALID_ARGUMENT,
                 "mutations 0 and 1 both touch keys at \"k\"; a write may touch a key once");
}

static void test_no_batch(void **state)
{
    (void)state;
    stated_kv_batch_clear(NULL);
    stated_kv_batch_free(NULL);
    stated_kv_batch_if_absent(NULL, stated_text("k"));
    stated_kv_batch_if_revision(NULL, stated_text("k"), 1);
    stated_kv_batch_if_value(NULL, stated_text("k"), stated_text("v"));
    stated_kv_batch_put(NULL, stated_text("k"), stated_text("v"));
    stated_kv_batch_add(NULL, stated_text("k"), 1);
    stated_kv_batch_delete(NULL, stated_text("k"));
    stated_kv_batch_delete_range(NULL, NULL);
    assert_null(stated_kv_batch_current(NULL, stated_text("k")));
    assert_write(NULL, STATED_RESOURCE_EXHAUSTED, "the batch is NULL: there was no memory for it");
    assert_int_equal(stated_kv_batch_write(NULL, *state, NULL, NULL, &status),
                     STATED_INVALID_ARGUMENT);
}

static void test_arena_pieces_do_not_meet(void **state)
{
    (void)state;
    struct kv_arena arena = {0};
    unsigned char *pieces[64];
    for (size_t i = 0; i < 64; i++) {
        pieces[i] = kv_arena_take(&arena, i * 37);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
        memset(pieces[i], (int)i, i * 37);
    }
    for (size_t i = 1; i < 64; i++) {
        assert_int_equal(pieces[i][0], i);
        assert_int_equal(pieces[i][i * 37 - 1], i);
    }
    assert_null(kv_arena_take(&arena, SIZE_MAX));
    kv_arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_at_once, begin, end),
        cmocka_unit_test_setup_teardown(test_a_range_from_start_to_end, begin, end),
        cmocka_unit_test_setup_teardown(test_conditions_that_hold, begin, end),
        cmocka_unit_test_setup_teardown(test_conditions_that_do_not, begin, end),
        cmocka_unit_test_setup_teardown(test_how_the_keys_are, begin, end),
        cmocka_unit_test_setup_teardown(test_again, begin, end),
        cmocka_unit_test_setup_teardown(test_many, begin, end),
        cmocka_unit_test_setup_teardown(test_the_first_mistake_is_told, begin, end),
        cmocka_unit_test_setup_teardown(test_the_same_key_twice, begin, end),
        cmocka_unit_test_setup_teardown(test_no_batch, begin, end),
        cmocka_unit_test(test_arena_pieces_do_not_meet),
    };
    return cmocka_run_group_tests(tests, kv_fixture_set_up, kv_fixture_tear_down);
}
