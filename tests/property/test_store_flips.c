/* With any byte of the data file altered, or the file cut anywhere: does a store refuse it with a
   finding, or show exactly what was written? Never a signal, never other or fewer data.

   Usage: test_store_flips [SEED [COUNT]]. A failure prints the seed and the place. */
#include "store_fixture.h"

#include "test.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { N_KEYS = 400, N_LARGE = 6 };

static unsigned seed = 20240610;
static unsigned long n_flips = 300;

static struct store_fixture fixture;
static struct arena *const arena = &fixture.arena;
static const uint8_t client_id[16] = "a client's id..";

static const char *key_of(unsigned i)
{
    return arena_format(arena, "key/%04u", i);
}

static ProtobufCBinaryData value_of(unsigned i)
{
    return request_fill(arena, (char)('a' + i % 26), i < N_LARGE ? 9000 : 20 + i % 50);
}

static struct store_op *count_once(void)
{
    struct store_op *op = op_write(
        &fixture, write_mutation(arena, write_new(arena), mutation_add(arena, "count", 1)));
    op->once = (struct store_once){
        .client_id = client_id, .sequence = 1, .acked_below = 1, .request_hash = 5};
    fixture_run(&fixture, STORE_EXCLUSIVE, &op, 1);
    return op;
}

/* A state with several levels, large values, free pages, a log and an answer. */
static void build(void)
{
    fixture_open(&fixture);
    for (unsigned i = 0; i < 60; i++) {
        fixture_put(&fixture, arena_format(arena, "gone/%u", i), "some value");
    }
    Stated__V1__WriteRequest *write = write_mutation(
        arena, write_new(arena), mutation_delete(arena, select_prefix(arena, "gone/")));
    for (unsigned i = 0; i < N_KEYS; i++) {
        write_mutation(arena, write,
                       mutation_put_bytes(arena, request_text(arena, key_of(i)), value_of(i)));
    }
    assert_outcome(fixture_write(&fixture, write), STATED_OK, "");
    assert_outcome(count_once(), STATED_OK, "");
    fixture_close(&fixture);
}

/* 0 when the store shows what was written, or says that it is damaged. */
enum { FINE, FOUND, WRONG };

static int look_at_key(unsigned i)
{
    struct store_op *op =
        fixture_read(&fixture, read_select(arena, read_new(arena), select_key(arena, key_of(i))));
    if (op->code == STATED_DATA_LOSS) {
        return FOUND;
    }
    ProtobufCBinaryData value = value_of(i);
    const Stated__V1__ReadResponse *response = op->read_response;
    bool is_right = op->code == STATED_OK && response->n_entries == 1 &&
                    response->entries[0]->value.len == value.len &&
                    memcmp(response->entries[0]->value.data, value.data, value.len) == 0;
    return is_right ? FINE : WRONG;
}

static int look_at_all(void)
{
    struct store_op *op =
        fixture_read(&fixture, read_select(arena, read_new(arena), select_prefix(arena, "")));
    if (op->code == STATED_DATA_LOSS) {
        return FOUND;
    }
    return op->code == STATED_OK && op->read_response->n_entries == N_KEYS + 1 ? FINE : WRONG;
}

static int look_at_log(void)
{
    Stated__V1__WatchResponse response;
    struct store_changes changes = {.select = select_prefix(arena, ""),
                                    .from_revision = 1,
                                    .max_response_bytes = 1 << 20,
                                    .arena = arena,
                                    .response = &response};
    fixture.store->ops->read_changes(fixture.store, &changes);
    if (changes.code == STATED_DATA_LOSS) {
        return FOUND;
    }
    return changes.code == STATED_OK && response.n_events == 60 + 60 + N_KEYS + 1 ? FINE : WRONG;
}

static int look_at_answer(void)
{
    struct store_op *op = count_once();
    if (op->code == STATED_DATA_LOSS) {
        return FOUND;
    }
    return op->code == STATED_OK && op->replayed && op->write_response->revision == 62 ? FINE
                                                                                       : WRONG;
}

static int look(void)
{
    struct stated_status status;
    enum stated_code code = fixture_try_open(&fixture, &status);
    if (code != STATED_OK) {
        return code == STATED_DATA_LOSS || code == STATED_FAILED_PRECONDITION ? FOUND : WRONG;
    }
    int result = look_at_all();
    for (unsigned i = 0; result != WRONG && i < N_KEYS; i++) {
        int of_key = look_at_key(i);
        result = of_key > result ? of_key : result;
    }
    int of_log = look_at_log();
    int of_answer = look_at_answer();
    result = of_log > result ? of_log : result;
    result = of_answer > result ? of_answer : result;
    /* And it can be emptied, or says why not. */
    struct store_op *op =
        fixture_write(&fixture, write_mutation(arena, write_new(arena),
                                               mutation_delete(arena, select_prefix(arena, ""))));
    result = op->code == STATED_OK || op->code == STATED_DATA_LOSS ? result : WRONG;
    fixture_close(&fixture);
    return result;
}

static void write_image(const char *name, const uint8_t *image, size_t length)
{
    int fd = open(fixture_path(&fixture, name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, image, length), length);
    assert_int_equal(close(fd), 0);
}

/* The note of the last close: without it, that the newest commit is missing cannot be seen. */
static uint8_t *note;
static size_t note_bytes;

/* In a child, so that a signal is a finding of this test. */
static int look_in_child(const uint8_t *image, size_t length, const char *place)
{
    write_image("state.mdb", image, length);
    write_image("closed", note, note_bytes);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        _exit(look());
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status) == WRONG) {
        fail_msg("seed %u: with %s: status %x", seed, place, (unsigned)status);
    }
    arena_reset(arena);
    return WEXITSTATUS(status);
}

static size_t read_file(const char *name, uint8_t **bytes)
{
    struct stat file;
    int fd = open(fixture_path(&fixture, name), O_RDONLY);
    assert_int_equal(fstat(fd, &file), 0);
    *bytes = malloc((size_t)file.st_size);
    assert_non_null(*bytes);
    assert_int_equal(read(fd, *bytes, (size_t)file.st_size), file.st_size);
    close(fd);
    return (size_t)file.st_size;
}

static size_t read_image(uint8_t **image)
{
    size_t length = read_file("state.mdb", image);
    while ((*image)[length - 1] == 0) { /* room taken ahead is of no interest */
        length--;
    }
    return (length + 4095) / 4096 * 4096;
}

static int set_up(void **state)
{
    (void)state;
    fixture_init(&fixture);
    build();
    note_bytes = read_file("closed", &note);
    fixture.is_damaged = true;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(note);
    fixture_deinit(&fixture);
    return 0;
}

/* Half of the places are heads of pages and what comes right behind them, where structure is. */
static size_t random_place(size_t length)
{
    size_t place = ((size_t)rand_r(&seed) << 16 ^ (size_t)rand_r(&seed)) % length;
    return rand_r(&seed) % 2 == 0 ? place : place / 4096 * 4096 + (size_t)rand_r(&seed) % 200;
}

static void test_no_flipped_byte_goes_unnoticed(void **state)
{
    (void)state;
    uint8_t *image;
    size_t length = read_image(&image);
    unsigned long found = 0;
    printf("seed %u, %zu bytes\n", seed, length);
    assert_int_equal(look_in_child(image, length, "nothing"), FINE);
    for (unsigned long i = 0; i < n_flips; i++) {
        char text[64];
        unsigned at_start = seed;
        size_t place = random_place(length);
        uint8_t flip =
            (uint8_t)(rand_r(&seed) % 2 == 0 ? 1u << rand_r(&seed) % 8 : 1u + rand_r(&seed) % 255);
        snprintf(text, sizeof(text), "byte %zu ^ %02x (seed then %u)", place, flip, at_start);
        image[place] ^= flip;
        found += look_in_child(image, length, text) == FOUND;
        image[place] ^= flip;
    }
    printf("%lu bytes flipped, %lu found, the others did not matter\n", n_flips, found);
    assert_in_range(found, n_flips / 20, n_flips);
    free(image);
}

static void test_no_header_byte_goes_unnoticed(void **state)
{
    (void)state;
    uint8_t *image;
    size_t length = read_image(&image);
    for (size_t place = 0; place < 2 * 4096; place += place % 4096 == 160 ? 4096 - 160 : 1) {
        char text[64];
        unsigned bit = (unsigned)rand_r(&seed) % 8;
        snprintf(text, sizeof(text), "header byte %zu bit %u", place, bit);
        image[place] ^= (uint8_t)(1u << bit);
        (void)look_in_child(image, length, text);
        image[place] ^= (uint8_t)(1u << bit);
    }
    free(image);
}

static void test_no_cut_goes_unnoticed(void **state)
{
    (void)state;
    uint8_t *image;
    size_t length = read_image(&image);
    for (unsigned long i = 0; i < n_flips / 10; i++) {
        char text[64];
        size_t cut = ((size_t)rand_r(&seed) << 16 ^ (size_t)rand_r(&seed)) % length;
        snprintf(text, sizeof(text), "the file cut at %zu", cut);
        (void)look_in_child(image, cut, text);
    }
    free(image);
}

int main(int argc, char **argv)
{
    seed = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : seed;
    n_flips = argc > 2 ? strtoul(argv[2], NULL, 10) : n_flips;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_no_flipped_byte_goes_unnoticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_header_byte_goes_unnoticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_cut_goes_unnoticed, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
