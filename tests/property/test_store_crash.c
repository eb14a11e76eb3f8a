/* Does a power loss at any moment leave a state that has every acknowledged write, and each other
   write whole or not at all?

   Runs are recorded as LMDB writes them. Then images are made of what a disk may hold after a loss
   at a random moment: all that was synced, and of the rest any part, in any order, torn at sectors.
   When a sync fails, what was not synced yet may have been dropped for good: a later sync says
   nothing about it.
   Each image is opened and compared with what the state was at its revision. The control forgets
   the syncs: then the same images have to show damage, or the test could not see any.

   Usage: test_store_crash [SEED [IMAGES]]. A failure prints the seed and the image. */
#include "io_faults.h"
#include "store_fixture.h"

#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    N_RUNS = 120,
    MAX_OPS = 5,
    N_KEYS = 40,
    MAX_REVISIONS = N_RUNS * MAX_OPS + 1,
    MAX_EVENTS = 8000,
    IMAGE_BYTES = 8 << 20,
    SECTOR_BYTES = 512,
};

static unsigned seed = 20240611;
static unsigned long n_images = 500;

static struct store_fixture fixture;

/* What the file was before the first recorded call. */
static uint8_t *first_image;
static size_t first_bytes;

/* The recorded calls; data is a copy. */
static struct io_event events[MAX_EVENTS];
static _Atomic size_t n_events; /* the flusher of relaxed mode records beside the test */

/* At which revision each key has which length of value, and 0 for none: values differ in length. */
static size_t lengths[MAX_REVISIONS][N_KEYS];
static uint64_t newest;

/* The sync that fails while runs are recorded, or none. */
static unsigned long failing_sync;
static bool retries_syncs;

/* After which event a revision was acknowledged, and up to which one was being written. */
static size_t acknowledged_at[MAX_REVISIONS];
static size_t begun_at[MAX_REVISIONS];

static void record(void *argument, const struct io_event *event)
{
    (void)argument;
    assert_true(n_events < MAX_EVENTS);
    struct io_event *copy = &events[n_events++];
    *copy = *event;
    if (event->length > 0) {
        void *data = malloc(event->length);
        assert_non_null(data);
        memcpy(data, event->data, event->length);
        copy->data = data;
    }
}

static const char *key_of(size_t i)
{
    return arena_format(&fixture.arena, "key/%02zu", i);
}

/* One random write: puts or deletes up to three keys. */
static struct store_op *random_op(uint64_t revision)
{
    struct arena *arena = &fixture.arena;
    static uint64_t sequence;
    static const uint8_t client_id[16] = "a client's id..";
    Stated__V1__WriteRequest *write = write_new(arena);
    memcpy(lengths[revision], lengths[revision - 1], sizeof(lengths[0]));
    size_t first = (size_t)rand_r(&seed) % (N_KEYS - 3);
    for (size_t i = first; i < first + 1 + (size_t)rand_r(&seed) % 3; i++) {
        size_t length = rand_r(&seed) % 10 == 0 ? 6000 : 10 + (size_t)rand_r(&seed) % 700;
        if (rand_r(&seed) % 4 == 0) {
            write_mutation(arena, write, mutation_delete(arena, select_key(arena, key_of(i))));
            length = 0;
        } else {
            write_mutation(arena, write,
                           mutation_put_bytes(arena, request_text(arena, key_of(i)),
                                              request_fill(arena, (char)revision, length)));
        }
        lengths[revision][i] = length;
    }
    struct store_op *op = op_write(&fixture, write);
    sequence++;
    op->once = (struct store_once){.client_id = client_id,
                                   .sequence = sequence,
                                   .acked_below = sequence > 20 ? sequence - 20 : 1,
                                   .request_hash = sequence};
    return op;
}

/* False when the store has failed for good: then the outcome of these writes is not known. */
static bool one_run(void)
{
    struct store_op *ops[MAX_OPS];
    size_t n = 1 + (size_t)rand_r(&seed) % MAX_OPS;
    uint64_t before = newest;
    for (size_t i = 0; i < n; i++) {
        begun_at[++newest] = n_events;
        ops[i] = random_op(newest);
    }
    fixture_run(&fixture, STORE_EXCLUSIVE, ops, n);
    bool is_acknowledged = true;
    for (size_t i = 0; i < n && is_acknowledged; i++) {
        is_acknowledged = ops[i]->code != STATED_UNKNOWN;
        acknowledged_at[before + 1 + i] = is_acknowledged ? n_events : SIZE_MAX;
        if (is_acknowledged) {
            assert_outcome(ops[i], STATED_OK, "");
            assert_int_equal(ops[i]->write_response->revision, before + 1 + i);
        }
    }
    arena_reset(&fixture.arena);
    return is_acknowledged;
}

static void read_first_image(void)
{
    struct stat file;
    int fd = open(fixture_path(&fixture, "state.mdb"), O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &file), 0);
    first_bytes = (size_t)file.st_size;
    first_image = malloc(first_bytes);
    assert_non_null(first_image);
    assert_int_equal(read(fd, first_image, first_bytes), first_bytes);
    close(fd);
}

static void record_runs(enum store_durability durability)
{
    fixture_init_in_memory(&fixture);
    fixture.options.durability = durability;
    fixture.options.max_changes = 30;
    fixture_open(&fixture);
    read_first_image();
    newest = 0;
    n_events = 0;
    memset(lengths, 0, sizeof(lengths));
    io_faults_listen(record, NULL);
    io_faults_retry_syncs(retries_syncs);
    io_faults_plan(IO_FDATASYNC, failing_sync, EIO, false);
    for (int i = 0; i < N_RUNS && one_run(); i++) {
    }
    io_faults_clear();
    fixture_close(&fixture);
}

static void forget_runs(void)
{
    for (size_t i = 0; i < n_events; i++) {
        union {
            const void *read_only;
            void *data;
        } copy = {.read_only = events[i].length > 0 ? events[i].data : NULL};
        free(copy.data);
    }
    free(first_image);
    fixture_deinit(&fixture);
}

/* An image of the file. */
static uint8_t image[IMAGE_BYTES];
static size_t image_bytes;

static bool is_sync(const struct io_event *event)
{
    return event->call == IO_FDATASYNC || event->call == IO_FAILED_SYNC;
}

static void apply(const struct io_event *event, bool is_torn)
{
    if (event->call == IO_FALLOCATE) {
        image_bytes = (size_t)event->offset > image_bytes ? (size_t)event->offset : image_bytes;
        return;
    }
    size_t end = (size_t)event->offset + event->length;
    assert_true(end <= IMAGE_BYTES);
    for (size_t at = 0; at < event->length; at += SECTOR_BYTES) {
        size_t n = event->length - at < SECTOR_BYTES ? event->length - at : SECTOR_BYTES;
        if (!is_torn || rand_r(&seed) % 2 == 0) {
            memcpy(image + event->offset + at, (const uint8_t *)event->data + at, n);
        }
    }
    image_bytes = end > image_bytes ? end : image_bytes;
}

/* Which of the first `loss` calls are on disk for sure: what was written before the last sync, but
   for what a sync that failed may have dropped. */
static bool is_sure[MAX_EVENTS];

static void find_sure(size_t loss, bool with_syncs)
{
    size_t first = 0; /* that no sync was told about */
    memset(is_sure, 0, sizeof(is_sure));
    for (size_t i = 0; i < loss && with_syncs; i++) {
        for (; events[i].call == IO_FDATASYNC && first < i; first++) {
            is_sure[first] = true;
        }
        is_sure[i] = events[i].is_synced;
        first = is_sync(&events[i]) ? i + 1 : first;
    }
}

/* Of what was not synced: nothing, everything, or any part of it. */
static void make_image(size_t loss, bool with_syncs)
{
    memset(image, 0, sizeof(image));
    memcpy(image, first_image, first_bytes);
    image_bytes = first_bytes;
    find_sure(loss, with_syncs);
    int kind = rand_r(&seed) % 4;
    for (size_t i = 0; i < loss; i++) {
        const struct io_event *event = &events[i];
        bool is_there = is_sure[i] || kind == 0 || (kind >= 2 && rand_r(&seed) % 2 == 0);
        if (!is_sync(event) && is_there) {
            apply(event, !is_sure[i] && kind == 3);
        }
    }
    /* The call in which the power went. */
    if (loss < n_events && !is_sync(&events[loss]) && kind != 1) {
        apply(&events[loss], true);
    }
}

static void write_image(const char *directory)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/state.mdb", directory);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, image, image_bytes), image_bytes);
    close(fd);
}

static const char *compare_with(struct store_fixture *crashed, uint64_t revision)
{
    struct arena *arena = &crashed->arena;
    struct store_op *op =
        fixture_read(crashed, read_select(arena, read_new(arena), select_prefix(arena, "")));
    size_t n = 0;
    if (op->code != STATED_OK) {
        return op->message;
    }
    for (size_t i = 0; i < N_KEYS; i++) {
        if (lengths[revision][i] == 0) {
            continue;
        }
        const Stated__V1__Entry *entry =
            n < op->read_response->n_entries ? op->read_response->entries[n++] : NULL;
        if (entry == NULL || entry->value.len != lengths[revision][i] ||
            entry->value.data[0] != (uint8_t)entry->mod_revision) {
            return "a key is not as it was at this revision";
        }
    }
    return n == op->read_response->n_entries ? NULL : "there are more keys than there were";
}

/* NULL when the image is as it may be, else what is wrong with it. */
static const char *look_at(struct store_fixture *crashed, size_t loss, bool is_sync_mode,
                           bool fails)
{
    static struct stated_status status;
    struct store_status now;
    if (fixture_try_open(crashed, &status) != STATED_OK) {
        return status.message;
    }
    crashed->store->ops->read_status(crashed->store, &now);
    const char *wrong = NULL;
    if (now.revision > newest || (now.revision > 0 && begun_at[now.revision] > loss)) {
        wrong = "a revision that was not begun";
    } else if (is_sync_mode && now.revision < newest && acknowledged_at[now.revision + 1] <= loss) {
        wrong = "an acknowledged write is missing";
    } else {
        wrong = compare_with(crashed, now.revision);
    }
    crashed->is_damaged = wrong != NULL || !fails; /* a control's may be, unseen */
    fixture_close(crashed);
    (void)unlink(fixture_path(crashed, "closed"));
    return wrong;
}

static unsigned long count_bad_images(bool is_sync_mode, bool with_syncs, bool fails)
{
    struct store_fixture crashed;
    unsigned long bad = 0;
    fixture_init_in_memory(&crashed);
    for (unsigned long i = 0; i < n_images; i++) {
        unsigned at_start = seed;
        size_t loss = (size_t)rand_r(&seed) % (n_events + 1);
        make_image(loss, with_syncs);
        write_image(crashed.directory);
        const char *wrong = look_at(&crashed, loss, is_sync_mode, fails);
        if (wrong != NULL && fails) {
            fail_msg("image with seed %u, loss at call %zu of %zu: %s", at_start, loss, n_events,
                     wrong);
        }
        bad += wrong != NULL;
        arena_reset(&crashed.arena);
    }
    crashed.is_damaged = true;
    fixture_deinit(&crashed);
    return bad;
}

static void test_no_loss_of_power_loses_an_acknowledged_write(void **state)
{
    (void)state;
    record_runs(STORE_SYNC);
    unsigned long bad = count_bad_images(true, true, true);
    print_message("%lu images of %zu calls, %lu bad\n", n_images, n_events, bad);
    unsigned long seen = count_bad_images(true, false, false);
    print_message("control without syncs: %lu of %lu images bad\n", seen, n_images);
    assert_in_range(seen, n_images / 10, n_images);
    forget_runs();
}

static void test_relaxed_mode_loses_the_newest_but_is_never_corrupt(void **state)
{
    (void)state;
    record_runs(STORE_RELAXED);
    unsigned long bad = count_bad_images(false, true, true);
    print_message("%lu images of %zu calls, %lu bad\n", n_images, n_events, bad);
    unsigned long seen = count_bad_images(false, false, false);
    print_message("control without syncs: %lu of %lu images bad\n", seen, n_images);
    assert_in_range(seen, n_images / 10, n_images);
    forget_runs();
}

/* The store stops at it, so that nothing is acknowledged on top of what may have been dropped. */
static void test_no_failed_sync_loses_an_acknowledged_write(void **state)
{
    (void)state;
    unsigned long all = n_images;
    n_images = all / 10;
    unsigned long images = 0;
    unsigned long seen = 0;
    for (int round = 0; round < 10; round++) {
        retries_syncs = round >= 5;
        failing_sync = 1 + (unsigned long)rand_r(&seed) % (N_RUNS / 4);
        record_runs(STORE_SYNC);
        unsigned long bad = count_bad_images(true, true, !retries_syncs);
        images += retries_syncs ? 0 : n_images;
        seen += bad;
        forget_runs();
    }
    retries_syncs = false;
    failing_sync = 0;
    n_images = all;
    print_message("%lu images around a sync that fails, 0 bad\n", images);
    print_message("control that tries the sync again: %lu of %lu images bad\n", seen, images);
    assert_in_range(seen, images / 100, images);
}

int main(int argc, char **argv)
{
    seed = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : seed;
    n_images = argc > 2 ? strtoul(argv[2], NULL, 10) : n_images;
    printf("seed %u\n", seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_loss_of_power_loses_an_acknowledged_write),
        cmocka_unit_test(test_no_failed_sync_loses_an_acknowledged_write),
        cmocka_unit_test(test_relaxed_mode_loses_the_newest_but_is_never_corrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
