/* Is a file that is written whole or not there, and is what cannot be read or written said? */
#include "statectl/file.h"

#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    char directory[64];
    char path[128];
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (fixture == NULL) {
        return 1;
    }
    strcpy(fixture->directory, "/tmp/stated-test-XXXXXX");
    if (mkdtemp(fixture->directory) == NULL) {
        return 1;
    }
    snprintf(fixture->path, sizeof fixture->path, "%s/file", fixture->directory);
    *state = fixture;
    return 0;
}

static void in_directory(const struct fixture *self, const char *name, char out[128])
{
    snprintf(out, 128, "%s/%s", self->directory, name);
}

/* How many files there are; removes them when asked to. */
static size_t count_files(const struct fixture *self, bool removes)
{
    DIR *directory = opendir(self->directory);
    size_t n = 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        n++;
        if (removes) {
            unlinkat(dirfd(directory), entry->d_name, 0);
        }
    }
    closedir(directory);
    return n;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    count_files(fixture, true);
    rmdir(fixture->directory);
    free(fixture);
    return 0;
}

static void assert_content(const char *path, const char *expected)
{
    ProtobufCBinaryData content;
    assert_int_equal(file_read(path, 1000, &content), STATED_OK);
    assert_int_equal(content.len, strlen(expected));
    assert_memory_equal(content.data, expected, content.len);
    free(content.data);
}

static void write_file(const char *path, const char *text)
{
    struct whole_file file;
    assert_true(whole_file_open(&file, path));
    fputs(text, file.file);
    assert_true(whole_file_close(&file));
}

static void test_appears_when_it_is_whole(void **state)
{
    struct fixture *self = *state;
    struct whole_file file;
    assert_true(whole_file_open(&file, self->path));
    fputs("half", file.file);
    fflush(file.file);
    assert_int_equal(access(self->path, F_OK), -1);
    fputs(" and half", file.file);
    assert_true(whole_file_close(&file));
    assert_content(self->path, "half and half");
    assert_int_equal(count_files(self, false), 1);
}

static void test_replaces_and_keeps_the_mode(void **state)
{
    struct fixture *self = *state;
    struct stat found;
    mode_t mask = umask(027);
    write_file(self->path, "old");
    umask(mask);
    assert_int_equal(stat(self->path, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0640);
    chmod(self->path, 0604);
    write_file(self->path, "new");
    assert_int_equal(stat(self->path, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0604);
    assert_content(self->path, "new");
}

static void test_leaves_nothing_when_abandoned(void **state)
{
    struct fixture *self = *state;
    struct whole_file file;
    write_file(self->path, "old");
    assert_true(whole_file_open(&file, self->path));
    fputs("new", file.file);
    whole_file_abandon(&file);
    assert_content(self->path, "old");
    assert_int_equal(count_files(self, false), 1);
}

static void test_follows_a_link(void **state)
{
    struct fixture *self = *state;
    char link[128];
    struct stat found;
    in_directory(self, "link", link);
    write_file(self->path, "old");
    assert_int_equal(symlink(self->path, link), 0);
    write_file(link, "new");
    assert_content(self->path, "new");
    assert_int_equal(lstat(link, &found), 0);
    assert_true(S_ISLNK(found.st_mode));
}

static void test_writes_to_what_is_no_plain_file(void **state)
{
    (void)state;
    struct whole_file file;
    assert_true(whole_file_open(&file, "/dev/null"));
    assert_null(file.temporary);
    fputs("gone", file.file);
    assert_true(whole_file_close(&file));
}

static void test_a_disk_that_is_full(void **state)
{
    (void)state;
    struct whole_file file;
    assert_true(whole_file_open(&file, "/dev/full"));
    fputs("no room", file.file);
    assert_false(whole_file_close(&file));
}

static void test_a_place_that_is_not_there(void **state)
{
    struct fixture *self = *state;
    struct whole_file file;
    char path[128];
    in_directory(self, "none/file", path);
    assert_false(whole_file_open(&file, path));
    assert_false(whole_file_open(&file, self->directory));
}

static void test_reads_up_to_a_limit(void **state)
{
    struct fixture *self = *state;
    ProtobufCBinaryData content;
    write_file(self->path, "12345");
    assert_int_equal(file_read(self->path, 5, &content), STATED_OK);
    assert_int_equal(content.len, 5);
    free(content.data);
    assert_int_equal(file_read(self->path, 4, &content), STATED_RESOURCE_EXHAUSTED);
    assert_int_equal(file_read("/dev/zero", 1 << 20, &content), STATED_RESOURCE_EXHAUSTED);
    write_file(self->path, "");
    assert_int_equal(file_read(self->path, 4, &content), STATED_OK);
    assert_int_equal(content.len, 0);
    free(content.data);
}

static void test_says_what_cannot_be_read(void **state)
{
    struct fixture *self = *state;
    ProtobufCBinaryData content;
    assert_int_equal(file_read(self->path, 5, &content), STATED_UNAVAILABLE);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(file_read(self->directory, 5, &content), STATED_UNAVAILABLE);
    assert_int_equal(errno, EISDIR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_appears_when_it_is_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(test_replaces_and_keeps_the_mode, setup, teardown),
        cmocka_unit_test_setup_teardown(test_leaves_nothing_when_abandoned, setup, teardown),
        cmocka_unit_test_setup_teardown(test_follows_a_link, setup, teardown),
        cmocka_unit_test(test_writes_to_what_is_no_plain_file),
        cmocka_unit_test(test_a_disk_that_is_full),
        cmocka_unit_test_setup_teardown(test_a_place_that_is_not_there, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reads_up_to_a_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_says_what_cannot_be_read, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
