/* All memory of the library comes from the allocator of its client. */
#ifndef STATED_CLIENT_MEMORY_H
#define STATED_CLIENT_MEMORY_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* NULL when memory is out. Any thread, if the allocator's functions may be called there. */
static inline void *memory_take(ProtobufCAllocator *self, size_t bytes)
{
    return self->alloc(self->allocator_data, bytes);
}

/* NULL is allowed. */
static inline void memory_give(ProtobufCAllocator *self, void *memory)
{
    if (memory != NULL) {
        self->free(self->allocator_data, memory);
    }
}

/* A block of memory that is kept from use to use while it is small. Zeroed: none. */
struct memory_block {
    uint8_t *bytes;
    size_t capacity;
};

/* What a block keeps; more goes back when less will do. */
#define MEMORY_KEPT_BYTES ((size_t)16 << 10)

/* Room for so many bytes; what it held is lost. False when memory is out: then it has none. */
static inline bool memory_reserve(ProtobufCAllocator *self, struct memory_block *block,
                                  size_t bytes)
{
    bool wasteful = block->capacity > MEMORY_KEPT_BYTES && bytes <= MEMORY_KEPT_BYTES;
    if (block->bytes != NULL && bytes <= block->capacity && !wasteful) {
        return true;
    }
    memory_give(self, block->bytes);
    block->capacity = bytes > 0 ? bytes : 1;
    block->bytes = memory_take(self, block->capacity);
    if (block->bytes == NULL) {
        block->capacity = 0;
    }
    return block->bytes != NULL;
}

#endif
