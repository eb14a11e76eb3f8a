/* Does a history find its lines, keep them in its file for the next one, and stay in bounds? */
#include "statectl/line_history.h"

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/stated-history-XXXXXX";
static char path[64];

static int setup(void **state)
{
    (void)state;
    strcpy(folder + sizeof folder - 7, "XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/history", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static void test_looks_in_both_directions(void **state)
{
    (void)state;
    struct line_history history;
    line_history_open(&history, NULL);
    assert_null(line_history_look(&history, LINE_HISTORY_NEWEST));
    assert_null(line_history_look(&history, LINE_HISTORY_OLDEST));
    line_history_add(&history, "a");
    line_history_add(&history, "b");
    line_history_add(&history, "c");
    assert_string_equal(line_history_look(&history, LINE_HISTORY_NEWEST), "c");
    assert_null(line_history_look(&history, LINE_HISTORY_NEWER));
    assert_string_equal(line_history_look(&history, LINE_HISTORY_SAME), "c");
    assert_string_equal(line_history_look(&history, LINE_HISTORY_OLDER), "b");
    assert_string_equal(line_history_look(&history, LINE_HISTORY_OLDER), "a");
    assert_null(line_history_look(&history, LINE_HISTORY_OLDER));
    assert_string_equal(line_history_look(&history, LINE_HISTORY_NEWER), "b");
    assert_string_equal(line_history_look(&history, LINE_HISTORY_OLDEST), "a");
    line_history_close(&history);
}

static void test_leaves_out(void **state)
{
    (void)state;
    struct line_history history;
    line_history_open(&history, NULL);
    line_history_add(&history, "a");
    line_history_add(&history, "a");
    line_history_add(&history, "");
    line_history_add(&history, " secret");
    assert_int_equal(history.n, 1);
    line_history_close(&history);
}

static void test_the_file_has_what_several_added(void **state)
{
    (void)state;
    struct line_history one;
    struct line_history other;
    struct stat file;
    line_history_open(&one, path);
    line_history_open(&other, path);
    line_history_add(&one, "put a 'é'");
    line_history_add(&other, "get a");
    line_history_close(&one);
    line_history_close(&other);
    assert_int_equal(stat(path, &file), 0);
    assert_int_equal(file.st_mode & 0777, 0600);
    line_history_open(&one, path);
    assert_int_equal(one.n, 2);
    assert_string_equal(one.lines[0], "put a 'é'");
    assert_string_equal(one.lines[1], "get a");
    line_history_close(&one);
}

static void test_keeps_the_newest(void **state)
{
    (void)state;
    struct line_history history;
    char line[16];
    line_history_open(&history, path);
    for (int i = 0; i < 2 * LINE_HISTORY_LINES; i++) {
        snprintf(line, sizeof line, "%d", i);
        line_history_add(&history, line);
    }
    assert_int_equal(history.n, LINE_HISTORY_LINES);
    assert_string_equal(history.lines[0], "1000");
    line_history_close(&history);
    /* The next one cuts the file. */
    for (int i = 0; i < 2; i++) {
        line_history_open(&history, path);
        assert_int_equal(history.n, LINE_HISTORY_LINES);
        assert_string_equal(history.lines[LINE_HISTORY_LINES - 1], "1999");
        line_history_close(&history);
    }
    struct stat file;
    assert_int_equal(stat(path, &file), 0);
    assert_int_equal(file.st_size, 5 * LINE_HISTORY_LINES);
    assert_int_equal(file.st_mode & 0777, 0600);
}

static void test_a_place_that_cannot_be_written(void **state)
{
    (void)state;
    struct line_history history;
    line_history_open(&history, "/proc/none/history");
    line_history_add(&history, "a");
    assert_int_equal(history.n, 1);
    line_history_close(&history);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_looks_in_both_directions),
        cmocka_unit_test(test_leaves_out),
        cmocka_unit_test_setup_teardown(test_the_file_has_what_several_added, setup, teardown),
        cmocka_unit_test_setup_teardown(test_keeps_the_newest, setup, teardown),
        cmocka_unit_test(test_a_place_that_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
