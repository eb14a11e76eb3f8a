/* Upkeep: the transport's own thread, for what no callback may do: cancelling the calls of peers
   that left, closing silent and slow ones, going on where a slot was missing, writing what
   callbacks only count. */
#ifndef STATED_NET_UPKEEP_H
#define STATED_NET_UPKEEP_H

#include "net/connection.h"

#include "stated/status.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* What is kept up; the host outlives the thread. */
struct upkeep_options {
    struct connection_host *host;
    uint32_t idle_timeout_ms;
    uint32_t reply_timeout_ms;
    void (*party_gone)(void *context, struct gate_party *party);
    void *context;
};

struct upkeep {
    struct upkeep_options options;
    int wake_fd; /* -1: not made, or gone */
    atomic_bool stopping;
    atomic_bool resting; /* sleeps without a sweep in mind, for there was no peer */
    pthread_t thread;
    bool running;
    /* The thread's own. */
    uint64_t sweep_due_ns;
    uint64_t report_due_ns;
    uint64_t reported_refused;
    uint64_t reported_ended[CONNECTION_ENDS];
};

/* Makes what upkeep_wake needs. RESOURCE_EXHAUSTED when descriptors run out. */
enum stated_code upkeep_init(struct upkeep *self,
                             const struct upkeep_options *options) STATED_MUST_USE;

/* Starts the thread. RESOURCE_EXHAUSTED when it cannot. */
enum stated_code upkeep_start(struct upkeep *self) STATED_MUST_USE;

/* There is something to do. Any thread, callbacks too; never blocks. */
void upkeep_wake(struct upkeep *self);

/* A peer has been admitted, so sweeps are due again. Any thread, callbacks too; never blocks. */
void upkeep_peer_arrived(struct upkeep *self);

/* Ends the thread and waits for it. Harmless when it does not run. */
void upkeep_stop(struct upkeep *self);

/* Tells party_gone about every peer that left frames behind. For the thread, and for others only
   when it does not run. */
void upkeep_cancel_gone(struct upkeep *self);

/* After upkeep_stop, when nobody wakes it any more. */
void upkeep_deinit(struct upkeep *self);

#endif
