/* Memory that is taken in pieces and given back at once. */
#ifndef STATED_CLIENT_KV_ARENA_H
#define STATED_CLIENT_KV_ARENA_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

struct kv_chunk;

/* All zero: empty. One thread at a time. */
struct kv_arena {
    ProtobufCAllocator *memory; /* NULL = malloc and free */
    struct kv_chunk *chunks;
    size_t left; /* of the first */
};

/* Memory for any type, not cleared; NULL when there is none. It is the arena's. */
void *kv_arena_take(struct kv_arena *self, size_t bytes);

/* Gives everything back. */
void kv_arena_clear(struct kv_arena *self);

#endif
