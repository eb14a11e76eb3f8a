#include "statectl/output.h"

#include "statectl/errors.h"
#include "statectl/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool output_format_parse(const char *text, enum output_format *format)
{
    static const char *const names[] = {"auto", "json", "jsonl", "raw", "table"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(text, names[i]) == 0) {
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

static const char *colour(const char *sequence)
{
    const char *off = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    bool has_colours = output_is_terminal() && (off == NULL || off[0] == '\0') &&
                       terminal != NULL && strcmp(terminal, "dumb") != 0;
    return has_colours ? sequence : "";
}

const char *output_bold(void)
{
    return colour("\033[1m");
}

const char *output_red(void)
{
    return colour("\033[31m");
}

const char *output_green(void)
{
    return colour("\033[32m");
}

const char *output_plain(void)
{
    return colour("\033[0m");
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
