/* A line is put together on the stack and leaves with one write, so lines never mix and nothing is
   allocated or locked. A reader of standard error that has gone away costs lines, never the server.
 */
#include "base/log.h"

#include "utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Of a message before it is escaped; a longer one is cut. */
#define MESSAGE_BYTES 1024
/* Room beside the message: time, level, JSON's names. */
#define FRAME_BYTES 128
/* The longest escape of one byte: \u001f. */
#define LONGEST_ESCAPE 6
#define LINE_BYTES (FRAME_BYTES + MESSAGE_BYTES * LONGEST_ESCAPE)

static const char *const level_names[] = {
    [LOG_LEVEL_DEBUG] = "debug",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_WARN] = "warn",
    [LOG_LEVEL_ERROR] = "error",
};

static const char *const format_names[] = {
    [LOG_FORMAT_TEXT] = "text",
    [LOG_FORMAT_JSON] = "json",
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static enum log_level shown_level = LOG_LEVEL_INFO;
static enum log_format used_format = LOG_FORMAT_TEXT;

void log_configure(enum log_level level, enum log_format format)
{
    shown_level = level;
    used_format = format;
}

static bool find_name(const char *const *names, size_t n, const char *name, unsigned *index)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], name) == 0) {
            *index = (unsigned)i;
            return true;
        }
    }
    return false;
}

bool log_level_parse(const char *name, enum log_level *level)
{
    unsigned index;
    if (!find_name(level_names, COUNT_OF(level_names), name, &index)) {
        return false;
    }
    *level = (enum log_level)index;
    return true;
}

bool log_format_parse(const char *name, enum log_format *format)
{
    unsigned index;
    if (!find_name(format_names, COUNT_OF(format_names), name, &index)) {
        return false;
    }
    *format = (enum log_format)index;
    return true;
}

/* Writes one byte that must not stand in a line as it is; returns the bytes written. */
static size_t put_escape(char *out, unsigned char byte, enum log_format format)
{
    if (format == LOG_FORMAT_JSON) {
        if (byte == '"' || byte == '\\') {
            out[0] = '\\';
            out[1] = (char)byte;
            return 2;
        }
        /* JSON has no bytes, only characters: what is not UTF-8 becomes the replacement one. */
        return (size_t)sprintf(out, "\\u%04x", byte < 0x80 ? byte : 0xfffdu);
    }
    return (size_t)sprintf(out, "\\x%02x", byte);
}

static bool needs_escape(unsigned char byte, enum log_format format)
{
    return byte < ' ' || byte == 0x7f ||
           (format == LOG_FORMAT_JSON && (byte == '"' || byte == '\\'));
}

static size_t put_text(char *out, const char *text, enum log_format format)
{
    const uint8_t *at = (const uint8_t *)text;
    const uint8_t *text_end = at + strlen(text);
    char *end = out;
    while (at < text_end) {
        size_t length = utf8_character(at, (size_t)(text_end - at));
        if (length == 0 || needs_escape(*at, format)) {
            end += put_escape(end, *at, format);
            at++;
        } else {
            memcpy(end, at, length);
            end += length;
            at += length;
        }
    }
    return (size_t)(end - out);
}

/* "2026-01-31T12:34:56.789Z" */
static void format_time(char *out, size_t size)
{
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t length = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(out + length, size - length, ".%03dZ", (int)(now.tv_nsec / 1000000));
}

static void write_all(const char *line, size_t length)
{
    while (length > 0) {
        ssize_t written = write(STDERR_FILENO, line, length);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return;
        }
        line += written;
        length -= (size_t)written;
    }
}

void log_write(enum log_level level, const char *format, ...)
{
    if (level < shown_level) {
        return;
    }
    int saved_errno = errno;
    char message[MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);

    char when[40];
    format_time(when, sizeof(when));
    char line[LINE_BYTES];
    bool json = used_format == LOG_FORMAT_JSON;
    size_t length = (size_t)snprintf(
        line, FRAME_BYTES, json ? "{\"time\":\"%s\",\"level\":\"%s\",\"message\":\"" : "%s %-5s ",
        when, level_names[level]);
    length += put_text(line + length, message, used_format);
    const char *end = json ? "\"}\n" : "\n";
    memcpy(line + length, end, strlen(end));
    write_all(line, length + strlen(end));
    errno = saved_errno;
}
