/* Whatever call of LMDB fails, with whatever code: does a numbered write still happen once, and is
   nothing taken for fine that was not looked at? */
#include "engine/lmdb_snapshot.h"
#include "lmdb_faults.h"
#include "store_fixture.h"

#include "test.h"

#include <errno.h>
#include <lmdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* So few of everything that the script below forgets clients, answers and changes. */
enum { CLIENTS = 5, ROUNDS = 3, WRITES = CLIENTS * ROUNDS, TRIES = 3 };

static const int codes[] = {EIO, ENOMEM, MDB_MAP_FULL, MDB_CORRUPTED, MDB_PANIC};

static struct store_fixture fixture;
static struct arena *const arena = &fixture.arena;

static void new_store(void)
{
    fixture_init_in_memory(&fixture);
    fixture.options.max_clients = 3;
    fixture.options.max_forgotten = 1;
    fixture.options.max_client_answers = 2;
    fixture.options.max_changes = 4;
    fixture_open(&fixture);
}

static void end_store(void)
{
    lmdb_faults_stop();
    fixture_deinit(&fixture);
}

static struct store_op *write_of(unsigned client, uint64_t sequence)
{
    uint8_t *id = arena_alloc(arena, 16);
    const char *key = arena_format(arena, "key/%u", client);
    assert_non_null(id);
    memset(id, (int)client + 1, 16);
    Stated__V1__WriteRequest *write =
        write_mutation(arena, write_new(arena), mutation_add(arena, "count", 1));
    Stated__V1__Mutation *other = sequence % 2 != 0
                                      ? mutation_put(arena, key, "value")
                                      : mutation_delete(arena, select_prefix(arena, key));
    struct store_op *op = op_write(&fixture, write_mutation(arena, write, other));
    op->once = (struct store_once){.client_id = id,
                                   .sequence = sequence,
                                   .acked_below = sequence > 2 ? sequence - 1 : 1,
                                   .request_hash = 7 + sequence};
    return op;
}

/* A store that has failed for good is opened anew, as its server would be. */
static void restart_if_failed(void)
{
    struct store_status status;
    fixture.store->ops->read_status(fixture.store, &status);
    if (status.failed) {
        fixture_close(&fixture);
        fixture_open(&fixture);
    }
}

/* Sends the write until it is answered, as a client does: under the same number. */
static struct store_op *insist(unsigned client, uint64_t sequence)
{
    struct store_op *op = NULL;
    for (int i = 0; i < TRIES && (op == NULL || op->code != STATED_OK); i++) {
        op = write_of(client, sequence);
        fixture_run(&fixture, STORE_EXCLUSIVE, &op, 1);
        restart_if_failed();
    }
    if (op->code != STATED_OK) {
        fail_msg("%s failed once, and a write does so for ever: %s, %s", lmdb_faults_hit(),
                 stated_code_name(op->code), op->message);
    }
    return op;
}

static void look_around(void)
{
    struct store_op *reads[] = {
        op_read(&fixture, read_select(arena, read_new(arena), select_prefix(arena, ""))),
        op_read(&fixture, read_select(arena, read_new(arena), select_key(arena, "count")))};
    Stated__V1__WatchResponse response = STATED__V1__WATCH_RESPONSE__INIT;
    struct store_changes changes = {.select = select_prefix(arena, ""),
                                    .from_revision = WRITES - 2,
                                    .max_response_bytes = 1 << 20,
                                    .arena = arena,
                                    .response = &response};
    bool was_hit = lmdb_faults_hit() != NULL;
    fixture_run(&fixture, STORE_SHARED, reads, 2);
    fixture.store->ops->read_changes(fixture.store, &changes);
    bool is_fine =
        reads[0]->code == STATED_OK && reads[1]->code == STATED_OK && changes.code == STATED_OK;
    /* What could not be read is not taken for a state without keys. */
    if (is_fine != (was_hit || lmdb_faults_hit() == NULL)) {
        fail_msg("after %s failed: reads %s and %s, changes %s: %s", lmdb_faults_hit(),
                 stated_code_name(reads[0]->code), stated_code_name(reads[1]->code),
                 stated_code_name(changes.code), changes.message);
    }
    restart_if_failed();
}

/* All clients write in turn, so that each round forgets what the one before has made. */
static void run_script(void)
{
    for (uint64_t sequence = 1; sequence <= ROUNDS; sequence++) {
        for (unsigned client = 0; client < CLIENTS; client++) {
            insist(client, sequence);
            assert_true(insist(client, sequence)->replayed); /* as if the answer had been lost */
        }
    }
    look_around();
}

static void test_a_numbered_write_happens_once_whatever_fails(void **state)
{
    (void)state;
    new_store();
    lmdb_faults_plan(0, 0);
    run_script();
    unsigned long calls = lmdb_faults_seen();
    end_store();
    assert_in_range(calls, 10 * WRITES, 100 * WRITES);
    for (unsigned long nth = 1; nth <= calls; nth++) {
        new_store();
        lmdb_faults_plan(nth, codes[nth % (sizeof(codes) / sizeof(codes[0]))]);
        run_script();
        assert_non_null(lmdb_faults_hit());
        lmdb_faults_stop();
        assert_entry(fixture_get(&fixture, "count"), "count", arena_format(arena, "%d", WRITES));
        end_store();
    }
}

/* One thing that the store does, with every one of its LMDB calls failing in turn, in every way. */
static void fail_each(const char *what, enum stated_code (*act)(struct stated_status *status))
{
    struct stated_status status;
    lmdb_faults_plan(0, 0);
    assert_int_equal(act(&status), STATED_OK);
    unsigned long calls = lmdb_faults_seen();
    assert_in_range(calls, 3, 10000);
    for (unsigned long nth = 1; nth <= calls; nth++) {
        for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
            lmdb_faults_plan(nth, codes[i]);
            enum stated_code code = act(&status);
            assert_non_null(lmdb_faults_hit());
            /* Without this a check only does not know how far it is. */
            bool is_fine = code == STATED_OK && strcmp(lmdb_faults_hit(), "mdb_stat") == 0;
            if (!is_fine && (code == STATED_OK || status.message[0] == '\0')) {
                fail_msg("%s: call %lu (%s) failed with %s: %s \"%s\"", what, nth,
                         lmdb_faults_hit(), mdb_strerror(codes[i]), stated_code_name(code),
                         status.message);
            }
        }
    }
    lmdb_faults_stop();
    assert_int_equal(act(&status), STATED_OK);
}

static enum stated_code check(struct stated_status *status)
{
    struct store_contents contents;
    return fixture.store->ops->check(fixture.store, NULL, &contents, status);
}

static enum stated_code check_offline(struct stated_status *status)
{
    struct store_contents contents;
    return lmdb_directory_check(fixture.directory, NULL, &contents, status);
}

static enum stated_code save(struct stated_status *status)
{
    struct store_contents contents;
    const char *path = fixture_path(&fixture, "snapshot");
    (void)unlink(path);
    enum stated_code code =
        fixture.store->ops->snapshot(fixture.store, path, NULL, &contents, status);
    assert_int_equal(access(path, F_OK) == 0, code == STATED_OK);
    return code;
}

/* Into a directory that is there only if all went well. */
static enum stated_code restore(struct stated_status *status)
{
    struct store_contents contents;
    const char *directory = fixture_path(&fixture, "restored");
    enum stated_code code = lmdb_snapshot_restore(fixture_path(&fixture, "snapshot"), directory,
                                                  NULL, &contents, status);
    lmdb_faults_stop();
    struct stated_status other;
    enum stated_code there = lmdb_directory_check(directory, NULL, &contents, &other);
    assert_int_equal(there == STATED_OK, code == STATED_OK);
    (void)unlink(arena_format(arena, "%s/state.mdb", directory));
    (void)unlink(arena_format(arena, "%s/lock", directory));
    (void)rmdir(directory);
    return code;
}

static enum stated_code open_and_close(struct stated_status *status)
{
    enum stated_code code = fixture_try_open(&fixture, status);
    if (code == STATED_OK) {
        lmdb_faults_stop();
        fixture_close(&fixture);
    }
    return code;
}

static void test_a_check_that_could_not_look_finds_nothing_fine(void **state)
{
    (void)state;
    new_store();
    run_script();
    fail_each("check", check);
    fixture_close(&fixture);
    fail_each("check of a directory", check_offline);
    end_store();
}

static void test_a_snapshot_that_could_not_be_read_or_made_is_none(void **state)
{
    (void)state;
    new_store();
    run_script();
    fail_each("snapshot", save);
    fail_each("restore", restore);
    end_store();
}

static void test_a_store_that_does_not_open_says_why(void **state)
{
    (void)state;
    new_store();
    run_script();
    fixture_close(&fixture);
    fail_each("open", open_and_close);
    end_store();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_numbered_write_happens_once_whatever_fails),
        cmocka_unit_test(test_a_check_that_could_not_look_finds_nothing_fine),
        cmocka_unit_test(test_a_snapshot_that_could_not_be_read_or_made_is_none),
        cmocka_unit_test(test_a_store_that_does_not_open_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
