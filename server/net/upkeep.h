/* Upkeep: the transport's own thread, for what no callback may do: opening slots, cancelling the
   calls of lost connections, closing silent ones, trying the endpoints. */
#ifndef STATED_NET_UPKEEP_H
#define STATED_NET_UPKEEP_H

#include "net/listener.h"
#include "net/peer.h"
#include "net/slot.h"

#include "stated/status.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* What is kept up; all of it outlives the thread. */
struct upkeep_options {
    struct slot_pool *slots;
    struct peer_table *peers;
    struct listener *listeners;
    size_t n_listeners; /* at most LISTENER_MAX */
    uint32_t idle_timeout_ms;
    uint32_t probe_interval_ms;
    void (*party_gone)(void *context, struct gate_party *party);
    void *context;
};

struct upkeep {
    struct upkeep_options options;
    int wake_fd; /* -1: not made, or gone */
    atomic_bool stopping;
    atomic_uint_least64_t closed_idle;
    pthread_t thread;
    bool running;
    /* The thread's own. */
    uint64_t sweep_due_ns;
    uint64_t probe_due_ns;
    struct {
        uint64_t refused;
        uint64_t closed_idle;
        uint64_t closed_slow;
    } reported;
};

/* Makes what upkeep_wake needs. RESOURCE_EXHAUSTED when descriptors run out. */
enum stated_code upkeep_init(struct upkeep *self) STATED_MUST_USE;

/* Starts the thread. RESOURCE_EXHAUSTED when it cannot. */
enum stated_code upkeep_start(struct upkeep *self,
                              const struct upkeep_options *options) STATED_MUST_USE;

/* There is something to do: a slot is wanted, a peer left frames behind, a tried endpoint accepted.
   Any thread, callbacks too; never blocks. */
void upkeep_wake(struct upkeep *self);

/* Ends the thread and waits for it. Harmless when it does not run. */
void upkeep_stop(struct upkeep *self);

/* Tells party_gone about every connection that left frames behind. For the thread, and for others
   only when it does not run. */
void upkeep_cancel_gone(const struct upkeep_options *options);

/* After upkeep_stop, when nobody wakes it any more. */
void upkeep_deinit(struct upkeep *self);

#endif
