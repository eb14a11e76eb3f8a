#include "net/peer.h"

#include <stdio.h>

void peer_table_init(struct peer_table *self, uint32_t max_peers)
{
    *self = (struct peer_table){.max_peers = max_peers};
    pthread_mutex_init(&self->mutex, NULL);
    list_init(&self->guarded.present);
    list_init(&self->guarded.left);
    list_init(&self->guarded.taken);
    list_init(&self->guarded.gone);
}

void peer_table_deinit(struct peer_table *self)
{
    pthread_mutex_destroy(&self->mutex);
}

void peer_table_close(struct peer_table *self)
{
    pthread_mutex_lock(&self->mutex);
    self->guarded.closed = true;
    pthread_mutex_unlock(&self->mutex);
}

bool peer_admit(struct peer *self, struct peer_table *table, const char *name,
                void (*destroy)(struct peer *self), uint64_t now_ns)
{
    gate_party_init(&self->party);
    snprintf(self->name, sizeof(self->name), "%s", name);
    self->party.name = self->name;
    self->table = table;
    self->destroy = destroy;
    atomic_init(&self->references, 1);
    atomic_init(&self->frames, 0);
    atomic_init(&self->aside, 0);
    atomic_init(&self->served, false);
    atomic_init(&self->active_ns, now_ns);
    atomic_init(&self->partial_ns, 0);
    atomic_init(&self->sending_ns, 0);
    list_node_init(&self->node);
    list_node_init(&self->gone_node);

    pthread_mutex_lock(&table->mutex);
    bool admitted = !table->guarded.closed && atomic_load(&table->count) < table->max_peers;
    if (admitted) {
        list_push_back(&table->guarded.present, &self->node);
        atomic_fetch_add(&table->count, 1);
    }
    pthread_mutex_unlock(&table->mutex);
    atomic_fetch_add(admitted ? &table->admitted : &table->refused, 1);
    return admitted;
}

/* In this order: a frame that is being set aside is seen in one of the two. */
static bool has_frames(const struct peer *self)
{
    return atomic_load(&self->frames) > 0 || atomic_load(&self->aside) > 0;
}

bool peer_leave(struct peer *self)
{
    struct peer_table *table = self->table;
    pthread_mutex_lock(&table->mutex);
    list_remove(&self->node);
    list_push_back(&table->guarded.left, &self->node);
    atomic_fetch_sub(&table->count, 1);
    bool left_frames = has_frames(self);
    if (left_frames) {
        list_push_back(&table->guarded.gone, &self->gone_node);
    }
    pthread_mutex_unlock(&table->mutex);
    if (!left_frames) {
        peer_release(self);
    }
    return left_frames;
}

struct peer *peer_table_take_gone(struct peer_table *self)
{
    pthread_mutex_lock(&self->mutex);
    struct list_node *node = list_pop_front(&self->guarded.gone);
    pthread_mutex_unlock(&self->mutex);
    return node == NULL ? NULL : CONTAINER_OF(node, struct peer, gone_node);
}

void peer_acquire(struct peer *self)
{
    atomic_fetch_add_explicit(&self->references, 1, memory_order_relaxed);
}

/* For one that was found in a list, whose last reference may just have been given back. */
static bool try_acquire(struct peer *self)
{
    unsigned references = atomic_load_explicit(&self->references, memory_order_relaxed);
    while (references > 0) {
        if (atomic_compare_exchange_weak(&self->references, &references, references + 1)) {
            return true;
        }
    }
    return false;
}

void peer_release(struct peer *self)
{
    if (atomic_fetch_sub_explicit(&self->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    pthread_mutex_lock(&self->table->mutex);
    list_remove(&self->node);
    pthread_mutex_unlock(&self->table->mutex);
    self->destroy(self);
}

void peer_begin_frame(struct peer *self)
{
    peer_acquire(self);
    atomic_fetch_add_explicit(&self->frames, 1, memory_order_relaxed);
}

void peer_set_aside(struct peer *self)
{
    atomic_fetch_add(&self->aside, 1);
    atomic_fetch_sub(&self->frames, 1);
}

static void end_frame(struct peer *self, atomic_uint *count, bool answered, uint64_t now_ns)
{
    if (answered) {
        atomic_store_explicit(&self->active_ns, now_ns, memory_order_relaxed);
        atomic_store_explicit(&self->served, true, memory_order_relaxed);
    }
    /* After the time: a sweep that sees no frame has to see when the last one ended. */
    atomic_fetch_sub_explicit(count, 1, memory_order_release);
    peer_release(self);
}

void peer_end_frame(struct peer *self, bool answered, uint64_t now_ns)
{
    end_frame(self, &self->frames, answered, now_ns);
}

void peer_end_aside(struct peer *self, bool answered, uint64_t now_ns)
{
    end_frame(self, &self->aside, answered, now_ns);
}

static bool is_over(uint64_t since_ns, uint64_t limit_ns, uint64_t now_ns)
{
    return since_ns != 0 && now_ns > since_ns && now_ns - since_ns > limit_ns;
}

static enum peer_fault judge(const struct peer *peer, const struct peer_limits *limits,
                             uint64_t now_ns)
{
    if (is_over(atomic_load(&peer->sending_ns), limits->sending_ns, now_ns)) {
        return PEER_SLOW;
    }
    if (is_over(atomic_load(&peer->partial_ns), limits->partial_ns, now_ns)) {
        return PEER_STALLED;
    }
    if (has_frames(peer)) {
        return PEER_FINE;
    }
    uint64_t limit_ns = atomic_load(&peer->served) ? limits->idle_ns : limits->first_ns;
    return is_over(atomic_load(&peer->active_ns), limit_ns, now_ns) ? PEER_IDLE : PEER_FINE;
}

size_t peer_table_sweep(struct peer_table *self, const struct peer_limits *limits, uint64_t now_ns,
                        size_t *to_do, struct peer_finding findings[PEER_SWEEP_STEP])
{
    size_t found = 0;
    pthread_mutex_lock(&self->mutex);
    size_t count = atomic_load(&self->count);
    *to_do = *to_do < count ? *to_do : count;
    size_t step = *to_do < PEER_SWEEP_STEP ? *to_do : PEER_SWEEP_STEP;
    for (size_t i = 0; i < step; i++) {
        struct list_node *node = list_pop_front(&self->guarded.present);
        list_push_back(&self->guarded.present, node);
        struct peer *peer = CONTAINER_OF(node, struct peer, node);
        enum peer_fault fault = judge(peer, limits, now_ns);
        if (fault != PEER_FINE) {
            peer_acquire(peer); /* one that is present has the table's reference */
            findings[found++] = (struct peer_finding){.peer = peer, .fault = fault};
        }
    }
    pthread_mutex_unlock(&self->mutex);
    *to_do -= step;
    return found;
}

struct peer *peer_table_take_next(struct peer_table *self)
{
    struct peer *next = NULL;
    pthread_mutex_lock(&self->mutex);
    while (next == NULL) {
        struct list_node *node = list_pop_front(&self->guarded.present);
        if (node == NULL) {
            node = list_pop_front(&self->guarded.left);
        }
        if (node == NULL) {
            break;
        }
        list_push_back(&self->guarded.taken, node);
        struct peer *peer = CONTAINER_OF(node, struct peer, node);
        next = try_acquire(peer) ? peer : NULL;
    }
    pthread_mutex_unlock(&self->mutex);
    return next;
}

uint64_t peer_table_last_active_ns(struct peer_table *self)
{
    uint64_t last_ns = 0;
    pthread_mutex_lock(&self->mutex);
    for (struct list_node *node = list_first(&self->guarded.present); node != NULL;
         node = list_after(&self->guarded.present, node)) {
        struct peer *peer = CONTAINER_OF(node, struct peer, node);
        uint64_t active_ns = atomic_load(&peer->active_ns);
        if (atomic_load(&peer->served) && active_ns > last_ns) {
            last_ns = active_ns;
        }
    }
    pthread_mutex_unlock(&self->mutex);
    return last_ns;
}
