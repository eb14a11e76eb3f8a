#include "rpc/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An ordinary frame fits the first chunk, and malloc serves a page's worth without waste. */
#define FIRST_CHUNK_BYTES ((size_t)4096 - 2 * sizeof(void *))
#define LARGEST_STEP_BYTES ((size_t)256 << 10)

struct arena_chunk {
    struct arena_chunk *older;
    size_t bytes;
    max_align_t data[];
};

static void *unpack_alloc(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}

static void unpack_free(void *arena, void *pointer)
{
    (void)arena;
    (void)pointer;
}

void arena_init(struct arena *self, size_t max_bytes)
{
    *self = (struct arena){
        .max_bytes = max_bytes,
        .allocator = {.alloc = unpack_alloc, .free = unpack_free, .allocator_data = self},
    };
    pthread_mutex_init(&self->mutex, NULL);
}

static void use_chunk(struct arena *self, struct arena_chunk *chunk)
{
    self->chunks = chunk;
    self->next = (char *)chunk->data;
    self->end = self->next + chunk->bytes;
}

static void drop_newest(struct arena *self)
{
    struct arena_chunk *newest = self->chunks;
    self->chunks = newest->older;
    free(newest);
}

static void drop_all(struct arena *self)
{
    while (self->chunks != NULL) {
        drop_newest(self);
    }
    self->next = NULL;
    self->end = NULL;
}

void arena_deinit(struct arena *self)
{
    drop_all(self);
    pthread_mutex_destroy(&self->mutex);
}

void arena_share(struct arena *self)
{
    self->shared = true;
}

void arena_reset(struct arena *self)
{
    self->used_bytes = 0;
    self->shared = false;
    if (self->chunks == NULL) {
        return;
    }
    while (self->chunks->older != NULL) {
        drop_newest(self);
    }
    if (self->chunks->bytes > FIRST_CHUNK_BYTES) {
        drop_all(self);
        return;
    }
    use_chunk(self, self->chunks);
}

void arena_release(struct arena *self)
{
    drop_all(self);
    self->used_bytes = 0;
    self->shared = false;
}

/* Adds a chunk with room for size: each twice the one before, so that their number stays small. */
static bool grow(struct arena *self, size_t size)
{
    size_t bytes = FIRST_CHUNK_BYTES - sizeof(struct arena_chunk);
    if (self->chunks != NULL) {
        bytes = self->chunks->bytes * 2;
    }
    if (bytes > LARGEST_STEP_BYTES) {
        bytes = LARGEST_STEP_BYTES;
    }
    if (bytes < size) {
        bytes = size;
    }
    struct arena_chunk *chunk = malloc(sizeof(*chunk) + bytes);
    if (chunk == NULL) {
        return false;
    }
    chunk->older = self->chunks;
    chunk->bytes = bytes;
    use_chunk(self, chunk);
    return true;
}

static void *take(struct arena *self, size_t size)
{
    size_t align = _Alignof(max_align_t);
    if (size > self->max_bytes) {
        return NULL;
    }
    size_t rounded = size == 0 ? align : (size + align - 1) / align * align;
    if (rounded > self->max_bytes - self->used_bytes) {
        return NULL;
    }
    if (rounded > (size_t)(self->end - self->next) && !grow(self, rounded)) {
        return NULL;
    }
    void *result = self->next;
    self->next += rounded;
    self->used_bytes += rounded;
    return result;
}

void *arena_alloc(struct arena *self, size_t size)
{
    if (!self->shared) {
        return take(self, size);
    }
    pthread_mutex_lock(&self->mutex);
    void *result = take(self, size);
    pthread_mutex_unlock(&self->mutex);
    return result;
}

void *arena_copy(struct arena *self, const void *data, size_t length)
{
    char *copy = length == SIZE_MAX ? NULL : arena_alloc(self, length + 1);
    if (copy == NULL) {
        return NULL;
    }
    if (length > 0) {
        memcpy(copy, data, length);
    }
    copy[length] = '\0';
    return copy;
}

const char *arena_vformat(struct arena *self, const char *format, va_list arguments)
{
    char
        text[STATED_MESSAGE_BYTES + 1]; /* one more, to see whether the cut is inside a character */
    int length = vsnprintf(text, sizeof(text), format, arguments);
    if (length < 0) {
        return "a message could not be formatted";
    }
    if (length >= STATED_MESSAGE_BYTES) {
        length = STATED_MESSAGE_BYTES - 1;
        while (length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80) {
            length--;
        }
    }
    const char *copy = arena_copy(self, text, (size_t)length);
    return copy != NULL ? copy : "out of memory for the message of this error";
}

const char *arena_format(struct arena *self, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const char *text = arena_vformat(self, format, arguments);
    va_end(arguments);
    return text;
}
