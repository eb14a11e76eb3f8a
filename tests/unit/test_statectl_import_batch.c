/* Does a batch hold what one write may hold: enough entries, not too many bytes, no key twice? */
#include "statectl/import_batch.h"

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ENTRIES = 4, MOST_BYTES = 1000 };

static int setup(void **state)
{
    struct import_batch *batch = malloc(sizeof *batch);
    if (batch == NULL) {
        return 1;
    }
    import_batch_init(batch, MOST_ENTRIES, MOST_BYTES);
    *state = batch;
    return 0;
}

static int teardown(void **state)
{
    import_batch_deinit(*state);
    free(*state);
    return 0;
}

static bool add(struct import_batch *batch, const char *key, size_t value_bytes, uint64_t line)
{
    static uint8_t value[2 * MOST_BYTES];
    memset(value, 'v', sizeof value);
    return import_batch_add(
        batch, (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)key, .len = strlen(key)},
        (ProtobufCBinaryData){.data = value_bytes > 0 ? value : NULL, .len = value_bytes}, line);
}

static void test_becomes_a_write(void **state)
{
    struct import_batch *batch = *state;
    assert_true(add(batch, "a", 3, 7));
    assert_true(add(batch, "b", 0, 9));
    assert_int_equal(import_batch_size(batch), 2);
    assert_int_equal(batch->first_line, 7);
    assert_int_equal(batch->last_line, 9);
    const Stated__V1__Mutation *first = batch->request.mutations[0];
    assert_int_equal(first->kind_case, STATED__V1__MUTATION__KIND_PUT);
    assert_int_equal(first->put->key.len, 1);
    assert_memory_equal(first->put->key.data, "a", 1);
    assert_int_equal(first->put->value.len, 3);
    assert_memory_equal(first->put->value.data, "vvv", 3);
    assert_int_equal(batch->request.mutations[1]->put->value.len, 0);
}

static void test_is_full(void **state)
{
    struct import_batch *batch = *state;
    for (int i = 0; i < MOST_ENTRIES; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d", i);
        assert_true(add(batch, key, 1, 1));
    }
    assert_false(add(batch, "more", 1, 1));
    assert_int_equal(import_batch_size(batch), MOST_ENTRIES);
    import_batch_clear(batch);
    assert_int_equal(import_batch_size(batch), 0);
    assert_true(add(batch, "more", 1, 1));
}

static void test_has_enough_bytes(void **state)
{
    struct import_batch *batch = *state;
    assert_true(add(batch, "a", MOST_BYTES / 2, 1));
    assert_false(add(batch, "b", MOST_BYTES / 2, 2));
    assert_true(add(batch, "c", MOST_BYTES / 4, 2));
}

static void test_a_single_entry_may_have_more(void **state)
{
    struct import_batch *batch = *state;
    assert_true(add(batch, "a", MOST_BYTES + 1, 1));
    assert_false(add(batch, "b", 0, 2));
}

static void test_has_no_key_twice(void **state)
{
    struct import_batch *batch = *state;
    assert_true(add(batch, "a", 1, 1));
    assert_true(add(batch, "b", 1, 2));
    assert_false(add(batch, "a", 2, 3));
    assert_int_equal(batch->last_line, 2);
    import_batch_clear(batch);
    assert_true(add(batch, "a", 2, 3));
}

static void test_overlaps(void **state)
{
    struct import_batch *batch = *state;
    struct import_batch other;
    import_batch_init(&other, MOST_ENTRIES, MOST_BYTES);
    assert_false(import_batch_overlaps(batch, &other));
    assert_true(add(batch, "a", 1, 1));
    assert_true(add(batch, "b", 1, 1));
    assert_true(add(&other, "c", 1, 1));
    assert_false(import_batch_overlaps(batch, &other));
    assert_true(add(&other, "b", 1, 1));
    assert_true(import_batch_overlaps(batch, &other));
    assert_true(import_batch_overlaps(&other, batch));
    import_batch_clear(&other);
    assert_false(import_batch_overlaps(batch, &other));
    import_batch_deinit(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_becomes_a_write, setup, teardown),
        cmocka_unit_test_setup_teardown(test_is_full, setup, teardown),
        cmocka_unit_test_setup_teardown(test_has_enough_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_single_entry_may_have_more, setup, teardown),
        cmocka_unit_test_setup_teardown(test_has_no_key_twice, setup, teardown),
        cmocka_unit_test_setup_teardown(test_overlaps, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
