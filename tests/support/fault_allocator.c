#include "fault_allocator.h"

#include <stdlib.h>

static void *counted_alloc(void *data, size_t size)
{
    struct fault_allocator *self = data;
    self->allocations++;
    if (self->give_out_at != 0 && self->allocations >= self->give_out_at) {
        return NULL;
    }
    void *memory = malloc(size);
    if (memory) {
        self->bytes += size;
        self->live++;
    }
    return memory;
}

static void counted_free(void *data, void *memory)
{
    struct fault_allocator *self = data;
    if (memory) {
        self->live--;
    }
    free(memory);
}

void fault_allocator_init(struct fault_allocator *self, size_t give_out_at)
{
    *self = (struct fault_allocator){.give_out_at = give_out_at};
    self->allocator = (ProtobufCAllocator){counted_alloc, counted_free, self};
}
