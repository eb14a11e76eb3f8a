/* Is a snapshot all of the state at one moment, is a whole one told from any other file, and does a
   restore give it back or leave the directory as it was? */
#include "engine/lmdb_snapshot.h"
#include "io_faults.h"
#include "store_fixture.h"

#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct store_fixture fixture;
static struct arena *const arena = &fixture.arena;
static const uint8_t client_id[16] = "a client's id..";

enum { N_KEYS = 200 };

static struct store_op *count_once(void)
{
    struct store_op *op = op_write(
        &fixture, write_mutation(arena, write_new(arena), mutation_add(arena, "count", 1)));
    op->once = (struct store_once){
        .client_id = client_id, .sequence = 1, .acked_below = 1, .request_hash = 5};
    fixture_run(&fixture, STORE_EXCLUSIVE, &op, 1);
    assert_outcome(op, STATED_OK, "");
    return op;
}

static const char *key_of(int i)
{
    return arena_format(arena, "key/%03d", i);
}

static int set_up(void **state)
{
    (void)state;
    fixture_init(&fixture);
    fixture_open(&fixture);
    count_once();
    for (int i = 0; i < N_KEYS; i++) {
        ProtobufCBinaryData value = request_fill(arena, (char)i, i % 50 == 0 ? 9000 : 30);
        Stated__V1__WriteRequest *write =
            write_mutation(arena, write_new(arena),
                           mutation_put_bytes(arena, request_text(arena, key_of(i)), value));
        assert_outcome(fixture_write(&fixture, write), STATED_OK, "");
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    io_faults_clear();
    fixture_deinit(&fixture);
    return 0;
}

static const char *snapshot_path(void)
{
    return fixture_path(&fixture, "snapshot");
}

static void save(void)
{
    struct store_contents contents;
    struct stated_status status;
    if (fixture.store->ops->snapshot(fixture.store, snapshot_path(), NULL, &contents, &status) !=
        STATED_OK) {
        fail_msg("%s", status.message);
    }
    assert_int_equal(contents.revision, N_KEYS + 1);
    assert_int_equal(contents.keys, N_KEYS + 1);
    assert_int_equal(contents.oldest_revision, 1);
    assert_int_equal(contents.stored_replies, 1);
    assert_in_range(contents.file_bytes, N_KEYS * 30, 1 << 20);
}

static void assert_refused(enum stated_code got, enum stated_code code,
                           const struct stated_status *status, const char *part)
{
    if (got != code || strstr(status->message, part) == NULL) {
        fail_msg("%s: %s", stated_code_name(got), status->message);
    }
}

/* What a store shows, in one number. */
static uint64_t fingerprint(void)
{
    Stated__V1__ReadRequest *read =
        read_select(arena, read_new(arena), select_prefix(arena, "key/"));
    struct store_op *op = fixture_read(&fixture, read);
    assert_outcome(op, STATED_OK, "");
    assert_int_equal(op->read_response->n_entries, N_KEYS);
    op->read_response->revision = 0;
    size_t length = stated__v1__read_response__get_packed_size(op->read_response);
    uint8_t *bytes = arena_alloc(arena, length);
    stated__v1__read_response__pack(op->read_response, bytes);
    uint64_t sum = 1469598103934665603u;
    for (size_t i = 0; i < length; i++) {
        sum = (sum ^ bytes[i]) * 1099511628211u;
    }
    return sum;
}

static void test_a_restored_state_is_the_one_that_was_saved(void **state)
{
    (void)state;
    struct store_contents contents;
    struct stated_status status;
    uint64_t before = fingerprint();
    save();
    fixture_put(&fixture, "key/000", "later");
    assert_int_equal(lmdb_snapshot_info(snapshot_path(), &contents, &status), STATED_OK);
    assert_int_equal(contents.revision, N_KEYS + 1);
    assert_int_equal(lmdb_snapshot_verify(snapshot_path(), NULL, &contents, &status), STATED_OK);
    assert_int_equal(contents.keys, N_KEYS + 1);
    const char *directory = fixture_path(&fixture, "restored/here");
    assert_int_equal(lmdb_snapshot_restore(snapshot_path(), directory, NULL, &contents, &status),
                     STATED_OK);
    fixture_close(&fixture);
    fixture.options.directory = directory;
    fixture_open(&fixture);
    assert_int_equal(fingerprint(), before);
    /* With what was answered, and what was changed. */
    assert_true(count_once()->replayed);
    assert_int_equal(fixture_put(&fixture, "key/000", "goes on"), N_KEYS + 2);
    Stated__V1__WatchResponse response;
    struct store_changes changes = {.select = select_prefix(arena, ""),
                                    .from_revision = 1,
                                    .max_response_bytes = 1 << 20,
                                    .arena = arena,
                                    .response = &response};
    fixture.store->ops->read_changes(fixture.store, &changes);
    assert_int_equal(changes.code, STATED_OK);
    assert_int_equal(response.n_events, N_KEYS + 2);
}

static void test_a_snapshot_has_nothing_of_what_was_deleted(void **state)
{
    (void)state;
    static char bytes[1 << 20];
    fixture_close(&fixture);
    fixture.options.max_changes = 1;
    fixture_open(&fixture);
    fixture_put(&fixture, "key/secret", "SECRET-TO-BE-DELETED");
    Stated__V1__WriteRequest *delete = write_mutation(
        arena, write_new(arena), mutation_delete(arena, select_key(arena, "key/secret")));
    assert_outcome(fixture_write(&fixture, delete), STATED_OK, "");
    for (int i = 0; i < 20; i++) { /* until the log is trimmed */
        fixture_put(&fixture, "key/000", "other");
    }
    struct store_contents contents;
    struct stated_status status;
    assert_int_equal(
        fixture.store->ops->snapshot(fixture.store, snapshot_path(), NULL, &contents, &status),
        STATED_OK);
    int fd = open(snapshot_path(), O_RDONLY);
    ssize_t n = read(fd, bytes, sizeof(bytes));
    close(fd);
    assert_in_range(n, 10000, sizeof(bytes) - 1);
    assert_null(memmem(bytes, (size_t)n, "SECRET-TO-BE", 12));
    assert_non_null(memmem(bytes, (size_t)n, "key/001", 7)); /* the search would find it */
}

static void test_any_other_file_is_no_snapshot(void **state)
{
    (void)state;
    struct store_contents contents;
    struct stated_status status;
    enum stated_code code =
        lmdb_snapshot_verify(fixture_path(&fixture, "none"), NULL, &contents, &status);
    assert_refused(code, STATED_NOT_FOUND, &status, "/none: No such file");
    code = lmdb_snapshot_verify(fixture_path(&fixture, "state.mdb"), NULL, &contents, &status);
    assert_refused(code, STATED_DATA_LOSS, &status, "is no snapshot, or it was cut");
    code = lmdb_snapshot_info(fixture_path(&fixture, "lock"), &contents, &status);
    assert_refused(code, STATED_DATA_LOSS, &status, "is no snapshot, or it was cut");
}

static size_t read_snapshot(uint8_t **bytes)
{
    struct stat file;
    int fd = open(snapshot_path(), O_RDONLY);
    assert_int_equal(fstat(fd, &file), 0);
    *bytes = malloc((size_t)file.st_size);
    assert_non_null(*bytes);
    assert_int_equal(read(fd, *bytes, (size_t)file.st_size), file.st_size);
    close(fd);
    return (size_t)file.st_size;
}

static void write_snapshot(const uint8_t *bytes, size_t length)
{
    int fd = open(snapshot_path(), O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, bytes, length), length);
    close(fd);
}

static void test_a_cut_or_altered_snapshot_is_refused(void **state)
{
    (void)state;
    uint8_t *bytes;
    struct store_contents contents;
    struct stated_status status;
    const char *directory = fixture_path(&fixture, "restored");
    save();
    size_t length = read_snapshot(&bytes);
    for (size_t i = 0; i < length; i += i + 200 < length ? 977 : 1) {
        bytes[i] ^= 0x20;
        write_snapshot(bytes, length);
        bytes[i] ^= 0x20;
        enum stated_code code =
            lmdb_snapshot_restore(snapshot_path(), directory, NULL, &contents, &status);
        if (code != STATED_DATA_LOSS && code != STATED_FAILED_PRECONDITION) {
            fail_msg("byte %zu altered: %s", i, stated_code_name(code));
        }
        assert_int_equal(access(directory, F_OK), -1);
    }
    for (size_t i = 0; i < length; i += i + 200 < length ? 4999 : 1) {
        write_snapshot(bytes, i);
        assert_int_equal(lmdb_snapshot_verify(snapshot_path(), NULL, &contents, &status),
                         STATED_DATA_LOSS);
    }
    write_snapshot(bytes, length);
    assert_int_equal(lmdb_snapshot_verify(snapshot_path(), NULL, &contents, &status), STATED_OK);
    free(bytes);
}

static void test_nothing_is_overwritten(void **state)
{
    (void)state;
    struct store_contents contents;
    struct stated_status status;
    save();
    enum stated_code code =
        fixture.store->ops->snapshot(fixture.store, snapshot_path(), NULL, &contents, &status);
    assert_refused(code, STATED_INVALID_ARGUMENT, &status, "File exists");
    assert_int_equal(lmdb_snapshot_verify(snapshot_path(), NULL, &contents, &status), STATED_OK);

    code = lmdb_snapshot_restore(snapshot_path(), fixture.directory, NULL, &contents, &status);
    assert_refused(code, STATED_FAILED_PRECONDITION, &status, "is held by process");
    fixture_close(&fixture);
    code = lmdb_snapshot_restore(snapshot_path(), fixture.directory, NULL, &contents, &status);
    assert_refused(code, STATED_FAILED_PRECONDITION, &status, "is not empty (it has ");
    fixture_open(&fixture);
    fixture_put(&fixture, "key/000", "still there");
}

/* What a kill in the middle of a restore leaves does not stand in the way of the next. */
static void test_an_interrupted_restore_can_be_repeated(void **state)
{
    (void)state;
    struct store_contents contents;
    struct stated_status status;
    const char *directory = fixture_path(&fixture, "restored");
    save();
    assert_int_equal(mkdir(directory, 0700), 0);
    int fd = open(arena_format(arena, "%s/new.mdb", directory), O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "half", 4), 4);
    close(fd);
    assert_int_equal(lmdb_snapshot_restore(snapshot_path(), directory, NULL, &contents, &status),
                     STATED_OK);
    assert_int_equal(access(arena_format(arena, "%s/new.mdb", directory), F_OK), -1);
}

static void test_a_disk_without_room_leaves_no_file(void **state)
{
    (void)state;
    io_faults_count(IO_PWRITE | IO_WRITEV);
    save();
    unsigned long n = io_faults_seen();
    assert_in_range(n, 2, 1000);
    for (unsigned long nth = 1; nth <= n; nth++) {
        struct store_contents contents;
        struct stated_status status;
        (void)unlink(snapshot_path());
        io_faults_plan(IO_PWRITE | IO_WRITEV, nth, ENOSPC, true);
        enum stated_code code =
            fixture.store->ops->snapshot(fixture.store, snapshot_path(), NULL, &contents, &status);
        io_faults_clear();
        assert_refused(code, STATED_RESOURCE_EXHAUSTED, &status, "No space left");
        assert_int_equal(access(snapshot_path(), F_OK), -1);
    }
    fixture_put(&fixture, "k", "v"); /* the store is not concerned */
}

/* Stops an operation when it has been told so many times. */
struct stopper {
    unsigned told;
    unsigned stop_at; /* 0: never */
    unsigned last;
};

static bool go_on(void *argument, unsigned permille)
{
    struct stopper *self = argument;
    assert_in_range(permille, self->last, 1000);
    self->last = permille;
    self->told++;
    return self->told != self->stop_at;
}

enum { SAVE, VERIFY, RESTORE, CHECK_FILE, CHECK_STORE, N_OPERATIONS };

static enum stated_code operate(int operation, const char *directory, struct stopper *stopper,
                                struct stated_status *status)
{
    const struct store_task task = {.go_on = go_on, .argument = stopper};
    struct store_contents contents;
    const char *path = snapshot_path();
    switch (operation) {
    case SAVE:
        return fixture.store->ops->snapshot(fixture.store, path, &task, &contents, status);
    case VERIFY:
        return lmdb_snapshot_verify(path, &task, &contents, status);
    case RESTORE:
        return lmdb_snapshot_restore(path, directory, &task, &contents, status);
    case CHECK_FILE:
        return lmdb_directory_check(directory, &task, &contents, status);
    default:
        return fixture.store->ops->check(fixture.store, &task, &contents, status);
    }
}

/* Each long operation, stopped whenever it asks: it leaves nothing, and works the next time. */
static void test_what_takes_long_can_be_stopped(void **state)
{
    (void)state;
    struct stated_status status;
    const char *directory = fixture_path(&fixture, "restored");
    const char *left[N_OPERATIONS] = {
        [SAVE] = snapshot_path(), [RESTORE] = fixture_path(&fixture, "restored/state.mdb")};
    Stated__V1__WriteRequest *more = write_new(arena);
    for (int i = 0; i < 1000; i++) {
        ProtobufCBinaryData key = request_text(arena, key_of(N_KEYS + i));
        write_mutation(arena, more, mutation_put_bytes(arena, key, key));
    }
    assert_outcome(fixture_write(&fixture, more), STATED_OK, "");
    for (int operation = 0; operation < N_OPERATIONS; operation++) {
        enum stated_code code = STATED_CANCELLED;
        unsigned n = 0;
        while (code != STATED_OK) {
            struct stopper stopper = {.stop_at = ++n};
            code = operate(operation, directory, &stopper, &status);
            if (code != STATED_OK) {
                assert_refused(code, STATED_CANCELLED, &status, "stopped");
                assert_true(left[operation] == NULL || access(left[operation], F_OK) != 0);
                assert_int_equal(access(fixture_path(&fixture, "restored/new.mdb"), F_OK), -1);
            }
        }
        assert_in_range(n, 3, 1000);
    }
}

/* Snapshots beside a writer that keeps two keys equal. */
struct saving {
    struct store *store;
    const char *path;
    atomic_ulong saved;
    atomic_ulong failed;
    atomic_bool stop;
};

static void *save_again_and_again(void *argument)
{
    struct saving *self = argument;
    while (!self->stop) {
        struct store_contents saved;
        struct store_contents found;
        struct stated_status status;
        bool is_fine = self->store->ops->snapshot(self->store, self->path, NULL, &saved, &status) ==
                           STATED_OK &&
                       lmdb_snapshot_verify(self->path, NULL, &found, &status) == STATED_OK &&
                       saved.revision == found.revision;
        self->failed += !is_fine;
        self->saved++;
        (void)unlink(self->path);
    }
    return NULL;
}

static void test_snapshots_beside_a_writer_are_whole(void **state)
{
    (void)state;
    enum { MIN_SNAPSHOTS = 20, MIN_WRITES = 200 };
    char path[sizeof(fixture.directory) + 16];
    snprintf(path, sizeof(path), "%s/beside", fixture.directory);
    struct saving saving = {.store = fixture.store, .path = path};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, save_again_and_again, &saving), 0);
    for (int i = 0; i < MIN_WRITES || saving.saved < MIN_SNAPSHOTS; i++) {
        arena_reset(arena);
        Stated__V1__WriteRequest *write = write_new(arena);
        write_mutation(arena, write, mutation_add(arena, "pair/a", 1));
        write_mutation(arena, write, mutation_add(arena, "pair/b", 1));
        assert_outcome(fixture_write(&fixture, write), STATED_OK, "");
    }
    saving.stop = true;
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(saving.failed, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_restored_state_is_the_one_that_was_saved),
        TEST(test_a_snapshot_has_nothing_of_what_was_deleted),
        TEST(test_any_other_file_is_no_snapshot),
        TEST(test_a_cut_or_altered_snapshot_is_refused),
        TEST(test_nothing_is_overwritten),
        TEST(test_an_interrupted_restore_can_be_repeated),
        TEST(test_a_disk_without_room_leaves_no_file),
        TEST(test_what_takes_long_can_be_stopped),
        TEST(test_snapshots_beside_a_writer_are_whole),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
