#include "scratch.h"

#include <stdint.h>
#include <stdlib.h>

static void *scratch_alloc(void *argument, size_t size)
{
    struct scratch *self = argument;
    size_t alignment = _Alignof(max_align_t);
    if (size >= SCRATCH_BYTES - self->used_bytes) {
        return malloc(size);
    }
    char *memory = self->memory + self->used_bytes;
    size_t padded = (size + alignment - 1) / alignment * alignment;
    size_t left = SCRATCH_BYTES - self->used_bytes;
    self->used_bytes += padded < left ? padded : left;
    return memory;
}

static void scratch_free(void *argument, void *memory)
{
    struct scratch *self = argument;
    uintptr_t first = (uintptr_t)self->memory;
    uintptr_t place = (uintptr_t)memory;
    if (place < first || place >= first + SCRATCH_BYTES) {
        free(memory);
    }
}

void scratch_init(struct scratch *self)
{
    self->used_bytes = 0;
    self->allocator =
        (ProtobufCAllocator){.alloc = scratch_alloc, .free = scratch_free, .allocator_data = self};
}
