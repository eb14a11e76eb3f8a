/* Is a file that was closed in order known again, a file that was touched looked through, and one
   that lost commits refused? */
#include "engine/lmdb_header.h"
#include "engine/lmdb_pages.h"
#include "engine/lmdb_seal.h"
#include "store_fixture.h"

#include "test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct store_fixture fixture;
static struct arena *const arena = &fixture.arena;

static int set_up(void **state)
{
    (void)state;
    fixture_init(&fixture);
    fixture_open(&fixture);
    for (int i = 0; i < 300; i++) {
        fixture_put(&fixture, arena_format(arena, "key/%d", i), "some value");
    }
    fixture_close(&fixture);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_deinit(&fixture);
    return 0;
}

static const char *data_file(void)
{
    return fixture_path(&fixture, "state.mdb");
}

static const char *seal_file(void)
{
    return fixture_path(&fixture, "closed");
}

static struct lmdb_header header_of_file(void)
{
    struct lmdb_header header;
    struct stated_status status;
    assert_int_equal(lmdb_header_read(data_file(), &header, &status), STATED_OK);
    return header;
}

static enum stated_code check(enum lmdb_pages_depth depth, struct stated_status *status)
{
    struct lmdb_header header = header_of_file();
    int fd = open(data_file(), O_RDONLY);
    assert_true(fd >= 0);
    enum stated_code code = lmdb_pages_check(fd, data_file(), &header, depth, NULL, status);
    close(fd);
    return code;
}

static void copy_file(const char *from, const char *to)
{
    static char bytes[1 << 16];
    int in = open(from, O_RDONLY);
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(in >= 0 && out >= 0);
    for (ssize_t n = read(in, bytes, sizeof(bytes)); n > 0; n = read(in, bytes, sizeof(bytes))) {
        assert_int_equal(write(out, bytes, (size_t)n), n);
    }
    close(in);
    close(out);
}

/* Spoils the page, but not its first 8 bytes. */
static void spoil(uint64_t page)
{
    static const uint8_t noise[64] = {0xA5, 0x5A, 0xFF};
    int fd = open(data_file(), O_WRONLY);
    assert_int_equal(pwrite(fd, noise, sizeof(noise), (off_t)(page * 4096 + 8)), sizeof(noise));
    close(fd);
}

/* Spoils every page that speaks of the key: in the state, in the log, and older copies. */
static void spoil_pages_of(const char *key)
{
    static uint8_t page[4096];
    int fd = open(data_file(), O_RDONLY);
    for (uint64_t number = 2;
         pread(fd, page, sizeof(page), (off_t)(number * 4096)) == (ssize_t)sizeof(page); number++) {
        if (memmem(page, sizeof(page), key, strlen(key)) != NULL) {
            spoil(number);
        }
    }
    close(fd);
}

static void test_a_whole_file_passes(void **state)
{
    (void)state;
    struct stated_status status;
    assert_int_equal(check(LMDB_PAGES_ALL, &status), STATED_OK);
    assert_int_equal(check(LMDB_PAGES_BRANCHES, &status), STATED_OK);
}

/* Every page but the two of the header is in a tree or free: spoiling it is found, or the page was
   free. */
static void test_every_spoiled_page_in_use_is_found(void **state)
{
    (void)state;
    uint64_t last = header_of_file().last_page;
    size_t found = 0;
    copy_file(data_file(), fixture_path(&fixture, "whole"));
    for (uint64_t page = 2; page <= last; page++) {
        struct stated_status status;
        spoil(page);
        enum stated_code code = check(LMDB_PAGES_ALL, &status);
        if (code != STATED_OK) {
            assert_int_equal(code, STATED_DATA_LOSS);
            assert_non_null(strstr(status.message, " is damaged: page "));
            found++;
        }
        copy_file(fixture_path(&fixture, "whole"), data_file());
    }
    assert_in_range(found, 10, last);
}

static void test_the_seal_knows_the_file(void **state)
{
    (void)state;
    struct stat file;
    struct lmdb_seal seal;
    assert_true(lmdb_seal_read(seal_file(), &seal));
    assert_int_equal(stat(data_file(), &file), 0);
    struct lmdb_seal now = lmdb_seal_of(&file, header_of_file().transaction);
    assert_memory_equal(&seal, &now, sizeof(seal));
    /* It is gone as soon as the file may change. */
    fixture_open(&fixture);
    assert_int_equal(access(seal_file(), F_OK), -1);
}

static void test_a_seal_that_was_altered_is_none(void **state)
{
    (void)state;
    struct lmdb_seal seal;
    char text[256] = "";
    int fd = open(seal_file(), O_RDWR);
    ssize_t n = read(fd, text, sizeof(text));
    assert_true(n > 0);
    for (ssize_t i = 0; i < n; i++) {
        char altered = text[i] == '7' ? '8' : '7';
        assert_int_equal(pwrite(fd, &altered, 1, i), 1);
        assert_false(lmdb_seal_read(seal_file(), &seal));
        assert_int_equal(pwrite(fd, &text[i], 1, i), 1);
    }
    assert_true(lmdb_seal_read(seal_file(), &seal));
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_false(lmdb_seal_read(seal_file(), &seal));
    close(fd);
    fixture_open(&fixture);
}

/* Even with the times put back: the system's own note of the change stays. */
static void test_a_touched_file_is_looked_through(void **state)
{
    (void)state;
    struct stat before;
    struct stated_status status;
    assert_int_equal(stat(data_file(), &before), 0);
    spoil_pages_of("key/150");
    const struct timespec times[2] = {before.st_atim, before.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, data_file(), times, 0), 0);
    assert_int_equal(fixture_try_open(&fixture, &status), STATED_DATA_LOSS);
    assert_non_null(strstr(status.message, " is damaged: page "));
    /* A refused start leaves the seal: so is the next one. */
    assert_int_equal(access(seal_file(), F_OK), 0);
    assert_int_equal(fixture_try_open(&fixture, &status), STATED_DATA_LOSS);
}

static void test_an_older_copy_is_refused_until_it_is_meant(void **state)
{
    (void)state;
    struct stated_status status;
    copy_file(data_file(), fixture_path(&fixture, "older"));
    fixture_open(&fixture);
    fixture_put(&fixture, "newest", "acknowledged");
    fixture_close(&fixture);
    copy_file(fixture_path(&fixture, "older"), data_file());
    assert_int_equal(fixture_try_open(&fixture, &status), STATED_DATA_LOSS);
    assert_non_null(strstr(status.message, "shows less than when it was closed"));
    assert_int_equal(unlink(seal_file()), 0);
    fixture_open(&fixture);
    assert_null(fixture_get(&fixture, "newest"));
}

/* The last pages of a file may be free, and then they need not be there. */
static void test_a_file_may_end_before_pages_that_are_free(void **state)
{
    (void)state;
    fixture.options.max_changes = 1;
    fixture_open(&fixture);
    Stated__V1__WriteRequest *put = write_mutation(
        arena, write_new(arena),
        mutation_put_bytes(arena, request_text(arena, "large"), request_fill(arena, 'x', 500000)));
    assert_outcome(fixture_write(&fixture, put), STATED_OK, "");
    Stated__V1__WriteRequest *delete =
        write_mutation(arena, write_new(arena), mutation_delete(arena, select_key(arena, "large")));
    assert_outcome(fixture_write(&fixture, delete), STATED_OK, "");
    for (int i = 0; i < 5; i++) {
        fixture_put(&fixture, "small", "value");
    }
    fixture_close(&fixture);
    uint64_t last = header_of_file().last_page;
    struct stated_status status;
    copy_file(data_file(), fixture_path(&fixture, "whole"));
    uint64_t end = last; /* pages that are left */
    while (truncate(data_file(), (off_t)(end * 4096)) == 0 &&
           check(LMDB_PAGES_ALL, &status) == STATED_OK) {
        end--;
    }
    assert_non_null(strstr(status.message, "is truncated: "));
    assert_in_range(last - end, 50, last);
    assert_int_equal(fixture_try_open(&fixture, &status), STATED_DATA_LOSS);
    /* With one more page it is whole: it opens, and grows as it needs. */
    copy_file(fixture_path(&fixture, "whole"), data_file());
    assert_int_equal(truncate(data_file(), (off_t)((end + 1) * 4096)), 0);
    fixture_open(&fixture);
    assert_outcome(fixture_write(&fixture, put), STATED_OK, "");
    assert_int_equal(fixture_get(&fixture, "large")->value.len, 500000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_whole_file_passes),
        TEST(test_every_spoiled_page_in_use_is_found),
        TEST(test_the_seal_knows_the_file),
        TEST(test_a_seal_that_was_altered_is_none),
        TEST(test_a_touched_file_is_looked_through),
        TEST(test_an_older_copy_is_refused_until_it_is_meant),
        TEST(test_a_file_may_end_before_pages_that_are_free),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
