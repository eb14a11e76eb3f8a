/* Do lines come as they were written, whatever pieces they arrive in, and without waiting? */
#include "statectl/line_reader.h"

#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_BYTES = 300000 };

struct fixture {
    int ends[2];
    struct line_reader reader;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (fixture == NULL || pipe(fixture->ends) != 0) {
        return 1;
    }
    line_reader_init(&fixture->reader, fixture->ends[0], MOST_BYTES);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    line_reader_deinit(&fixture->reader);
    close(fixture->ends[0]);
    if (fixture->ends[1] >= 0) {
        close(fixture->ends[1]);
    }
    free(fixture);
    return 0;
}

static void feed(struct fixture *self, const char *text)
{
    assert_int_equal(write(self->ends[1], text, strlen(text)), strlen(text));
}

static void feed_end(struct fixture *self)
{
    close(self->ends[1]);
    self->ends[1] = -1;
}

static void assert_line(struct fixture *self, const char *expected)
{
    const char *line;
    size_t length;
    assert_int_equal(line_reader_next(&self->reader, &line, &length), LINE_READER_LINE);
    assert_int_equal(length, strlen(expected));
    assert_memory_equal(line, expected, length);
}

static void assert_result(struct fixture *self, enum line_reader_result expected)
{
    const char *line;
    size_t length;
    assert_int_equal(line_reader_next(&self->reader, &line, &length), expected);
}

static void test_lines_and_what_is_known_of_them(void **state)
{
    struct fixture *self = *state;
    feed(self, "one\n\nthree\n");
    assert_line(self, "one");
    assert_int_equal(self->reader.line, 1);
    assert_int_equal(self->reader.bytes, 4);
    assert_line(self, "");
    assert_line(self, "three");
    assert_int_equal(self->reader.line, 3);
    assert_int_equal(self->reader.bytes, 11);
}

static void test_does_not_wait(void **state)
{
    struct fixture *self = *state;
    assert_result(self, LINE_READER_WAIT);
    feed(self, "ha");
    assert_result(self, LINE_READER_WAIT);
    feed(self, "lf\nnext");
    assert_line(self, "half");
    assert_result(self, LINE_READER_WAIT);
    assert_int_equal(self->reader.line, 1);
}

static void test_the_last_line_needs_no_end(void **state)
{
    struct fixture *self = *state;
    feed(self, "one\ntwo");
    feed_end(self);
    assert_line(self, "one");
    assert_line(self, "two");
    assert_result(self, LINE_READER_END);
    assert_result(self, LINE_READER_END);
    assert_int_equal(self->reader.bytes, 7);
}

static void test_an_empty_input(void **state)
{
    struct fixture *self = *state;
    feed_end(self);
    assert_result(self, LINE_READER_END);
    assert_int_equal(self->reader.line, 0);
}

static void test_a_line_longer_than_the_buffer(void **state)
{
    struct fixture *self = *state;
    char piece[10001];
    memset(piece, 'x', sizeof piece - 1);
    piece[sizeof piece - 1] = '\0';
    feed(self, "first\n");
    assert_line(self, "first");
    for (int i = 0; i < 20; i++) {
        feed(self, piece);
        assert_result(self, LINE_READER_WAIT);
    }
    feed(self, "\nlast\n");
    const char *line;
    size_t length;
    assert_int_equal(line_reader_next(&self->reader, &line, &length), LINE_READER_LINE);
    assert_int_equal(length, 200000);
    assert_int_equal(line[0], 'x');
    assert_int_equal(line[199999], 'x');
    assert_line(self, "last");
}

static void test_a_line_that_is_too_long(void **state)
{
    struct fixture *self = *state;
    char piece[10001];
    enum line_reader_result result = LINE_READER_WAIT;
    memset(piece, 'x', sizeof piece - 1);
    piece[sizeof piece - 1] = '\0';
    for (int i = 0; i < 40 && result == LINE_READER_WAIT; i++) {
        const char *line;
        size_t length;
        feed(self, piece);
        result = line_reader_next(&self->reader, &line, &length);
    }
    assert_int_equal(result, LINE_READER_TOO_LONG);
    assert_int_equal(self->reader.line, 1);
}

/* Every way to cut a text in two gives the same lines. */
static void test_every_cut(void **state)
{
    (void)state;
    static const char text[] = "a\nbc\n\ndef\n";
    for (size_t cut = 0; cut < sizeof text; cut++) {
        void *made = NULL;
        char first[sizeof text] = "";
        const char *lines[] = {"a", "bc", "", "def"};
        size_t n = 0;
        assert_int_equal(setup(&made), 0);
        struct fixture *self = made;
        memcpy(first, text, cut);
        feed(self, first);
        for (bool is_over = false; !is_over;) {
            const char *line;
            size_t length;
            enum line_reader_result result = line_reader_next(&self->reader, &line, &length);
            if (result == LINE_READER_LINE) {
                assert_int_equal(length, strlen(lines[n]));
                assert_memory_equal(line, lines[n], length);
                n++;
            } else if (result == LINE_READER_WAIT) {
                feed(self, text + cut);
                feed_end(self);
            } else {
                assert_int_equal(result, LINE_READER_END);
                is_over = true;
            }
        }
        assert_int_equal(n, 4);
        teardown(&made);
    }
}

static void test_what_cannot_be_read(void **state)
{
    (void)state;
    struct line_reader reader;
    const char *line;
    size_t length;
    int directory = open("/", O_RDONLY | O_DIRECTORY);
    line_reader_init(&reader, directory, MOST_BYTES);
    assert_int_equal(line_reader_next(&reader, &line, &length), LINE_READER_FAILED);
    assert_int_equal(errno, EISDIR);
    line_reader_deinit(&reader);
    close(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines_and_what_is_known_of_them, setup, teardown),
        cmocka_unit_test_setup_teardown(test_does_not_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_last_line_needs_no_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_empty_input, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_line_longer_than_the_buffer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_line_that_is_too_long, setup, teardown),
        cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_what_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
