/* Does a store open what is its own and whole, say clearly what is wrong with anything else, and
   leave that untouched? */
#include "engine/numbers.h"
#include "store_fixture.h"

#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct store_fixture fixture;

static int set_up(void **state)
{
    (void)state;
    fixture_init(&fixture);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_deinit(&fixture);
    return 0;
}

static void assert_refused(enum stated_code code, const char *part)
{
    struct stated_status status;
    enum stated_code got = fixture_try_open(&fixture, &status);
    if (got != code || strstr(status.message, part) == NULL) {
        fail_msg("open: %s \"%s\", expected %s with \"%s\"", stated_code_name(got),
                 got == STATED_OK ? "" : status.message, stated_code_name(code), part);
    }
}

static unsigned mode_of(const char *path)
{
    struct stat found;
    assert_int_equal(stat(path, &found), 0);
    return found.st_mode & 07777;
}

static void write_file(const char *path, const void *data, size_t length)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, length), length);
    close(fd);
}

static size_t read_file(const char *path, uint8_t **data)
{
    struct stat found;
    assert_int_equal(stat(path, &found), 0);
    *data = malloc((size_t)found.st_size + 1);
    assert_non_null(*data);
    int fd = open(path, O_RDONLY);
    assert_int_equal(read(fd, *data, (size_t)found.st_size), found.st_size);
    close(fd);
    return (size_t)found.st_size;
}

static const char *data_file(void)
{
    return fixture_path(&fixture, "state.mdb");
}

static void test_makes_a_private_directory_with_its_parents(void **state)
{
    (void)state;
    const char *deep = fixture_path(&fixture, "a/b/c");
    fixture.options.directory = deep;
    fixture_open(&fixture);
    assert_int_equal(mode_of(deep), 0700);
    assert_int_equal(mode_of(fixture_path(&fixture, "a")), 0700);
    assert_int_equal(mode_of(fixture_path(&fixture, "a/b/c/state.mdb")), 0600);
    assert_int_equal(mode_of(fixture_path(&fixture, "a/b/c/lock")), 0600);
    assert_int_equal(access(fixture_path(&fixture, "a/b/c/new.mdb"), F_OK), -1);
}

static void check_kept_over_reopening(enum store_durability durability)
{
    fixture.options.durability = durability;
    fixture_open(&fixture);
    fixture_put(&fixture, "k", "v1");
    assert_int_equal(fixture_put(&fixture, "k", "v2"), 2);
    fixture_close(&fixture);
    fixture_open(&fixture);
    const Stated__V1__Entry *entry = fixture_get(&fixture, "k");
    assert_entry(entry, "k", "v2");
    assert_int_equal(entry->version, 2);
    assert_int_equal(entry->create_revision, 1);
    assert_int_equal(fixture_put(&fixture, "k", "v3"), 3);
}

static void test_keeps_the_state_over_reopening_when_synced(void **state)
{
    (void)state;
    check_kept_over_reopening(STORE_SYNC);
}

static void test_keeps_the_state_over_reopening_when_relaxed(void **state)
{
    (void)state;
    check_kept_over_reopening(STORE_RELAXED);
}

static void test_an_ephemeral_state_is_gone_after_a_stop(void **state)
{
    (void)state;
    fixture.options.durability = STORE_EPHEMERAL;
    write_file(fixture_path(&fixture, "ephemeral.mdb"), "left over", 9);
    fixture_open(&fixture);
    fixture_put(&fixture, "k", "v");
    /* Already while it runs, no name leads to it: a kill leaves nothing either. */
    assert_int_equal(access(fixture_path(&fixture, "ephemeral.mdb"), F_OK), -1);
    assert_int_equal(access(fixture_path(&fixture, "ephemeral.mdb-lock"), F_OK), -1);
    assert_entry(fixture_get(&fixture, "k"), "k", "v");
    fixture_close(&fixture);
    fixture_open(&fixture);
    assert_null(fixture_get(&fixture, "k"));
}

static void test_ephemeral_mode_does_not_hide_a_durable_state(void **state)
{
    (void)state;
    fixture_open(&fixture);
    fixture_put(&fixture, "k", "v");
    fixture_close(&fixture);
    fixture.options.durability = STORE_EPHEMERAL;
    assert_refused(STATED_FAILED_PRECONDITION, "holds a durable state");
    fixture.options.durability = STORE_SYNC;
    fixture_open(&fixture);
    assert_entry(fixture_get(&fixture, "k"), "k", "v");
}

static void test_a_second_store_is_told_who_holds_the_directory(void **state)
{
    (void)state;
    fixture_open(&fixture);
    struct store *second = NULL;
    struct stated_status status;
    char expected[64];
    snprintf(expected, sizeof(expected), "is held by process %ld;", (long)getpid());
    assert_int_equal(lmdb_store_open(&fixture.options, &second, &status),
                     STATED_FAILED_PRECONDITION);
    assert_null(second);
    assert_non_null(strstr(status.message, expected));
    assert_non_null(strstr(status.message, fixture.directory));
    /* The first is not disturbed. */
    fixture_put(&fixture, "k", "v");
    /* Without a pid in the file there is still an answer. */
    assert_int_equal(truncate(fixture_path(&fixture, "lock"), 0), 0);
    assert_int_equal(lmdb_store_open(&fixture.options, &second, &status),
                     STATED_FAILED_PRECONDITION);
    assert_non_null(strstr(status.message, "held by another process"));
    fixture_close(&fixture);
    fixture_open(&fixture);
}

static void test_a_directory_that_cannot_be_is_named(void **state)
{
    (void)state;
    write_file(fixture_path(&fixture, "file"), "", 0);
    fixture.options.directory = fixture_path(&fixture, "file");
    assert_refused(STATED_INVALID_ARGUMENT, "/file: Not a directory");
    fixture.options.directory = fixture_path(&fixture, "file/below");
    assert_refused(STATED_INVALID_ARGUMENT, "/file/below: Not a directory");
    fixture.options.directory = "/proc/stated/here";
    assert_refused(STATED_NOT_FOUND, "/proc/stated/here: ");
}

/* In a child: giving up rights is for good. Returns its exit status. */
static int in_child(int (*body)(void))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        _exit(body());
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int open_without_rights(void)
{
    struct stated_status status;
    if (getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) {
        return 10;
    }
    struct store *store;
    enum stated_code code = lmdb_store_open(&fixture.options, &store, &status);
    return code == STATED_PERMISSION_DENIED && strstr(status.message, "Permission denied") != NULL
               ? 0
               : 1;
}

static void test_a_directory_without_rights_is_refused(void **state)
{
    (void)state;
    assert_int_equal(chmod(fixture.directory, 0000), 0);
    int result = in_child(open_without_rights);
    assert_int_equal(chmod(fixture.directory, 0700), 0);
    assert_int_equal(result, 0);
}

static int open_without_descriptors(void)
{
    struct rlimit few = {.rlim_cur = 3, .rlim_max = 3};
    struct stated_status status;
    struct store *store;
    if (setrlimit(RLIMIT_NOFILE, &few) != 0) {
        return 10;
    }
    return lmdb_store_open(&fixture.options, &store, &status) == STATED_RESOURCE_EXHAUSTED ? 0 : 1;
}

static void test_no_descriptors_left_is_a_plain_error(void **state)
{
    (void)state;
    assert_int_equal(in_child(open_without_descriptors), 0);
}

static void test_options_out_of_range_are_named(void **state)
{
    (void)state;
    fixture.options.size_limit_bytes = 1000;
    assert_refused(STATED_INVALID_ARGUMENT, "size limit of 1000 bytes");
    fixture.options.size_limit_bytes = UINT64_MAX;
    assert_refused(STATED_INVALID_ARGUMENT, "out of range");
    fixture.options.size_limit_bytes = UINT64_C(1) << 60;
    assert_refused(STATED_RESOURCE_EXHAUSTED, "lower the limit");
    fixture.options.size_limit_bytes = 1 << 20;
    fixture.options.max_entries = 0;
    assert_refused(STATED_INVALID_ARGUMENT, "at least 1 entry");
}

static void test_a_file_that_is_not_ours_is_refused_and_left_alone(void **state)
{
    (void)state;
    static char noise[20000];
    const size_t sizes[] = {0, 1, 100, 151, 152, 4096, 8192, sizeof(noise)};
    memset(noise, 'x', sizeof(noise));
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        write_file(data_file(), noise, sizes[i]);
        assert_refused(STATED_DATA_LOSS, sizes[i] < 152 ? "is truncated" : "is not a state file");
        uint8_t *bytes;
        assert_int_equal(read_file(data_file(), &bytes), sizes[i]);
        assert_memory_equal(bytes, noise, sizes[i]);
        free(bytes);
    }
    assert_int_equal(unlink(data_file()), 0);
    assert_int_equal(mkdir(data_file(), 0700), 0);
    assert_refused(STATED_INVALID_ARGUMENT, "Is a directory");
}

/* Runs body in a write transaction on the data file, beside the engine. */
static void change_file(void (*body)(MDB_txn *txn))
{
    MDB_env *env;
    MDB_txn *txn;
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 8), 0);
    assert_int_equal(mdb_env_open(env, data_file(), MDB_NOSUBDIR | MDB_NOLOCK, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    body(txn);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

static void put_meta(MDB_txn *txn, char *key_text, void *data, size_t length)
{
    MDB_dbi table;
    MDB_val key = {.mv_size = strlen(key_text), .mv_data = key_text};
    MDB_val value = {.mv_size = length, .mv_data = data};
    assert_int_equal(mdb_dbi_open(txn, "meta", MDB_CREATE, &table), 0);
    assert_int_equal(mdb_put(txn, table, &key, &value, 0), 0);
}

static void make_foreign(MDB_txn *txn)
{
    MDB_dbi table;
    assert_int_equal(mdb_dbi_open(txn, "somebody", MDB_CREATE, &table), 0);
}

static void make_foreign_with_meta(MDB_txn *txn)
{
    put_meta(txn, (char[]){"format"}, (char[]){"somebody else's file"}, 20);
}

static void make_newer(MDB_txn *txn)
{
    uint8_t format[16] = {'s', 't', 'a', 't', 'e', 'd', '\r', '\n'};
    put_u64(format + 8, 1000);
    put_meta(txn, (char[]){"format"}, format, sizeof(format));
}

static void drop_state_table(MDB_txn *txn)
{
    MDB_dbi table;
    assert_int_equal(mdb_dbi_open(txn, "state", 0, &table), 0);
    assert_int_equal(mdb_drop(txn, table, 1), 0);
}

static void change_nothing_of_ours(MDB_txn *txn)
{
    put_meta(txn, (char[]){"stray"}, (char[]){"x"}, 1);
}

static void check_refused_and_unchanged(enum stated_code code, const char *part)
{
    uint8_t *before;
    uint8_t *after;
    size_t length = read_file(data_file(), &before);
    assert_refused(code, part);
    assert_int_equal(read_file(data_file(), &after), length);
    assert_memory_equal(before, after, length);
    free(before);
    free(after);
}

static void test_an_lmdb_file_of_somebody_else_is_refused(void **state)
{
    (void)state;
    change_file(make_foreign);
    check_refused_and_unchanged(STATED_DATA_LOSS, "no meta table");
    change_file(make_foreign_with_meta);
    check_refused_and_unchanged(STATED_DATA_LOSS, "no format entry");
}

static void test_a_newer_format_is_refused_and_left_alone(void **state)
{
    (void)state;
    fixture_open(&fixture);
    fixture_put(&fixture, "k", "v");
    fixture_close(&fixture);
    change_file(make_newer);
    check_refused_and_unchanged(STATED_FAILED_PRECONDITION, "has format 1000");
}

static void test_a_missing_table_is_refused(void **state)
{
    (void)state;
    fixture_open(&fixture);
    fixture_close(&fixture);
    change_file(drop_state_table);
    check_refused_and_unchanged(STATED_DATA_LOSS, "no state table");
}

/* A commit that is not the engine's: the header leads to a tree whose revision does not know it. */
static void test_a_header_that_does_not_go_with_the_tree_is_refused(void **state)
{
    (void)state;
    fixture_open(&fixture);
    fixture_put(&fixture, "k", "v");
    fixture_close(&fixture);
    change_file(change_nothing_of_ours);
    check_refused_and_unchanged(STATED_DATA_LOSS, "header does not go with its contents");
}

static void fill(size_t n_keys)
{
    Stated__V1__WriteRequest *write = write_new(&fixture.arena);
    for (size_t i = 0; i < n_keys; i++) {
        const char *key = arena_format(&fixture.arena, "key/%06zu", i);
        write_mutation(&fixture.arena, write, mutation_put(&fixture.arena, key, "value"));
    }
    assert_outcome(fixture_write(&fixture, write), STATED_OK, "");
}

static uint64_t count_keys(void)
{
    struct arena *arena = &fixture.arena;
    Stated__V1__ReadRequest *read =
        read_select(arena, read_new(arena), select_prefix(arena, "key/"));
    struct store_op *op = fixture_read(&fixture, read);
    assert_outcome(op, STATED_OK, "");
    return op->read_response->n_entries;
}

/* At every page: refused with a finding, or whole because only unused room was cut. */
static void test_a_cut_file_is_refused_at_every_length_that_loses_data(void **state)
{
    (void)state;
    const size_t n_keys = 1000;
    fixture_open(&fixture);
    fill(n_keys);
    fixture_close(&fixture);
    uint8_t *whole;
    size_t length = read_file(data_file(), &whole);
    size_t n_refused = 0;
    for (size_t cut = 0; cut < length; cut += cut < 8192 ? 512 : 4096) {
        struct stated_status status;
        write_file(data_file(), whole, cut);
        if (fixture_try_open(&fixture, &status) == STATED_OK) {
            assert_int_equal(count_keys(), n_keys);
            fixture_close(&fixture);
            continue;
        }
        assert_non_null(strstr(status.message, "truncated"));
        n_refused++;
    }
    free(whole);
    assert_in_range(n_refused, 20, length / 4096);
}

/* The file with a byte of a header page changed: refused with a finding, or a whole state, be it
   that of the transaction before. */
static bool opens_with_byte(uint8_t *whole, size_t length, size_t at, uint8_t change)
{
    struct stated_status status;
    whole[at] ^= change;
    write_file(data_file(), whole, length);
    whole[at] ^= change;
    bool opens = fixture_try_open(&fixture, &status) == STATED_OK;
    if (opens) {
        uint64_t keys = count_keys();
        assert_true(keys == 0 || keys == 10);
        fixture_close(&fixture);
    } else if (strstr(status.message, "state.mdb") == NULL) {
        fail_msg("byte %zu: %s", at, status.message);
    }
    arena_reset(&fixture.arena);
    return opens;
}

static void test_a_wrong_byte_in_a_header_is_refused_or_does_no_harm(void **state)
{
    (void)state;
    enum { HEADER_BYTES = 152 };
    static const uint8_t changes[] = {0x01, 0x80, 0xff};
    size_t n_refused = 0;
    fixture_open(&fixture);
    fill(10);
    fixture_close(&fixture);
    uint8_t *whole;
    size_t length = read_file(data_file(), &whole);
    for (size_t page = 0; page < 2; page++) {
        for (size_t i = 0; i < HEADER_BYTES * sizeof(changes); i++) {
            size_t at = page * 4096 + i / sizeof(changes);
            n_refused += !opens_with_byte(whole, length, at, changes[i % sizeof(changes)]);
        }
    }
    free(whole);
    print_message("%zu of %zu refused\n", n_refused, 2 * HEADER_BYTES * sizeof(changes));
    assert_in_range(n_refused, HEADER_BYTES, 2 * HEADER_BYTES * sizeof(changes));
}

static void test_a_file_made_under_a_larger_limit_opens_and_can_be_emptied(void **state)
{
    (void)state;
    struct arena *arena = &fixture.arena;
    fixture.options.max_changes = 1;
    fixture_open(&fixture);
    for (int i = 0; i < 40; i++) {
        char key[24];
        snprintf(key, sizeof(key), "large/%d", i);
        Stated__V1__Mutation *put =
            mutation_put_bytes(arena, request_text(arena, key), request_fill(arena, 'x', 100000));
        assert_outcome(fixture_write(&fixture, write_mutation(arena, write_new(arena), put)),
                       STATED_OK, "");
    }
    fixture_close(&fixture);
    fixture.options.size_limit_bytes = 1 << 20;
    fixture_open(&fixture);
    Stated__V1__WriteRequest *put = write_mutation(
        arena, write_new(arena),
        mutation_put_bytes(arena, request_text(arena, "k"), request_fill(arena, 'x', 200000)));
    assert_outcome(fixture_write(&fixture, put), STATED_RESOURCE_EXHAUSTED, "the state is full");
    Stated__V1__WriteRequest *empty = write_mutation(
        arena, write_new(arena), mutation_delete(arena, select_prefix(arena, "large/")));
    assert_outcome(fixture_write(&fixture, empty), STATED_OK, "");
    assert_outcome(fixture_write(&fixture, put), STATED_OK, "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_makes_a_private_directory_with_its_parents),
        TEST(test_keeps_the_state_over_reopening_when_synced),
        TEST(test_keeps_the_state_over_reopening_when_relaxed),
        TEST(test_an_ephemeral_state_is_gone_after_a_stop),
        TEST(test_ephemeral_mode_does_not_hide_a_durable_state),
        TEST(test_a_second_store_is_told_who_holds_the_directory),
        TEST(test_a_directory_that_cannot_be_is_named),
        TEST(test_a_directory_without_rights_is_refused),
        TEST(test_no_descriptors_left_is_a_plain_error),
        TEST(test_options_out_of_range_are_named),
        TEST(test_a_file_that_is_not_ours_is_refused_and_left_alone),
        TEST(test_an_lmdb_file_of_somebody_else_is_refused),
        TEST(test_a_newer_format_is_refused_and_left_alone),
        TEST(test_a_missing_table_is_refused),
        TEST(test_a_header_that_does_not_go_with_the_tree_is_refused),
        TEST(test_a_cut_file_is_refused_at_every_length_that_loses_data),
        TEST(test_a_wrong_byte_in_a_header_is_refused_or_does_no_harm),
        TEST(test_a_file_made_under_a_larger_limit_opens_and_can_be_emptied),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
