#include "stated/status.h"

#include "utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *stated_code_name(enum stated_code code)
{
    switch (code) {
#define CODE_NAME(name, number)                                                                    \
    case STATED_##name:                                                                            \
        return #name;
        STATED_CODES(CODE_NAME)
#undef CODE_NAME
    }
    return "CODE_UNRECOGNISED";
}

enum stated_code stated_status_set(struct stated_status *status, enum stated_code code,
                                   const char *format, ...)
{
    if (!status) {
        return code;
    }
    /* Built aside: an argument may point into the status that is being replaced. */
    char message[STATED_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    if (length < 0) {
        message[0] = '\0';
    } else if ((size_t)length >= sizeof(message)) {
        message[utf8_whole(message, sizeof(message) - 1)] = '\0';
    }
    *status = (struct stated_status){.code = code};
    memcpy(status->message, message, sizeof(message));
    return code;
}
