/* Does a read give what its selectors name, in order, within its bounds, and say when more is
 * there? */
#include "engine/entry_list.h"
#include "store_fixture.h"

#include "test.h"

#include <lmdb.h>
#include <stdio.h>
#include <string.h>

static struct store_fixture fixture;
static struct arena *const arena = &fixture.arena;

/* Keys a/0 to a/9, each with its last character as value; and b. */
static int set_up(void **state)
{
    (void)state;
    fixture_init(&fixture);
    fixture_open(&fixture);
    for (char i = '0'; i <= '9'; i++) {
        fixture_put(&fixture, (char[]){'a', '/', i, 0}, (char[]){i, 0});
    }
    fixture_put(&fixture, "b", "of b");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_deinit(&fixture);
    return 0;
}

static Stated__V1__ReadRequest *read_of(Stated__V1__Selector *selector)
{
    return read_select(arena, read_new(arena), selector);
}

static const Stated__V1__ReadResponse *run(const Stated__V1__ReadRequest *read)
{
    struct store_op *op = fixture_read(&fixture, read);
    assert_outcome(op, STATED_OK, "");
    return op->read_response;
}

/* The keys' last characters in one string, with + behind when there is more. */
static void assert_keys(const Stated__V1__ReadResponse *response, const char *expected)
{
    char got[64];
    size_t n = 0;
    for (; n < response->n_entries; n++) {
        const ProtobufCBinaryData *key = &response->entries[n]->key;
        got[n] = (char)key->data[key->len - 1];
    }
    assert_int_equal(response->count, n);
    if (response->more) {
        got[n++] = '+';
    }
    got[n] = '\0';
    assert_string_equal(got, expected);
}

static void test_keys_come_with_their_metadata(void **state)
{
    (void)state;
    fixture_put(&fixture, "a/3", "again");
    const Stated__V1__ReadResponse *response = run(read_of(select_key(arena, "a/3")));
    assert_int_equal(response->n_entries, 1);
    assert_entry(response->entries[0], "a/3", "again");
    assert_int_equal(response->entries[0]->create_revision, 4);
    assert_int_equal(response->entries[0]->mod_revision, 12);
    assert_int_equal(response->entries[0]->version, 2);
    assert_int_equal(response->revision, 12);
    assert_int_equal(response->count, 1);
    assert_false(response->more);
}

static void test_absent_keys_are_simply_absent(void **state)
{
    (void)state;
    const Stated__V1__ReadResponse *response = run(read_of(select_key(arena, "a/")));
    assert_int_equal(response->n_entries, 0);
    assert_int_equal(response->count, 0);
    assert_int_equal(response->revision, 11);
    assert_keys(run(read_of(select_prefix(arena, "c"))), "");
    assert_keys(run(read_of(select_range(arena, "c", ""))), "");
}

static void test_prefixes_and_ranges_are_walked_in_order(void **state)
{
    (void)state;
    assert_keys(run(read_of(select_prefix(arena, "a/"))), "0123456789");
    assert_keys(run(read_of(select_prefix(arena, ""))), "0123456789b");
    assert_keys(run(read_of(select_prefix(arena, "a/7"))), "7");
    assert_keys(run(read_of(select_range(arena, "a/3", "a/6"))), "345");
    assert_keys(run(read_of(select_range(arena, "", "a/2"))), "01");
    assert_keys(run(read_of(select_range(arena, "a/8", ""))), "89b");
    assert_keys(run(read_of(select_range(arena, "", ""))), "0123456789b");
    assert_keys(run(read_of(select_range(arena, "a/35", "a/40"))), "4");
    assert_keys(run(read_of(select_range(arena, "a/3", "a/3"))), "");
}

static void test_selectors_are_answered_in_the_order_given(void **state)
{
    (void)state;
    Stated__V1__ReadRequest *read = read_of(select_key(arena, "b"));
    read_select(arena, read, select_range(arena, "a/8", "b"));
    read_select(arena, read, select_key(arena, "absent"));
    read_select(arena, read, select_key(arena, "a/1"));
    read_select(arena, read, select_key(arena, "b"));
    assert_keys(run(read), "b891b");
}

static void test_the_limit_cuts_and_says_so(void **state)
{
    (void)state;
    Stated__V1__ReadRequest *read = read_of(select_prefix(arena, "a/"));
    read->limit = 3;
    assert_keys(run(read), "012+");
    read->limit = 10;
    assert_keys(run(read), "0123456789");
    read->limit = 11;
    assert_keys(run(read), "0123456789");
    /* Over selectors together, and no further than needed to know that there is more. */
    read_select(arena, read, select_key(arena, "absent"));
    read_select(arena, read, select_key(arena, "b"));
    read->limit = 10;
    assert_keys(run(read), "0123456789+");
    read->limit = 11;
    assert_keys(run(read), "0123456789b");
}

static void test_the_servers_own_limit_holds_for_all(void **state)
{
    (void)state;
    fixture_close(&fixture);
    fixture.options.max_entries = 4;
    fixture_open(&fixture);
    Stated__V1__ReadRequest *read = read_of(select_prefix(arena, "a/"));
    assert_keys(run(read), "0123+");
    read->limit = 9;
    assert_keys(run(read), "0123+");
    read->limit = 2;
    assert_keys(run(read), "01+");
}

static void test_paging_meets_every_key_once(void **state)
{
    (void)state;
    Stated__V1__ReadRequest *read = read_of(select_prefix(arena, "a/"));
    for (read->limit = 1; read->limit < 12; read->limit++) {
        char met[16] = "";
        bool more = true;
        read->after.len = 0;
        while (more) {
            const Stated__V1__ReadResponse *response = run(read);
            for (size_t i = 0; i < response->n_entries; i++) {
                strncat(met, (const char *)&response->entries[i]->key.data[2], 1);
            }
            more = response->more;
            read->after = more ? response->entries[response->n_entries - 1]->key : read->after;
        }
        assert_string_equal(met, "0123456789");
    }
}

static void test_after_need_not_be_a_key_nor_in_the_span(void **state)
{
    (void)state;
    Stated__V1__ReadRequest *read = read_of(select_range(arena, "a/3", "a/6"));
    read->after = request_text(arena, "a/45");
    assert_keys(run(read), "5");
    read->after = request_text(arena, "a/");
    assert_keys(run(read), "345");
    read->after = request_text(arena, "a/3");
    assert_keys(run(read), "45");
    read->after = request_text(arena, "a/5");
    assert_keys(run(read), "");
    read->after = request_text(arena, "z");
    assert_keys(run(read), "");
}

static void test_keys_only_leaves_out_values(void **state)
{
    (void)state;
    Stated__V1__ReadRequest *read = read_of(select_prefix(arena, "a/"));
    read->keys_only = true;
    const Stated__V1__ReadResponse *response = run(read);
    assert_keys(response, "0123456789");
    for (size_t i = 0; i < response->n_entries; i++) {
        assert_int_equal(response->entries[i]->value.len, 0);
        assert_int_equal(response->entries[i]->mod_revision, i + 1);
    }
}

static uint64_t count(Stated__V1__ReadRequest *read)
{
    read->count_only = true;
    const Stated__V1__ReadResponse *response = run(read);
    assert_int_equal(response->n_entries, 0);
    assert_false(response->more);
    return response->count;
}

static void test_count_only_counts_all_whatever_the_limit(void **state)
{
    (void)state;
    Stated__V1__ReadRequest *read = read_of(select_prefix(arena, "a/"));
    read->limit = 2;
    assert_int_equal(count(read), 10);
    read->after = request_text(arena, "a/7");
    assert_int_equal(count(read), 2);
    assert_int_equal(count(read_of(select_prefix(arena, ""))), 11);
    assert_int_equal(count(read_of(select_range(arena, "", ""))), 11);
    assert_int_equal(count(read_of(select_range(arena, "", "a/2"))), 2);
    assert_int_equal(count(read_of(select_key(arena, "b"))), 1);
    read = read_of(select_key(arena, "absent"));
    read_select(arena, read, select_prefix(arena, "a/"));
    read_select(arena, read, select_key(arena, "b"));
    assert_int_equal(count(read), 11);
}

static struct store_op *run_within(const Stated__V1__ReadRequest *read, size_t max_bytes)
{
    struct store_op *op = op_read(&fixture, read);
    op->max_response_bytes = max_bytes;
    fixture_run(&fixture, STORE_SHARED, &op, 1);
    return op;
}

/* For every bound: the reply fits it, and one more entry would not have. */
static void test_a_reply_stops_before_its_bound_in_bytes(void **state)
{
    (void)state;
    Stated__V1__ReadRequest *read = read_of(select_prefix(arena, "a/"));
    struct lmdb_record record = {.create_revision = 1, .mod_revision = 1, .version = 1};
    size_t cost = entry_list_cost(3, 1, &record);
    for (size_t n = 1; n <= 10; n++) {
        for (size_t spare = 0; spare < cost; spare++) {
            size_t bound = ENTRY_LIST_RESPONSE_BYTES + n * cost + spare;
            struct store_op *op = run_within(read, bound);
            assert_outcome(op, STATED_OK, "");
            assert_int_equal(op->read_response->n_entries, n);
            assert_int_equal(op->read_response->more, n < 10);
            assert_true(stated__v1__read_response__get_packed_size(op->read_response) <= bound);
        }
    }
}

static void test_an_entry_that_cannot_fit_is_an_error(void **state)
{
    (void)state;
    Stated__V1__ReadRequest *read = read_of(select_key(arena, "b"));
    for (size_t bound = 0; bound < ENTRY_LIST_RESPONSE_BYTES + 13; bound++) {
        assert_outcome(run_within(read, bound), STATED_RESOURCE_EXHAUSTED,
                       "the entry of \"b\" needs");
    }
    read->keys_only = true;
    assert_outcome(run_within(read, ENTRY_LIST_RESPONSE_BYTES + 13), STATED_OK, "");
    read->keys_only = false;
    read->count_only = true;
    assert_outcome(run_within(read, 0), STATED_OK, "");
}

static void test_a_full_arena_is_an_error(void **state)
{
    (void)state;
    const Stated__V1__ReadRequest *read = read_of(select_prefix(arena, "a/"));
    bool met_ok = false;
    for (size_t bytes = 0; !met_ok; bytes += 64) {
        struct arena small;
        arena_init(&small, bytes);
        struct store_op *op = op_read(&fixture, read);
        op->arena = &small;
        fixture_run(&fixture, STORE_SHARED, &op, 1);
        met_ok = op->code == STATED_OK;
        assert_true(met_ok || op->code == STATED_RESOURCE_EXHAUSTED);
        arena_deinit(&small);
        assert_true(bytes < 100000);
    }
}

/* Alters a byte of the key's value in the file while the store is closed. */
static void damage(const char *key_text)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi table;
    MDB_val key = {.mv_size = strlen(key_text), .mv_data = request_text(arena, key_text).data};
    MDB_val data;
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 8), 0);
    assert_int_equal(mdb_env_open(env, fixture_path(&fixture, "state.mdb"),
                                  MDB_NOSUBDIR | MDB_NOLOCK | MDB_RDONLY, 0600),
                     0);
    assert_int_equal(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, "state", 0, &table), 0);
    assert_int_equal(mdb_get(txn, table, &key, &data), 0);
    MDB_envinfo info;
    assert_int_equal(mdb_env_info(env, &info), 0);
    uint8_t record[256];
    size_t length = data.mv_size;
    assert_in_range(length, 1, sizeof(record));
    memcpy(record, data.mv_data, length);
    mdb_txn_abort(txn);
    mdb_env_close(env);

    FILE *file = fopen(fixture_path(&fixture, "state.mdb"), "r+");
    assert_non_null(file);
    static uint8_t bytes[1 << 20];
    size_t n = fread(bytes, 1, sizeof(bytes), file);
    size_t altered = 0;
    for (size_t i = 0; i + length <= n; i++) {
        if (memcmp(bytes + i, record, length) == 0) {
            assert_int_equal(fseek(file, (long)(i + length - 1), SEEK_SET), 0);
            assert_int_equal(fputc(bytes[i + length - 1] ^ 1, file), bytes[i + length - 1] ^ 1);
            altered++;
        }
    }
    fclose(file);
    assert_true(altered > 0); /* older copies of the page are in the file as well */
}

static void test_a_damaged_record_is_named_and_the_others_are_read(void **state)
{
    (void)state;
    fixture_close(&fixture);
    damage("a/4");
    fixture.is_damaged = true;
    fixture_open(&fixture);
    assert_outcome(fixture_read(&fixture, read_of(select_key(arena, "a/4"))), STATED_DATA_LOSS,
                   "the record of \"a/4\" in ");
    assert_outcome(fixture_read(&fixture, read_of(select_prefix(arena, "a/"))), STATED_DATA_LOSS,
                   "\"a/4\"");
    assert_entry(fixture_get(&fixture, "a/5"), "a/5", "5");
    assert_keys(run(read_of(select_range(arena, "a/5", ""))), "56789b");
    /* A write does not build on it, but can delete it. */
    Stated__V1__WriteRequest *put =
        write_mutation(arena, write_new(arena), mutation_put(arena, "a/4", "new"));
    assert_outcome(fixture_write(&fixture, put), STATED_DATA_LOSS, "or delete the key");
    Stated__V1__WriteRequest *guarded =
        write_guard(arena, write_new(arena), guard_exists(arena, "a/4", true));
    assert_outcome(fixture_write(&fixture, guarded), STATED_DATA_LOSS, "\"a/4\"");
    Stated__V1__WriteRequest *delete = write_mutation(
        arena, write_new(arena), mutation_delete(arena, select_range(arena, "a/4", "a/5")));
    delete->return_previous = true;
    assert_outcome(fixture_write(&fixture, delete), STATED_DATA_LOSS, "\"a/4\"");
    delete->return_previous = false;
    assert_outcome(fixture_write(&fixture, delete), STATED_OK, "");
    assert_outcome(fixture_write(&fixture, put), STATED_OK, "");
    assert_entry(fixture_get(&fixture, "a/4"), "a/4", "new");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_keys_come_with_their_metadata),
        TEST(test_absent_keys_are_simply_absent),
        TEST(test_prefixes_and_ranges_are_walked_in_order),
        TEST(test_selectors_are_answered_in_the_order_given),
        TEST(test_the_limit_cuts_and_says_so),
        TEST(test_the_servers_own_limit_holds_for_all),
        TEST(test_paging_meets_every_key_once),
        TEST(test_after_need_not_be_a_key_nor_in_the_span),
        TEST(test_keys_only_leaves_out_values),
        TEST(test_count_only_counts_all_whatever_the_limit),
        TEST(test_a_reply_stops_before_its_bound_in_bytes),
        TEST(test_an_entry_that_cannot_fit_is_an_error),
        TEST(test_a_full_arena_is_an_error),
        TEST(test_a_damaged_record_is_named_and_the_others_are_read),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
