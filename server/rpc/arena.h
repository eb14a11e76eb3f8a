/* A bump arena: memory for one frame, given back all at once. One owner, unless it is shared. */
#ifndef STATED_RPC_ARENA_H
#define STATED_RPC_ARENA_H

#include "stated/status.h"

#include <protobuf-c/protobuf-c.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct arena_chunk;

/* The first chunk is kept across resets; further chunks are freed by reset, so one large frame does
   not pin its memory. `allocator` lets protobuf-c unpack into the arena; its free does nothing. */
struct arena {
    struct arena_chunk *chunks; /* newest first */
    char *next;                 /* free space in the newest chunk */
    char *end;
    size_t used_bytes; /* since the last reset */
    size_t max_bytes;  /* used_bytes never exceeds it */
    bool shared;       /* several threads allocate: under the mutex */
    pthread_mutex_t mutex;
    ProtobufCAllocator allocator;
};

/* Takes no memory yet. max_bytes caps what one frame may use. */
void arena_init(struct arena *self, size_t max_bytes);

/* Frees every chunk. */
void arena_deinit(struct arena *self);

/* Forgets all allocations; keeps only the first, ordinary chunk. */
void arena_reset(struct arena *self);

/* Forgets all allocations and gives all memory back. */
void arena_release(struct arena *self);

/* Until the next reset, several threads may allocate at a time. Before they do. */
void arena_share(struct arena *self);

/* size bytes aligned for any type, not cleared; NULL at the cap or when memory is out. size 0 gives
   a valid pointer. */
void *arena_alloc(struct arena *self, size_t size) STATED_MUST_USE;

/* A NUL-terminated copy of length bytes; NULL as above. */
void *arena_copy(struct arena *self, const void *data, size_t length) STATED_MUST_USE;

/* A formatted string, cut to STATED_MESSAGE_BYTES; a static text when memory is out, never NULL. */
const char *arena_format(struct arena *self, const char *format, ...) STATED_PRINTF(2, 3);
const char *arena_vformat(struct arena *self, const char *format, va_list arguments)
    STATED_PRINTF(2, 0);

#endif
