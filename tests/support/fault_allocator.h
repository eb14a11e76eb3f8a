/* A protobuf-c allocator that counts, and gives out when told to. */
#ifndef STATED_TESTS_FAULT_ALLOCATOR_H
#define STATED_TESTS_FAULT_ALLOCATOR_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

/* Set give_out_at to the number of the allocation, from 1, that fails, with all after it; 0 = none.
   The rest starts at zero and is the allocator's. */
struct fault_allocator {
    ProtobufCAllocator allocator;
    size_t give_out_at;
    size_t allocations; /* asked for */
    size_t bytes;       /* given, ever */
    size_t live;        /* given and not freed */
};

/* In place; must not move afterwards. */
void fault_allocator_init(struct fault_allocator *self, size_t give_out_at);

#endif
