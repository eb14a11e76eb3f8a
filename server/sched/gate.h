/* The gate: admits calls in one order of tickets, grants them as runs, and never keeps a thread
   waiting.

   The policy is server/sched/rwlock.h, a pure state machine; the gate wraps it with a micro-mutex,
   time, deadlines and the worker pool. Every entry point is: lock, change, collect, unlock, act. */
#ifndef STATED_SCHED_GATE_H
#define STATED_SCHED_GATE_H

#include "sched/entry.h"

#include "stated/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gate;

/* What the gate asks of the layer above. No member may block; none is called with the gate's mutex
 * held. */
struct gate_ops {
    /* Execute the run's entries in order; then, at once or later and from any thread,
       gate_finish(run) exactly once. On a worker thread, or on the submitter's own thread for an
       inline light read. */
    void (*execute)(void *context, struct gate_run *run);
    /* The run is released and its order figures are final: answer each entry, after taking all of
       them off the run, which lives in one of them. None is the gate's any more. On the thread that
       called gate_finish. */
    void (*finished)(void *context, struct gate_run *run);
    /* The entry was dropped (entry->reason): answer it. Not the gate's any more. On the thread that
       submitted, cancelled, expired, poisoned or drained. */
    void (*dropped)(void *context, struct gate_entry *entry);
};

struct gate_options {
    uint32_t workers; /* at least 2: a worker inside a commit must not keep reads waiting */
    uint32_t max_queued_calls; /* waiting for the lock; as many more may wait for a worker */
    uint64_t max_queued_bytes;
    uint32_t max_party_calls; /* queued or granted, per party */
    uint32_t max_run_calls;   /* of an exclusive run */
    uint64_t max_run_bytes;
    bool inline_light_reads; /* execute a light read granted at submission on the submitter's thread
                              */
};

/* Makes a gate and starts its workers and its deadline timer. ops and context must outlive it.
   RESOURCE_EXHAUSTED when memory or threads run out, INVALID_ARGUMENT for options out of range. */
enum stated_code gate_new(const struct gate_options *options, const struct gate_ops *ops,
                          void *context, struct gate **gate) STATED_MUST_USE;

/* Submits the n calls of one frame, all of one party, together: under one lock, with consecutive
   tickets in this order. Each entry is afterwards either dropped (refused) or runs; ops say which,
   possibly before this returns. An entry without enough time is refused alone; the whole frame is
   when it does not fit the queue or its party's share. now_ns: clock_now_ns(). Any thread; never
   blocks. */
void gate_submit(struct gate *self, struct gate_entry *const *entries, size_t n, uint64_t now_ns);

/* Releases a run and hands out what that grants; calls ops->finished. Any thread. */
void gate_finish(struct gate *self, struct gate_run *run);

/* Drops the entry if it is still queued, else does nothing: once granted, it runs and its true
   outcome counts. True when dropped. Any thread; the caller guarantees the entry is alive. */
bool gate_cancel(struct gate *self, struct gate_entry *entry);

/* The party is gone: drops all its queued entries. Any thread. */
void gate_cancel_party(struct gate *self, struct gate_party *party);

/* An empty party. Before its first entry is submitted. */
void gate_party_init(struct gate_party *party);

/* Refuses every new entry from now on (DRAINING); what is queued or granted runs to its end. */
void gate_drain(struct gate *self);

/* Waits until nothing is queued or granted and workers and timer are at rest, at most timeout_ms.
   True when so. Other threads may still be returning from `finished` or `dropped`. Blocks: never on
   a worker or a callback thread. */
bool gate_wait_idle(struct gate *self, uint32_t timeout_ms) STATED_MUST_USE;

/* A consistent picture for Status. Any thread. */
struct gate_figures {
    uint64_t next_ticket;
    uint32_t waiting_calls;
    uint64_t waiting_bytes;
    uint32_t running_calls;
    uint64_t refused;
    uint64_t expired;
    uint64_t cancelled;
};
void gate_read_figures(struct gate *self, struct gate_figures *figures);

/* Stops the timer and the workers after the runs in hand, joins them and frees the gate. Nothing
   may be queued or granted (gate_wait_idle); not from a worker or callback thread. NULL is allowed.
 */
void gate_free(struct gate *self);

#endif
