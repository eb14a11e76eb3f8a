#include "pool.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pool_block {
    struct pool_block *next;
    max_align_t memory[];
};

void pool_deinit(struct pool *self)
{
    while (self->blocks) {
        struct pool_block *block = self->blocks;
        self->blocks = block->next;
        free(block);
    }
}

void *pool_alloc(struct pool *self, size_t size)
{
    struct pool_block *block = calloc(1, sizeof(*block) + size);
    if (!block) {
        fprintf(stderr, "protoc-gen-stated: out of memory\n");
        exit(1);
    }
    block->next = self->blocks;
    self->blocks = block;
    return block->memory;
}

static char *format_string(struct pool *self, const char *format, va_list arguments, size_t *length)
{
    va_list again;
    va_copy(again, arguments);
    int needed = vsnprintf(NULL, 0, format, again);
    va_end(again);
    *length = needed > 0 ? (size_t)needed : 0;
    char *string = pool_alloc(self, *length + 1);
    vsnprintf(string, *length + 1, format, arguments);
    return string;
}

char *pool_printf(struct pool *self, const char *format, ...)
{
    va_list arguments;
    size_t length;
    va_start(arguments, format);
    char *string = format_string(self, format, arguments, &length);
    va_end(arguments);
    return string;
}

void text_add(struct text *self, const char *format, ...)
{
    va_list arguments;
    size_t length;
    va_start(arguments, format);
    char *string = format_string(self->pool, format, arguments, &length);
    va_end(arguments);

    if (self->length + length + 1 > self->capacity) {
        self->capacity = 2 * (self->length + length + 1);
        char *larger = pool_alloc(self->pool, self->capacity);
        if (self->length > 0)
            memcpy(larger, self->data, self->length);
        self->data = larger;
    }
    memcpy(self->data + self->length, string, length + 1);
    self->length += length;
}
