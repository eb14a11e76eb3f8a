/* The slots of a client: lent to one call at a time, made on demand, kept for the next. */
#ifndef STATED_CLIENT_POOL_H
#define STATED_CLIENT_POOL_H

#include "slot.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* What comes of asking for a slot. */
enum pool_result {
    POOL_LENT, /* *slot is the caller's, to release */
    POOL_CLOSED,
    POOL_NO_MEMORY,
};

struct pool {
    ProtobufCAllocator *memory;
    struct channel *channel;
    slot_done done; /* of every slot */
    void *owner;    /* of every slot */
    uint32_t max_idle;
    pthread_mutex_t lock;
    struct {
        struct slot *idle; /* the last one used comes first */
        uint32_t n_idle;
        uint32_t n_lent;
        bool closed;
        pthread_cond_t quiet; /* closed, and nothing lent any more */
    } guarded;
};

/* Makes no slot yet. max_idle: as many are kept. */
void pool_init(struct pool *self, struct channel *channel, ProtobufCAllocator *memory,
               uint32_t max_idle, slot_done done, void *owner);

/* A slot, at once. Any thread. */
enum pool_result pool_acquire(struct pool *self, struct slot **slot) STATED_MUST_USE;

/* Gives a slot back. Any thread. */
void pool_release(struct pool *self, struct slot *slot);

/* Nothing is lent any more. Returns at once. */
void pool_shut(struct pool *self);

/* Waits until every slot of a pool that was shut is back. */
void pool_join(struct pool *self);

/* Frees; every slot is back. */
void pool_deinit(struct pool *self);

#endif
