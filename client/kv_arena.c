#include "kv_arena.h"

#include "memory.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

enum { CHUNK_BYTES = 4096 };

/* Taken from the end to the start, so that the rest is one number. */
struct kv_chunk {
    struct kv_chunk *next;
    alignas(max_align_t) unsigned char bytes[];
};

static struct kv_chunk *new_chunk(struct kv_arena *self, size_t bytes)
{
    size_t whole = sizeof(struct kv_chunk) + bytes;
    struct kv_chunk *chunk =
        self->memory == NULL ? malloc(whole) : memory_take(self->memory, whole);
    if (chunk != NULL) {
        chunk->next = self->chunks;
        self->chunks = chunk;
        self->left = bytes;
    }
    return chunk;
}

void *kv_arena_take(struct kv_arena *self, size_t bytes)
{
    const size_t align = alignof(max_align_t);
    if (bytes > SIZE_MAX / 2) {
        return NULL;
    }
    bytes = (bytes + align - 1) / align * align;
    if (self->chunks == NULL || self->left < bytes) {
        if (new_chunk(self, bytes < CHUNK_BYTES ? CHUNK_BYTES : bytes) == NULL) {
            return NULL;
        }
    }
    self->left -= bytes;
    return self->chunks->bytes + self->left;
}

void kv_arena_clear(struct kv_arena *self)
{
    while (self->chunks != NULL) {
        struct kv_chunk *next = self->chunks->next;
        if (self->memory == NULL) {
            free(self->chunks);
        } else {
            memory_give(self->memory, self->chunks);
        }
        self->chunks = next;
    }
    self->left = 0;
}
