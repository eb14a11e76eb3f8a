#include "statectl/errors.h"

#include "statectl/memory.h"
#include "statectl/output.h"
#include "statectl/text.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_json;

void errors_as_json(bool wanted)
{
    is_json = wanted;
}

/* {"error":{"message":...,"code":...,"exit":...,"retry_after_ms":...}}; what is not known is left
   out. */
static void say_json(const char *message, int exit_code, const struct stated_status *status)
{
    json_t *error = memory_check(json_pack("{s:s}", "message", message));
    if (status != NULL) {
        json_object_set_new(error, "code", json_string(stated_code_name(status->code)));
    }
    if (exit_code >= 0) {
        json_object_set_new(error, "exit", json_integer(exit_code));
    }
    if (status != NULL && status->retry_after_ms > 0) {
        json_object_set_new(error, "retry_after_ms", json_integer(status->retry_after_ms));
    }
    json_t *document = memory_check(json_pack("{s:o}", "error", error));
    flockfile(stderr);
    json_dumpf(document, stderr, JSON_COMPACT);
    fputc('\n', stderr);
    funlockfile(stderr);
    json_decref(document);
}

/* One line, with nothing in it that a terminal obeys, wherever the words come from. exit_code -1 =
   not known yet. */
static void say(int exit_code, const struct stated_status *status, const char *format,
                va_list arguments)
{
    char *message = NULL;
    int length = vasprintf(&message, format, arguments);
    memory_check(length < 0 ? NULL : message);
    if (is_json &&
        text_is_utf8((ProtobufCBinaryData){.data = (uint8_t *)message, .len = (size_t)length})) {
        say_json(message, exit_code, status);
    } else {
        char *shown = text_safe(message);
        flockfile(stderr);
        fprintf(stderr, "%sstatectl:%s %s\n", output_error_red(), output_error_plain(), shown);
        funlockfile(stderr);
        free(shown);
    }
    free(message);
}

void error_say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(-1, NULL, format, arguments);
    va_end(arguments);
}

int error_usage(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(EXIT_USAGE, NULL, format, arguments);
    va_end(arguments);
    return EXIT_USAGE;
}

int error_negative(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(EXIT_NEGATIVE, NULL, format, arguments);
    va_end(arguments);
    return EXIT_NEGATIVE;
}

int error_file(const char *action, const char *path)
{
    return error_usage("cannot %s %s: %s", action, path, strerror(errno));
}

static void say_call(const struct stated_status *status, const char *format, ...)
    STATED_PRINTF(2, 3);

static void say_call(const struct stated_status *status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(EXIT_CALL + (int)status->code, status, format, arguments);
    va_end(arguments);
}

int error_call(const struct stated_status *status)
{
    const char *said =
        status->message[0] != '\0' ? status->message : stated_code_name(status->code);
    say_call(status, "%s", said);
    return EXIT_CALL + (int)status->code;
}
