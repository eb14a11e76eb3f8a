#include "pool.h"

void pool_init(struct pool *self, struct channel *channel, ProtobufCAllocator *memory,
               uint32_t max_idle, slot_done done, void *owner)
{
    *self = (struct pool){
        .memory = memory, .channel = channel, .done = done, .owner = owner, .max_idle = max_idle};
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->guarded.quiet, NULL);
}

/* Under the lock. */
static struct slot *take(struct pool *self)
{
    struct slot *slot = self->guarded.idle;
    if (slot != NULL) {
        self->guarded.idle = slot->next;
        self->guarded.n_idle--;
        return slot;
    }
    slot = memory_take(self->memory, sizeof(*slot));
    if (slot != NULL) {
        slot_init(slot, self->channel, self->memory, self->done, self->owner);
    }
    return slot;
}

enum pool_result pool_acquire(struct pool *self, struct slot **slot)
{
    *slot = NULL;
    pthread_mutex_lock(&self->lock);
    bool closed = self->guarded.closed;
    if (!closed) {
        *slot = take(self);
        self->guarded.n_lent += *slot != NULL;
    }
    pthread_mutex_unlock(&self->lock);
    return closed ? POOL_CLOSED : *slot == NULL ? POOL_NO_MEMORY : POOL_LENT;
}

static void free_slot(struct pool *self, struct slot *slot)
{
    slot_deinit(slot);
    memory_give(self->memory, slot);
}

void pool_release(struct pool *self, struct slot *slot)
{
    pthread_mutex_lock(&self->lock);
    if (self->guarded.n_idle < self->max_idle) {
        slot->next = self->guarded.idle;
        self->guarded.idle = slot;
        self->guarded.n_idle++;
    } else {
        free_slot(self, slot);
    }
    self->guarded.n_lent--;
    if (self->guarded.closed && self->guarded.n_lent == 0) {
        pthread_cond_broadcast(&self->guarded.quiet);
    }
    pthread_mutex_unlock(&self->lock);
}

void pool_shut(struct pool *self)
{
    pthread_mutex_lock(&self->lock);
    self->guarded.closed = true;
    pthread_mutex_unlock(&self->lock);
}

void pool_join(struct pool *self)
{
    pthread_mutex_lock(&self->lock);
    while (self->guarded.n_lent > 0) {
        pthread_cond_wait(&self->guarded.quiet, &self->lock);
    }
    pthread_mutex_unlock(&self->lock);
}

void pool_deinit(struct pool *self)
{
    while (self->guarded.idle != NULL) {
        struct slot *slot = self->guarded.idle;
        self->guarded.idle = slot->next;
        free_slot(self, slot);
    }
    pthread_cond_destroy(&self->guarded.quiet);
    pthread_mutex_destroy(&self->lock);
}
