/* Does the check find whatever is wrong within a table or between two, and nothing else? */
#include "engine/lmdb_calls.h"
#include "engine/lmdb_engine.h"
#include "engine/lmdb_snapshot.h"
#include "engine/numbers.h"
#include "store_fixture.h"

#include "test.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

static struct store_fixture fixture;
static struct arena *const arena = &fixture.arena;
static const uint8_t client_id[16] = "a client's id..";

static void write_numbered(uint64_t sequence)
{
    struct store_op *op = op_write(
        &fixture, write_mutation(arena, write_new(arena), mutation_add(arena, "count", 1)));
    op->once = (struct store_once){
        .client_id = client_id, .sequence = sequence, .acked_below = 1, .request_hash = 5};
    fixture_run(&fixture, STORE_EXCLUSIVE, &op, 1);
    assert_outcome(op, STATED_OK, "");
}

static int set_up(void **state)
{
    (void)state;
    fixture_init(&fixture);
    fixture_open(&fixture);
    fixture_put(&fixture, "a", "1");
    fixture_put(&fixture, "b", "2");
    fixture_put(&fixture, "a", "3");
    fixture_put(&fixture, "c", "4");
    assert_outcome(
        fixture_write(&fixture, write_mutation(arena, write_new(arena),
                                               mutation_delete(arena, select_key(arena, "c")))),
        STATED_OK, "");
    write_numbered(1);
    write_numbered(2);
    fixture_close(&fixture);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture.is_damaged = true;
    fixture_deinit(&fixture);
    return 0;
}

/* The file open beside the engine, in a transaction. */
struct editing {
    MDB_env *env;
    MDB_txn *txn;
    struct lmdb_tables tables;
    struct lmdb_totals totals;
};

static void begin_edit(struct editing *self)
{
    struct stated_status status;
    assert_int_equal(mdb_env_create(&self->env), 0);
    assert_int_equal(mdb_env_set_maxdbs(self->env, 8), 0);
    assert_int_equal(mdb_env_open(self->env, fixture_path(&fixture, "state.mdb"),
                                  MDB_NOSUBDIR | MDB_NOLOCK, 0600),
                     0);
    assert_int_equal(mdb_txn_begin(self->env, NULL, MDB_RDONLY, &self->txn), 0);
    assert_int_equal(lmdb_meta_open_tables(self->txn, "", &self->tables, &status), STATED_OK);
    assert_int_equal(lmdb_meta_get_totals(self->txn, self->tables.meta, &self->totals), 0);
    assert_int_equal(mdb_txn_commit(self->txn), 0);
    assert_int_equal(mdb_txn_begin(self->env, NULL, 0, &self->txn), 0);
}

/* As a commit of the engine's: the header goes with the contents. */
static void end_edit(struct editing *self)
{
    assert_int_equal(lmdb_meta_put(self->txn, self->tables.meta, &self->totals), 0);
    assert_int_equal(mdb_txn_commit(self->txn), 0);
    mdb_env_close(self->env);
}

static MDB_val val_of(const void *bytes, size_t length)
{
    return (MDB_val){.mv_size = length, .mv_data = request_bytes(arena, bytes, length).data};
}

static void check(const char *part)
{
    struct store_contents contents;
    struct stated_status status;
    enum stated_code code = lmdb_directory_check(fixture.directory, NULL, &contents, &status);
    if (part == NULL) {
        assert_int_equal(code, STATED_OK);
        assert_int_equal(contents.revision, 7);
        assert_int_equal(contents.keys, 3);
        assert_int_equal(contents.oldest_revision, 1);
        assert_int_equal(contents.stored_replies, 2);
        assert_in_range(contents.file_bytes, 20000, 1 << 22);
    } else if (code != STATED_DATA_LOSS || strstr(status.message, part) == NULL) {
        fail_msg("%s \"%s\", expected \"%s\"", stated_code_name(code), status.message, part);
    }
}

static void put_record(struct editing *edit, const char *key_text, const struct lmdb_record *record)
{
    uint8_t bytes[200];
    MDB_val key = val_of(key_text, strlen(key_text));
    MDB_val data = {.mv_size = LMDB_RECORD_HEADER_BYTES + record->value_bytes, .mv_data = bytes};
    lmdb_record_encode(bytes, key.mv_data, key.mv_size, record);
    assert_int_equal(mdb_put(edit->txn, edit->tables.state, &key, &data, 0), 0);
}

static void delete_key(struct editing *edit, MDB_dbi table, MDB_val key)
{
    assert_int_equal(mdb_del(edit->txn, table, &key, NULL), 0);
}

static MDB_val change_key(uint64_t revision)
{
    uint8_t bytes[LMDB_CHANGES_KEY_BYTES] = {0};
    put_key_u64(bytes, revision);
    return val_of(bytes, sizeof(bytes));
}

static void test_what_the_engine_wrote_is_fine(void **state)
{
    (void)state;
    struct editing edit;
    check(NULL);
    begin_edit(&edit);
    end_edit(&edit);
    check(NULL);
}

static void test_wrong_records_are_found(void **state)
{
    (void)state;
    const struct {
        struct lmdb_record record;
        const char *part;
    } cases[] = {
        {{1, 3, 2, "X", 1}, "the state of \"a\" is not what the change log of revision 3"},
        {{1, 3, 9, "3", 1}, "the state of \"a\" is not what"},
        {{2, 3, 2, "3", 1}, "the state of \"a\" is not what"},
        {{1, 2, 2, "3", 1}, "the state of \"a\" is not what"},
    };
    struct editing edit;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin_edit(&edit);
        put_record(&edit, "a", &cases[i].record);
        end_edit(&edit);
        check(cases[i].part);
    }
    begin_edit(&edit);
    put_record(&edit, "a", &(struct lmdb_record){1, 3, 2, "3", 1});
    end_edit(&edit);
    check(NULL);
    const struct lmdb_record senseless[] = {
        {0, 1, 1, "", 0}, {2, 1, 1, "", 0}, {1, 8, 1, "", 0}, {1, 1, 0, "", 0}};
    for (size_t i = 0; i < sizeof(senseless) / sizeof(senseless[0]); i++) {
        begin_edit(&edit);
        put_record(&edit, "d", &senseless[i]);
        end_edit(&edit);
        check("the revisions of \"d\" make no sense");
    }
}

static void test_lost_and_stray_keys_are_found(void **state)
{
    (void)state;
    struct editing edit;
    begin_edit(&edit);
    delete_key(&edit, edit.tables.state, val_of("b", 1));
    end_edit(&edit);
    check("the state of \"b\" is not what the change log of revision 2 left there");
    begin_edit(&edit);
    put_record(&edit, "b", &(struct lmdb_record){2, 2, 1, "2", 1});
    put_record(&edit, "c", &(struct lmdb_record){4, 4, 1, "4", 1}); /* it was deleted */
    end_edit(&edit);
    check("the state of \"c\" is not what the change log of revision 5 left there");
    begin_edit(&edit);
    delete_key(&edit, edit.tables.state, val_of("c", 1));
    put_record(&edit, "stray", &(struct lmdb_record){4, 4, 1, "", 0});
    end_edit(&edit);
    check("the change log does not know of \"stray\" at revision 4");
}

static void test_a_log_with_gaps_is_found(void **state)
{
    (void)state;
    struct editing edit;
    begin_edit(&edit);
    delete_key(&edit, edit.tables.changes, change_key(3));
    end_edit(&edit);
    check("the change log has a gap before revision 4");
}

static void test_a_log_that_ends_early_is_found(void **state)
{
    (void)state;
    struct editing edit;
    begin_edit(&edit);
    delete_key(&edit, edit.tables.changes, change_key(7));
    end_edit(&edit);
    check("the change log has a gap before revision 8");
}

static void test_a_damaged_log_is_found(void **state)
{
    (void)state;
    struct editing edit;
    begin_edit(&edit);
    MDB_val key = change_key(2);
    MDB_val part;
    assert_int_equal(mdb_get(edit.txn, edit.tables.changes, &key, &part), 0);
    part = val_of(part.mv_data, part.mv_size);
    ((uint8_t *)part.mv_data)[part.mv_size - 1] ^= 1;
    assert_int_equal(mdb_put(edit.txn, edit.tables.changes, &key, &part, 0), 0);
    end_edit(&edit);
    check("the change log of revision 2 is damaged");
}

static void test_a_log_without_its_oldest_is_found_by_its_size(void **state)
{
    (void)state;
    struct editing edit;
    begin_edit(&edit);
    delete_key(&edit, edit.tables.changes, change_key(1));
    end_edit(&edit);
    check("the change log has ");
}

static MDB_val call_key(enum lmdb_call_kind kind, uint64_t sequence)
{
    uint8_t bytes[LMDB_ANSWER_KEY_BYTES] = {(uint8_t)kind};
    memcpy(bytes + 1, client_id, 16);
    put_key_u64(bytes + 17, sequence);
    return val_of(bytes, kind == LMDB_CALL_ANSWER ? sizeof(bytes) : LMDB_CLIENT_KEY_BYTES);
}

static void test_a_lost_answer_is_found(void **state)
{
    (void)state;
    struct editing edit;
    begin_edit(&edit);
    delete_key(&edit, edit.tables.calls, call_key(LMDB_CALL_ANSWER, 1));
    end_edit(&edit);
    check("client 6120636c69656e7427732069642e2e00 has 1 answers");
}

static void test_a_damaged_answer_is_found(void **state)
{
    (void)state;
    struct editing edit;
    begin_edit(&edit);
    MDB_val key = call_key(LMDB_CALL_ANSWER, 2);
    MDB_val value;
    assert_int_equal(mdb_get(edit.txn, edit.tables.calls, &key, &value), 0);
    value = val_of(value.mv_data, value.mv_size);
    ((uint8_t *)value.mv_data)[value.mv_size / 2] ^= 0x10;
    assert_int_equal(mdb_put(edit.txn, edit.tables.calls, &key, &value, 0), 0);
    end_edit(&edit);
    check("the answer to sequence 2 of client ");
}

static void test_a_lost_client_is_found(void **state)
{
    (void)state;
    struct editing edit;
    begin_edit(&edit);
    delete_key(&edit, edit.tables.calls, call_key(LMDB_CALL_CLIENT, 0));
    end_edit(&edit);
    check("2 answers of 0 clients are stored, it should be 2 of 1");
}

static void test_a_lost_place_is_found(void **state)
{
    (void)state;
    struct editing edit;
    struct lmdb_client client;
    uint8_t place[LMDB_PLACE_KEY_BYTES];
    begin_edit(&edit);
    MDB_val key = call_key(LMDB_CALL_CLIENT, 0);
    MDB_val value;
    assert_int_equal(mdb_get(edit.txn, edit.tables.calls, &key, &value), 0);
    assert_true(lmdb_calls_decode_client(&key, &value, &client));
    lmdb_calls_place_key(place, &client, client_id);
    delete_key(&edit, edit.tables.calls, val_of(place, sizeof(place)));
    end_edit(&edit);
    check("has no place in the order of use");
}

static void test_a_stray_entry_is_found(void **state)
{
    (void)state;
    struct editing edit;
    begin_edit(&edit);
    MDB_val key = val_of("zzz", 3);
    MDB_val value = val_of("", 0);
    assert_int_equal(mdb_put(edit.txn, edit.tables.calls, &key, &value, 0), 0);
    end_edit(&edit);
    check("2 answers of 1 clients are stored");
}

static void test_wrong_totals_are_found(void **state)
{
    (void)state;
    struct editing edit;
    begin_edit(&edit);
    edit.totals.answer_bytes++;
    end_edit(&edit);
    check("answers of 1 clients are stored");
    begin_edit(&edit);
    edit.totals.answer_bytes--;
    edit.totals.revision--;
    end_edit(&edit);
    check("the change log has a gap before revision 7");
}

static void test_a_held_directory_is_not_checked(void **state)
{
    (void)state;
    struct store_contents contents;
    struct stated_status status;
    fixture_open(&fixture);
    assert_int_equal(lmdb_directory_check(fixture.directory, NULL, &contents, &status),
                     STATED_FAILED_PRECONDITION);
    fixture_close(&fixture);
    assert_int_equal(lmdb_directory_check("/tmp/stated-is-not-here", NULL, &contents, &status),
                     STATED_NOT_FOUND);
}

struct checking {
    struct store *store;
    atomic_bool stop;
    atomic_ulong passed;
    atomic_ulong failed;
};

static void *check_again_and_again(void *argument)
{
    struct checking *self = argument;
    while (!self->stop) {
        struct store_contents contents;
        struct stated_status status;
        enum stated_code code = self->store->ops->check(self->store, NULL, &contents, &status);
        self->passed += code == STATED_OK && contents.keys == contents.revision - 2;
        if (code != STATED_OK && self->failed++ == 0) {
            print_message("%s\n", status.message);
        }
    }
    return NULL;
}

static void test_the_check_runs_beside_a_writer(void **state)
{
    (void)state;
    enum { MIN_CHECKS = 30, MIN_WRITES = 300, MAX_WRITES_A_CHECK = 300 };
    fixture_deinit(&fixture);
    fixture_init(&fixture);
    fixture.options.durability = STORE_EPHEMERAL;
    fixture_open(&fixture);
    fixture_put(&fixture, "a", "1");
    fixture_put(&fixture, "a", "1");
    fixture_put(&fixture, "a", "1");
    /* The file has holes, as large as the limit. */
    struct store_contents contents;
    struct stated_status status;
    assert_int_equal(fixture.store->ops->check(fixture.store, NULL, &contents, &status), STATED_OK);
    assert_in_range(contents.file_bytes, 4096, fixture.options.size_limit_bytes / 2);
    struct checking checking = {.store = fixture.store};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, check_again_and_again, &checking), 0);
    unsigned long ended = 0;
    for (int i = 0, since = 0; i < MIN_WRITES || ended < MIN_CHECKS; i++, since++) {
        arena_reset(arena);
        fixture_put(&fixture, arena_format(arena, "key/%d", i), "some value");
        /* What a check looks at stays in the file: one that is held up must not let it fill. */
        while (since >= MAX_WRITES_A_CHECK && ended == checking.passed + checking.failed) {
            sched_yield();
        }
        if (ended < checking.passed + checking.failed) {
            ended = checking.passed + checking.failed;
            since = 0;
        }
    }
    checking.stop = true;
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(checking.failed, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_what_the_engine_wrote_is_fine),
        TEST(test_wrong_records_are_found),
        TEST(test_lost_and_stray_keys_are_found),
        TEST(test_a_log_with_gaps_is_found),
        TEST(test_a_log_that_ends_early_is_found),
        TEST(test_a_damaged_log_is_found),
        TEST(test_a_log_without_its_oldest_is_found_by_its_size),
        TEST(test_a_lost_answer_is_found),
        TEST(test_a_damaged_answer_is_found),
        TEST(test_a_lost_client_is_found),
        TEST(test_a_lost_place_is_found),
        TEST(test_a_stray_entry_is_found),
        TEST(test_wrong_totals_are_found),
        TEST(test_a_held_directory_is_not_checked),
        TEST(test_the_check_runs_beside_a_writer),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
