#include "statectl/errors.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void say(const char *format, va_list arguments)
{
    flockfile(stderr);
    fputs("statectl: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    funlockfile(stderr);
}

void error_say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
}

int error_usage(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
    return EXIT_USAGE;
}

int error_file(const char *action, const char *path)
{
    return error_usage("cannot %s %s: %s", action, path, strerror(errno));
}

int error_call(const struct stated_status *status)
{
    const char *said =
        status->message[0] != '\0' ? status->message : stated_code_name(status->code);
    error_say("%s", said);
    return EXIT_CALL + (int)status->code;
}
