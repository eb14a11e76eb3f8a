#include "statectl/memory.h"

#include "statectl/errors.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void *memory_check(void *pointer)
{
    if (pointer == NULL) {
        error_say("out of memory");
        exit(EXIT_CALL + STATED_RESOURCE_EXHAUSTED);
    }
    return pointer;
}

void *memory_new(size_t count, size_t size)
{
    return memory_check(calloc(count > 0 ? count : 1, size));
}

void *memory_resize(void *old, size_t count, size_t size)
{
    return memory_check(reallocarray(old, count, size));
}

char *memory_format(const char *format, ...)
{
    va_list arguments;
    char *text = NULL;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    return memory_check(length < 0 ? NULL : text);
}
