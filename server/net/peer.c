#include "net/peer.h"

#include <stdio.h>
#include <stdlib.h>

static uint32_t bucket_of(const struct peer_table *self, uint32_t pipe)
{
    return pipe & self->bucket_mask; /* NNG numbers pipes one after the other */
}

enum stated_code peer_table_init(struct peer_table *self, uint32_t max_peers)
{
    uint32_t buckets = 64;
    while (buckets < max_peers && buckets < 1u << 20) {
        buckets *= 2;
    }
    *self = (struct peer_table){.max_peers = max_peers, .bucket_mask = buckets - 1};
    self->guarded.buckets = calloc(buckets, sizeof(struct peer *));
    if (self->guarded.buckets == NULL) {
        return STATED_RESOURCE_EXHAUSTED;
    }
    pthread_mutex_init(&self->mutex, NULL);
    list_init(&self->guarded.peers);
    list_init(&self->guarded.gone);
    return STATED_OK;
}

static struct peer *peer_of_node(struct list_node *node)
{
    return CONTAINER_OF(node, struct peer, node);
}

void peer_table_deinit(struct peer_table *self)
{
    struct list_node *node;
    while ((node = list_pop_front(&self->guarded.peers)) != NULL ||
           (node = list_pop_front(&self->guarded.gone)) != NULL) {
        peer_release(peer_of_node(node));
    }
    pthread_mutex_destroy(&self->mutex);
    free(self->guarded.buckets);
    self->guarded.buckets = NULL;
}

void peer_table_close(struct peer_table *self)
{
    pthread_mutex_lock(&self->mutex);
    self->guarded.closed = true;
    pthread_mutex_unlock(&self->mutex);
}

static struct peer *peer_new(uint32_t pipe, const char *name, uint64_t now_ns)
{
    struct peer *peer = calloc(1, sizeof(*peer));
    if (peer == NULL) {
        return NULL;
    }
    gate_party_init(&peer->party);
    peer->pipe = pipe;
    atomic_init(&peer->references, 1);
    atomic_init(&peer->active_ns, now_ns);
    list_node_init(&peer->node);
    snprintf(peer->name, sizeof(peer->name), "%s", name);
    return peer;
}

bool peer_table_admit(struct peer_table *self, uint32_t pipe, const char *name, uint64_t now_ns)
{
    struct peer *peer = peer_new(pipe, name, now_ns);
    pthread_mutex_lock(&self->mutex);
    bool admitted = peer != NULL && !self->guarded.closed &&
                    atomic_load_explicit(&self->count, memory_order_relaxed) < self->max_peers;
    if (admitted) {
        struct peer **bucket = &self->guarded.buckets[bucket_of(self, pipe)];
        peer->next = *bucket;
        *bucket = peer;
        list_push_back(&self->guarded.peers, &peer->node);
        atomic_fetch_add_explicit(&self->count, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&self->mutex);
    atomic_fetch_add_explicit(admitted ? &self->admitted : &self->refused, 1, memory_order_relaxed);
    if (!admitted) {
        free(peer);
    }
    return admitted;
}

/* Where the peer is linked into its bucket; points at NULL when it is not there. Under the mutex.
 */
static struct peer **find(struct peer_table *self, uint32_t pipe)
{
    struct peer **link = &self->guarded.buckets[bucket_of(self, pipe)];
    while (*link != NULL && (*link)->pipe != pipe) {
        link = &(*link)->next;
    }
    return link;
}

bool peer_table_remove(struct peer_table *self, uint32_t pipe)
{
    pthread_mutex_lock(&self->mutex);
    struct peer **link = find(self, pipe);
    struct peer *peer = *link;
    bool left_frames = false;
    if (peer != NULL) {
        *link = peer->next;
        list_remove(&peer->node);
        atomic_fetch_sub_explicit(&self->count, 1, memory_order_relaxed);
        left_frames = atomic_load_explicit(&peer->frames, memory_order_relaxed) > 0;
        if (left_frames) {
            list_push_back(&self->guarded.gone, &peer->node);
        }
    }
    pthread_mutex_unlock(&self->mutex);
    if (peer != NULL && !left_frames) {
        peer_release(peer);
    }
    return left_frames;
}

struct peer *peer_table_take_gone(struct peer_table *self)
{
    pthread_mutex_lock(&self->mutex);
    struct list_node *node = list_pop_front(&self->guarded.gone);
    pthread_mutex_unlock(&self->mutex);
    return node == NULL ? NULL : peer_of_node(node);
}

struct peer *peer_begin_frame(struct peer_table *self, uint32_t pipe)
{
    pthread_mutex_lock(&self->mutex);
    struct peer *peer = *find(self, pipe);
    if (peer != NULL) {
        atomic_fetch_add_explicit(&peer->references, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&peer->frames, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&self->mutex);
    return peer;
}

void peer_end_frame(struct peer *peer, bool completed, uint64_t now_ns)
{
    if (completed) {
        atomic_store_explicit(&peer->active_ns, now_ns, memory_order_relaxed);
        atomic_store_explicit(&peer->served, true, memory_order_relaxed);
    }
    /* After the time: a sweep that sees no frame has to see when the last one ended. */
    atomic_fetch_sub_explicit(&peer->frames, 1, memory_order_release);
    peer_release(peer);
}

void peer_release(struct peer *peer)
{
    if (atomic_fetch_sub_explicit(&peer->references, 1, memory_order_acq_rel) == 1) {
        free(peer);
    }
}

static bool is_idle(const struct peer *peer, const struct peer_sweep *sweep)
{
    if (atomic_load_explicit(&peer->frames, memory_order_acquire) > 0) {
        return false;
    }
    bool served = atomic_load_explicit(&peer->served, memory_order_relaxed);
    uint64_t since_ns = atomic_load_explicit(&peer->active_ns, memory_order_relaxed);
    uint64_t limit_ns = served ? sweep->idle_ns : sweep->first_ns;
    return sweep->now_ns > since_ns && sweep->now_ns - since_ns > limit_ns;
}

size_t peer_table_sweep(struct peer_table *self, const struct peer_sweep *sweep, size_t *left,
                        uint32_t pipes[PEER_SWEEP_STEP])
{
    size_t idle = 0;
    pthread_mutex_lock(&self->mutex);
    size_t count = atomic_load_explicit(&self->count, memory_order_relaxed);
    *left = *left < count ? *left : count;
    size_t step = *left < PEER_SWEEP_STEP ? *left : PEER_SWEEP_STEP;
    for (size_t i = 0; i < step; i++) {
        struct list_node *node = list_pop_front(&self->guarded.peers);
        list_push_back(&self->guarded.peers, node);
        if (is_idle(peer_of_node(node), sweep)) {
            pipes[idle++] = peer_of_node(node)->pipe;
        }
    }
    pthread_mutex_unlock(&self->mutex);
    *left -= step;
    return idle;
}

uint64_t peer_table_last_active_ns(struct peer_table *self)
{
    uint64_t last_ns = 0;
    pthread_mutex_lock(&self->mutex);
    for (struct list_node *node = list_first(&self->guarded.peers); node != NULL;
         node = list_after(&self->guarded.peers, node)) {
        struct peer *peer = peer_of_node(node);
        uint64_t active_ns = atomic_load_explicit(&peer->active_ns, memory_order_relaxed);
        if (atomic_load_explicit(&peer->served, memory_order_relaxed) && active_ns > last_ns) {
            last_ns = active_ns;
        }
    }
    pthread_mutex_unlock(&self->mutex);
    return last_ns;
}
