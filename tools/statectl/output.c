#include "statectl/output.h"

#include "statectl/errors.h"
#include "statectl/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const char *const format_names[] = {"auto", "json", "jsonl", "raw", "table"};

const char *output_format_name(enum output_format format)
{
    return format_names[format];
}

bool output_format_parse(const char *text, enum output_format *format)
{
    for (size_t i = 0; i < sizeof format_names / sizeof format_names[0]; i++) {
        if (strcmp(text, format_names[i]) == 0) {
            *format = (enum output_format)i;
            return true;
        }
    }
    return false;
}

enum output_format output_choose(enum output_format asked, enum output_format piped)
{
    if (asked != OUTPUT_AUTO) {
        return asked;
    }
    return output_is_terminal() ? OUTPUT_TABLE : piped;
}

bool output_is_terminal(void)
{
    return isatty(STDOUT_FILENO);
}

size_t output_columns(void)
{
    struct winsize size;
    if (!output_is_terminal()) {
        return 0;
    }
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
        return 80;
    }
    return size.ws_col;
}

static enum output_colours colours;

bool output_colours_parse(const char *text, enum output_colours *chosen)
{
    static const char *const names[] = {"auto", "always", "never"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(text, names[i]) == 0) {
            *chosen = (enum output_colours)i;
            return true;
        }
    }
    return false;
}

void output_set_colours(enum output_colours chosen)
{
    colours = chosen;
}

bool output_has_cursor(void)
{
    const char *terminal = getenv("TERM");
    return terminal != NULL && terminal[0] != '\0' && strcmp(terminal, "dumb") != 0;
}

static const char *colour(int fd, const char *sequence)
{
    const char *off = getenv("NO_COLOR");
    bool is_off = off != NULL && off[0] != '\0';
    bool has_colours =
        colours == OUTPUT_COLOURS_ALWAYS ||
        (colours == OUTPUT_COLOURS_AUTO && !is_off && output_has_cursor() && isatty(fd));
    return has_colours ? sequence : "";
}

const char *output_bold(void)
{
    return colour(STDOUT_FILENO, "\033[1m");
}

const char *output_dim(void)
{
    return colour(STDOUT_FILENO, "\033[2m");
}

const char *output_red(void)
{
    return colour(STDOUT_FILENO, "\033[31m");
}

const char *output_green(void)
{
    return colour(STDOUT_FILENO, "\033[32m");
}

const char *output_plain(void)
{
    return colour(STDOUT_FILENO, "\033[0m");
}

const char *output_error_red(void)
{
    return colour(STDERR_FILENO, "\033[31m");
}

const char *output_error_plain(void)
{
    return colour(STDERR_FILENO, "\033[0m");
}

void output_json(json_t *document, enum output_format format)
{
    size_t flags = JSON_ENCODE_ANY | (format == OUTPUT_JSON ? JSON_INDENT(2) : JSON_COMPACT);
    memory_check(document);
    json_dumpf(document, stdout, flags);
    putchar('\n');
    json_decref(document);
}

void output_bytes(ProtobufCBinaryData bytes)
{
    if (bytes.len > 0) {
        fwrite(bytes.data, 1, bytes.len, stdout);
    }
}

bool output_has_failed(void)
{
    return ferror(stdout) != 0;
}

int output_finish(int code)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        return error_file("write to", "standard output");
    }
    return code;
}
