/* Does an entry list know the size of the reply it makes, to the byte, and keep within its bounds?
 */
#include "engine/entry_list.h"

#include "test.h"

#include <string.h>

#define ARENA_BYTES ((size_t)1 << 20)

static struct lmdb_record record_of(const void *value, size_t value_bytes, uint64_t revision)
{
    return (struct lmdb_record){.create_revision = revision / 2,
                                .mod_revision = revision,
                                .version = 1,
                                .value = value,
                                .value_bytes = value_bytes};
}

static size_t packed_bytes(const struct entry_list *list)
{
    Stated__V1__ReadResponse response = STATED__V1__READ_RESPONSE__INIT;
    response.entries = list->entries;
    response.n_entries = list->n;
    return stated__v1__read_response__get_packed_size(&response);
}

static void test_the_cost_is_what_protobuf_packs(void **state)
{
    (void)state;
    static const char value[40000];
    const size_t value_sizes[] = {0, 1, 90, 100, 127, 128, 16000, 16384, 40000};
    const uint64_t revisions[] = {0, 1, 127, 128, 300, 1u << 21, UINT64_MAX};
    struct arena arena;
    arena_init(&arena, 8 * ARENA_BYTES);
    struct entry_list list;
    entry_list_init(&list, &arena, SIZE_MAX);
    for (size_t i = 0; i < sizeof(value_sizes) / sizeof(value_sizes[0]); i++) {
        for (size_t j = 0; j < sizeof(revisions) / sizeof(revisions[0]); j++) {
            struct lmdb_record record = record_of(value, value_sizes[i], revisions[j]);
            assert_true(entry_list_append(&list, "key", 3, &record, false));
            assert_int_equal(packed_bytes(&list), list.bytes - ENTRY_LIST_RESPONSE_BYTES);
        }
    }
    arena_deinit(&arena);
}

static void test_the_fixed_part_covers_the_rest_of_either_response(void **state)
{
    (void)state;
    Stated__V1__ReadResponse read = STATED__V1__READ_RESPONSE__INIT;
    read.count = UINT64_MAX;
    read.more = true;
    read.revision = UINT64_MAX;
    assert_true(stated__v1__read_response__get_packed_size(&read) <= ENTRY_LIST_RESPONSE_BYTES);
    Stated__V1__WriteResponse write = STATED__V1__WRITE_RESPONSE__INIT;
    write.applied = true;
    write.revision = UINT64_MAX;
    assert_true(stated__v1__write_response__get_packed_size(&write) <= ENTRY_LIST_RESPONSE_BYTES);
}

static void test_entries_are_copies_in_order(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    struct entry_list list;
    entry_list_init(&list, &arena, SIZE_MAX);
    for (uint32_t i = 0; i < 100; i++) {
        char key[] = {'k', (char)i};
        char value[] = {'v', (char)i};
        struct lmdb_record record = record_of(value, 2, i);
        assert_true(entry_list_append(&list, key, 2, &record, i % 2 == 1));
        memset(key, 0, sizeof(key));
        memset(value, 0, sizeof(value));
    }
    assert_int_equal(list.n, 100);
    for (uint32_t i = 0; i < 100; i++) {
        const Stated__V1__Entry *entry = list.entries[i];
        assert_memory_equal(entry->key.data, ((char[]){'k', (char)i}), 2);
        assert_int_equal(entry->mod_revision, i);
        assert_int_equal(entry->value.len, i % 2 == 1 ? 0 : 2);
        assert_true(i % 2 == 1 || entry->value.data[1] == i);
    }
    arena_deinit(&arena);
}

static void test_room_ends_at_the_bound(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    struct lmdb_record record = record_of("value", 5, 1);
    size_t cost = entry_list_cost(3, 5, &record);
    struct entry_list list;
    entry_list_init(&list, &arena, ENTRY_LIST_RESPONSE_BYTES + 2 * cost);
    assert_true(entry_list_append(&list, "key", 3, &record, false));
    assert_true(entry_list_has_room(&list, cost));
    assert_false(entry_list_has_room(&list, cost + 1));
    assert_false(entry_list_has_room(&list, SIZE_MAX));
    entry_list_init(&list, &arena, ENTRY_LIST_RESPONSE_BYTES - 1);
    assert_false(entry_list_has_room(&list, 0));
    arena_deinit(&arena);
}

static void test_an_arena_that_gives_out_is_told(void **state)
{
    (void)state;
    struct lmdb_record record = record_of("value", 5, 1);
    for (size_t bytes = 0; bytes < 2000; bytes += 16) {
        struct arena arena;
        arena_init(&arena, bytes);
        struct entry_list list;
        entry_list_init(&list, &arena, SIZE_MAX);
        size_t appended = 0;
        while (entry_list_append(&list, "key", 3, &record, false)) {
            appended++;
        }
        assert_int_equal(list.n, appended);
        assert_true(appended <= bytes / sizeof(Stated__V1__Entry));
        arena_deinit(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_cost_is_what_protobuf_packs),
        cmocka_unit_test(test_the_fixed_part_covers_the_rest_of_either_response),
        cmocka_unit_test(test_entries_are_copies_in_order),
        cmocka_unit_test(test_room_ends_at_the_bound),
        cmocka_unit_test(test_an_arena_that_gives_out_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
