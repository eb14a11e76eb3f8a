#include "net/slot.h"

#include "base/log.h"

#include <stdlib.h>

/* Free slots that are kept; beyond this they go, with the memory of their exchange. */
#define KEEP_FREE 64
/* A larger reply's memory is not kept. */
#define KEEP_REPLY_BYTES ((size_t)16 << 10)
#define LEAST_REPLY_BYTES ((size_t)512)

void slot_move(struct slot *self, enum slot_state to)
{
    static const bool allowed[SLOT_STATES][SLOT_STATES] = {
        [SLOT_FREE][SLOT_RUNNING] = true,
        [SLOT_RUNNING][SLOT_SENDING] = true,
        [SLOT_RUNNING][SLOT_FREE] = true,
        [SLOT_SENDING][SLOT_FREE] = true,
    };
    if (!allowed[self->state][to]) {
        log_error("a slot moved from state %d to %d, which is no move of its", (int)self->state,
                  (int)to);
        abort();
    }
    self->state = to;
}

bool slot_reserve_reply(struct slot *self, size_t bytes)
{
    if (bytes > self->reply_capacity) {
        size_t capacity = bytes > LEAST_REPLY_BYTES ? bytes : LEAST_REPLY_BYTES;
        uint8_t *reply = malloc(capacity);
        if (reply == NULL) {
            return false;
        }
        free(self->reply);
        self->reply = reply;
        self->reply_capacity = capacity;
    }
    self->reply_bytes = bytes;
    return true;
}

static struct slot *slot_new(struct slot_pool *pool)
{
    struct slot *slot = calloc(1, sizeof(*slot));
    if (slot != NULL) {
        slot->pool = pool;
        exchange_init(&slot->exchange, pool->options.dispatch, pool->options.answered);
        slot->exchange.set_aside = pool->options.set_aside;
    }
    return slot;
}

static void slot_free(struct slot *slot)
{
    exchange_deinit(&slot->exchange);
    free(slot->reply);
    free(slot);
}

void slot_pool_init(struct slot_pool *self, const struct slot_pool_options *options)
{
    *self = (struct slot_pool){.options = *options};
    pthread_mutex_init(&self->mutex, NULL);
    list_init(&self->guarded.waiting);
}

void slot_pool_deinit(struct slot_pool *self)
{
    while (self->guarded.free != NULL) {
        struct slot *slot = self->guarded.free;
        self->guarded.free = slot->next;
        slot_free(slot);
    }
    pthread_mutex_destroy(&self->mutex);
}

/* The one place where slots are made, so that the limit holds. Under the mutex: rare, and short. */
static struct slot *take(struct slot_pool *self)
{
    struct slot *slot = self->guarded.free;
    if (slot != NULL) {
        self->guarded.free = slot->next;
        self->guarded.n_free--;
        return slot;
    }
    if (self->guarded.count == self->options.max_slots) {
        return NULL;
    }
    slot = slot_new(self);
    self->guarded.count += slot != NULL;
    return slot;
}

struct slot *slot_pool_take(struct slot_pool *self, struct list_node *waiter, bool *waits)
{
    pthread_mutex_lock(&self->mutex);
    struct slot *slot = take(self);
    *waits = slot == NULL && self->guarded.count > 0;
    if (*waits) {
        list_push_back(&self->guarded.waiting, waiter);
    }
    pthread_mutex_unlock(&self->mutex);
    if (slot != NULL) {
        slot->next = NULL;
        atomic_fetch_add_explicit(&self->busy, 1, memory_order_relaxed);
    }
    return slot;
}

static void drop_reply(struct slot *slot)
{
    free(slot->reply);
    slot->reply = NULL;
    slot->reply_capacity = 0;
}

void slot_set_aside(struct slot *slot)
{
    struct slot_pool *pool = slot->pool;
    if (slot->is_aside) {
        return;
    }
    slot->is_aside = true;
    drop_reply(slot);
    pthread_mutex_lock(&pool->mutex);
    pool->guarded.count--;
    pool->guarded.n_aside++;
    bool awaited = !list_is_empty(&pool->guarded.waiting);
    pthread_mutex_unlock(&pool->mutex);
    if (awaited) {
        pool->options.available(pool->options.context);
    }
}

void slot_pool_give(struct slot *slot)
{
    struct slot_pool *pool = slot->pool;
    slot_move(slot, SLOT_FREE);
    slot->connection = NULL;
    if (slot->reply_capacity > KEEP_REPLY_BYTES) {
        drop_reply(slot);
    }
    pthread_mutex_lock(&pool->mutex);
    bool keep = pool->guarded.n_free < KEEP_FREE && !slot->is_aside;
    bool awaited = !list_is_empty(&pool->guarded.waiting);
    if (slot->is_aside) {
        pool->guarded.n_aside--;
    } else if (keep) {
        slot->next = pool->guarded.free;
        pool->guarded.free = slot;
        pool->guarded.n_free++;
    } else {
        pool->guarded.count--;
    }
    /* Last: who sees no busy slot may take the pool apart. */
    atomic_fetch_sub_explicit(&pool->busy, 1, memory_order_release);
    pthread_mutex_unlock(&pool->mutex);
    if (!keep) {
        slot_free(slot);
    }
    if (awaited) {
        pool->options.available(pool->options.context);
    }
}

void slot_pool_wait(struct slot_pool *self, struct list_node *waiter)
{
    pthread_mutex_lock(&self->mutex);
    list_push_back(&self->guarded.waiting, waiter);
    pthread_mutex_unlock(&self->mutex);
    self->options.available(self->options.context);
}

struct list_node *slot_pool_next_waiter(struct slot_pool *self, bool any)
{
    pthread_mutex_lock(&self->mutex);
    bool there_is_one = self->guarded.free != NULL || self->guarded.count < self->options.max_slots;
    struct list_node *node = any || there_is_one ? list_pop_front(&self->guarded.waiting) : NULL;
    pthread_mutex_unlock(&self->mutex);
    return node;
}

bool slot_pool_is_awaited(struct slot_pool *self)
{
    pthread_mutex_lock(&self->mutex);
    bool awaited = !list_is_empty(&self->guarded.waiting);
    pthread_mutex_unlock(&self->mutex);
    return awaited;
}

uint32_t slot_pool_count(struct slot_pool *self)
{
    pthread_mutex_lock(&self->mutex);
    uint32_t count = self->guarded.count + self->guarded.n_aside;
    pthread_mutex_unlock(&self->mutex);
    return count;
}
