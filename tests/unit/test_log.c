/* Is every log line one whole, readable line, whatever the message holds? */
#include "test.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Standard error while it goes to a file that is read back. */
struct capture {
    int saved_fd;
    FILE *file;
    char *text; /* what was written, after capture_end */
};

static void capture_begin(struct capture *self)
{
    self->file = tmpfile();
    assert_non_null(self->file);
    self->saved_fd = dup(STDERR_FILENO);
    assert_true(self->saved_fd >= 0);
    assert_true(dup2(fileno(self->file), STDERR_FILENO) >= 0);
}

static void capture_end(struct capture *self)
{
    assert_true(dup2(self->saved_fd, STDERR_FILENO) >= 0);
    close(self->saved_fd);
    fseek(self->file, 0, SEEK_END);
    long size = ftell(self->file);
    rewind(self->file);
    self->text = calloc(1, (size_t)size + 1);
    assert_non_null(self->text);
    assert_int_equal(fread(self->text, 1, (size_t)size, self->file), size);
    fclose(self->file);
}

/* The text after time and level; checks their shape. */
static const char *message_of(const char *line)
{
    int year, month, day, hour, minute, second, ms, level_at = 0;
    int found = sscanf(line, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ %n", &year, &month, &day, &hour, &minute,
                       &second, &ms, &level_at);
    assert_int_equal(found, 7);
    assert_int_equal(level_at, 25);
    assert_int_equal(line[level_at + 5], ' ');
    return line + level_at + 6;
}

static char *logged(enum log_format format, const char *message)
{
    struct capture capture;
    capture_begin(&capture);
    log_configure(LOG_LEVEL_INFO, format);
    log_info("%s", message);
    capture_end(&capture);
    return capture.text;
}

static void assert_text(const char *message, const char *expected)
{
    char *line = logged(LOG_FORMAT_TEXT, message);
    assert_string_equal(message_of(line), expected);
    free(line);
}

static void test_text_line(void **state)
{
    (void)state;
    assert_text("ready", "ready\n");
    assert_text("", "\n");
    assert_text("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x99\x82",
                "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x99\x82\n");
    assert_text("say \"it\" \\", "say \"it\" \\\n");
}

static void test_text_escapes(void **state)
{
    (void)state;
    assert_text("one\ntwo\t\x1b[31m\x7f", "one\\x0atwo\\x09\\x1b[31m\\x7f\n");
    /* Not UTF-8: a lone continuation, overlong, a surrogate, past U+10FFFF, cut short. */
    assert_text("\x80", "\\x80\n");
    assert_text("\xc0\xaf", "\\xc0\\xaf\n");
    assert_text("\xed\xa0\x80", "\\xed\\xa0\\x80\n");
    assert_text("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80\n");
    assert_text("\xe2\x82", "\\xe2\\x82\n");
    assert_text("\xff", "\\xff\n");
}

static void assert_json(const char *message, const char *expected)
{
    char *line = logged(LOG_FORMAT_JSON, message);
    assert_int_equal(line[strlen(line) - 1], '\n');
    json_error_t error;
    json_t *object = json_loads(line, 0, &error);
    assert_non_null(object);
    assert_string_equal(json_string_value(json_object_get(object, "level")), "info");
    assert_non_null(json_string_value(json_object_get(object, "time")));
    assert_string_equal(json_string_value(json_object_get(object, "message")), expected);
    json_decref(object);
    free(line);
}

static void test_json_line(void **state)
{
    (void)state;
    assert_json("ready", "ready");
    assert_json("a \"quoted\" \\ path\n\x01", "a \"quoted\" \\ path\n\x01");
    assert_json("caf\xc3\xa9", "caf\xc3\xa9");
    assert_json("\xff", "\xef\xbf\xbd");
}

static void test_long_message_is_cut(void **state)
{
    (void)state;
    char *message = malloc(100000);
    memset(message, '\x01', 99999);
    message[99999] = '\0';
    for (enum log_format format = LOG_FORMAT_TEXT; format <= LOG_FORMAT_JSON; format++) {
        char *line = logged(format, message);
        size_t length = strlen(line);
        assert_true(length > 1000 && length < 8000);
        assert_ptr_equal(strchr(line, '\n'), line + length - 1);
        free(line);
    }
    free(message);
}

static void test_level(void **state)
{
    (void)state;
    struct capture capture;
    capture_begin(&capture);
    log_configure(LOG_LEVEL_WARN, LOG_FORMAT_TEXT);
    log_debug("no");
    log_info("no");
    log_warn("yes");
    log_error("yes");
    capture_end(&capture);
    assert_null(strstr(capture.text, "no"));
    assert_non_null(strstr(capture.text, "warn  yes\n"));
    assert_non_null(strstr(capture.text, "error yes\n"));
    free(capture.text);
}

static void test_parse_names(void **state)
{
    (void)state;
    enum log_level level;
    assert_true(log_level_parse("debug", &level) && level == LOG_LEVEL_DEBUG);
    assert_true(log_level_parse("error", &level) && level == LOG_LEVEL_ERROR);
    assert_false(log_level_parse("loud", &level));
    assert_false(log_level_parse("", &level));
    enum log_format format;
    assert_true(log_format_parse("json", &format) && format == LOG_FORMAT_JSON);
    assert_true(log_format_parse("text", &format) && format == LOG_FORMAT_TEXT);
    assert_false(log_format_parse("xml", &format));
}

static void test_lost_reader_is_survived(void **state)
{
    (void)state;
    int saved_fd = dup(STDERR_FILENO);
    close(STDERR_FILENO);
    log_configure(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    errno = EDOM;
    log_info("nobody reads this");
    assert_int_equal(errno, EDOM);
    assert_true(dup2(saved_fd, STDERR_FILENO) >= 0);
    close(saved_fd);
}

enum { WRITERS = 4, LINES = 500 };

static void *write_lines(void *argument)
{
    const char *letter = argument;
    char message[200];
    memset(message, *letter, sizeof(message) - 1);
    message[sizeof(message) - 1] = '\0';
    for (int i = 0; i < LINES; i++) {
        log_info("%s", message);
    }
    return NULL;
}

static void test_lines_of_threads_never_mix(void **state)
{
    (void)state;
    static const char letters[WRITERS] = {'a', 'b', 'c', 'd'};
    struct capture capture;
    pthread_t threads[WRITERS];
    capture_begin(&capture);
    log_configure(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    for (int i = 0; i < WRITERS; i++) {
        char *letter = (char *)(uintptr_t)&letters[i];
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, letter), 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(threads[i], NULL);
    }
    capture_end(&capture);
    int lines = 0;
    for (char *rest = NULL, *line = strtok_r(capture.text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        const char *message = message_of(line);
        assert_int_equal(strlen(message), 199);
        assert_int_equal(strspn(message, (char[]){message[0], '\0'}), 199);
        lines++;
    }
    assert_int_equal(lines, WRITERS * LINES);
    free(capture.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_line),
        cmocka_unit_test(test_text_escapes),
        cmocka_unit_test(test_json_line),
        cmocka_unit_test(test_long_message_is_cut),
        cmocka_unit_test(test_level),
        cmocka_unit_test(test_parse_names),
        cmocka_unit_test(test_lost_reader_is_survived),
        cmocka_unit_test(test_lines_of_threads_never_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
