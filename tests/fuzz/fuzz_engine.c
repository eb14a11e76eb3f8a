/* Any bytes as a data file, and any bytes of a good one altered: a refusal that says what is wrong,
   or a state that can be read, written and closed. Never a signal.

   The first byte of an input says which: 0, the rest is the file; else the rest alters the good
   one, in pieces of page, offset (2 bytes), count, bytes. */
#include "fuzz.h"

#include "base/log.h"
#include "store_fixture.h"

#include "test.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_BYTES = 8 << 20, KEYS = 40, PAGES = 48, PAGE_BYTES = 4096, PIECE_HEAD = 4 };

static struct store_fixture fixture;
static struct arena *const arena = &fixture.arena;
static uint8_t good[MOST_BYTES];
static uint8_t image[MOST_BYTES];
static size_t good_bytes;

/* A small state with every kind of page: a branch, leaves, an overflow page, answers. */
static void make_good(void)
{
    static const uint8_t client_id[16] = "a client's id..";
    fixture_init_in(&fixture, ".");
    fixture_open(&fixture);
    for (unsigned i = 0; i < KEYS; i++) {
        struct store_op *op = op_write(
            &fixture,
            write_mutation(arena, write_new(arena),
                           mutation_put_bytes(arena,
                                              request_text(arena, arena_format(arena, "key/%u", i)),
                                              request_fill(arena, 'v', i == 7 ? 9000 : 150))));
        op->once = (struct store_once){
            .client_id = client_id, .sequence = i + 1, .acked_below = 1, .request_hash = i};
        fixture_run(&fixture, STORE_EXCLUSIVE, &op, 1);
    }
    fixture.is_damaged = true;
    fixture_close(&fixture);
    int fd = open(fixture_path(&fixture, "state.mdb"), O_RDONLY);
    FUZZ_CHECK(fd >= 0);
    ssize_t n = read(fd, good, sizeof(good));
    FUZZ_CHECK(n >= PAGES * PAGE_BYTES && n < MOST_BYTES);
    good_bytes = (size_t)n;
    close(fd);
    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
}

static size_t make_image(const uint8_t *data, size_t length)
{
    if (data[0] == 0) {
        memcpy(image, data + 1, length - 1);
        return length - 1;
    }
    memcpy(image, good, good_bytes);
    const uint8_t *at = data + 1;
    const uint8_t *end = data + length;
    while (end - at > PIECE_HEAD) {
        size_t page = at[0] % PAGES; /* behind them there is only room */
        size_t offset = ((size_t)at[1] << 8 | at[2]) % PAGE_BYTES;
        size_t count = 1 + at[3] % 16;
        at += PIECE_HEAD;
        count = count < (size_t)(end - at) ? count : (size_t)(end - at);
        count = count < PAGE_BYTES - offset ? count : PAGE_BYTES - offset;
        memcpy(image + page * PAGE_BYTES + offset, at, count);
        at += count;
    }
    return good_bytes;
}

static void write_image(size_t length)
{
    int fd = open(fixture_path(&fixture, "state.mdb"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    FUZZ_CHECK(fd >= 0 && write(fd, image, length) == (ssize_t)length);
    close(fd);
    (void)unlink(fixture_path(&fixture, "closed")); /* so that all of it is looked at */
}

static void check_op(const struct store_op *op)
{
    FUZZ_CHECK(op->code == STATED_OK || op->message[0] != '\0');
}

static void use_store(void)
{
    check_op(fixture_read(&fixture, read_select(arena, read_new(arena), select_prefix(arena, ""))));
    check_op(fixture_write(
        &fixture, write_mutation(arena, write_new(arena), mutation_put(arena, "key/3", "new"))));
    check_op(fixture_write(&fixture,
                           write_mutation(arena, write_new(arena),
                                          mutation_delete(arena, select_prefix(arena, "key/1")))));
    Stated__V1__WatchResponse response;
    struct store_changes changes = {.select = select_prefix(arena, ""),
                                    .from_revision = 1,
                                    .max_response_bytes = 1 << 20,
                                    .arena = arena,
                                    .response = &response};
    fixture.store->ops->read_changes(fixture.store, &changes);
    FUZZ_CHECK(changes.code == STATED_OK || changes.message[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    if (length == 0) {
        return 0;
    }
    if (good_bytes == 0) {
        make_good();
    }
    arena_reset(arena);
    write_image(make_image(data, length));
    struct stated_status status = {.code = STATED_OK};
    if (fixture_try_open(&fixture, &status) == STATED_OK) {
        use_store();
        fixture_close(&fixture);
    } else {
        FUZZ_CHECK(status.message[0] != '\0');
    }
    return 0;
}
