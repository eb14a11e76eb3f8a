/* Slots: one NNG context, one aio and one exchange each, which carry a frame from its receive to
   the sending of its reply. As many as the load needs, up to a limit. */
#ifndef STATED_NET_SLOT_H
#define STATED_NET_SLOT_H

#include "net/peer.h"

#include "stated/status.h"

#include <nng/nng.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dispatch;
struct slot;

struct slot_pool_options {
    nng_socket socket; /* REP */
    struct dispatch *dispatch;
    struct peer_table *peers;
    uint32_t max_slots;
    uint32_t max_frames_per_peer;
    uint32_t reply_timeout_ms;
    /* Few receives are posted and no slot is at rest: call slot_pool_grow soon. From a callback of
       NNG; must not block. Not called again before slot_pool_grow has succeeded. */
    void (*starved)(void *context);
    void *context;
};

struct slot_pool {
    struct slot_pool_options options;
    atomic_uint receiving; /* receives posted */
    atomic_uint busy;      /* frames received, their replies not yet handed over */
    atomic_bool starving;  /* starved was called, slot_pool_grow not yet */
    atomic_uint_least64_t closed_slow;
    pthread_mutex_t mutex;
    struct {
        struct slot **slots;
        uint32_t count;
        struct slot *resting;
    } guarded;
};

/* Opens no slot yet. RESOURCE_EXHAUSTED when memory is out. */
enum stated_code slot_pool_init(struct slot_pool *self,
                                const struct slot_pool_options *options) STATED_MUST_USE;

/* Opens slots and posts their receives: a few the first time, then as many again as there are, up
   to the limit. RESOURCE_EXHAUSTED when not even one could be opened though the limit allows it:
   call again later. One thread at a time; takes NNG's locks, so not from a callback. */
enum stated_code slot_pool_grow(struct slot_pool *self) STATED_MUST_USE;

/* Stops every aio and closes every context: nothing is received or sent afterwards and no callback
   runs. Blocks until running callbacks have returned; not from one. Not beside slot_pool_grow. */
void slot_pool_stop(struct slot_pool *self);

/* Frees the slots with what is left in them. After slot_pool_stop; every exchange has been answered
   and is on no thread's stack any more. */
void slot_pool_deinit(struct slot_pool *self);

/* Slots that are open. Any thread. */
uint32_t slot_pool_count(struct slot_pool *self);

#endif
