/* Memory for a message that is read and freed at once: on the stack while it is small. */
#ifndef STATED_CLIENT_SCRATCH_H
#define STATED_CLIENT_SCRATCH_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

#define SCRATCH_BYTES 2048

/* One owner, one thread; must not be moved once it is initialised. What does not fit comes from
   malloc; the allocator's free knows which is which, so a message has to be freed as any other. */
struct scratch {
    ProtobufCAllocator allocator;
    size_t used_bytes;
    _Alignas(max_align_t) char memory[SCRATCH_BYTES];
};

/* Everything is free. Nothing to undo. */
void scratch_init(struct scratch *self);

#endif
