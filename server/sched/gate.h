/* The gate: admits calls in one order of tickets, grants them as runs, and never keeps a thread
   waiting.

   The policy is server/sched/rwlock.h, a pure state machine; the gate wraps it with a micro-mutex,
   time, deadlines and the worker pool. Every entry point is: lock, change, collect, unlock, act. */
#ifndef STATED_SCHED_GATE_H
#define STATED_SCHED_GATE_H

#include "base/list.h"

#include "stated/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gate;

enum gate_access {
    GATE_READ,   /* shared: runs beside other reads */
    GATE_WRITE,  /* exclusive */
    GATE_BYPASS, /* takes no ticket and no lock, runs at once: a read of the committed state */
};

/* Where an entry is. QUEUED -> GRANTED -> DONE, or QUEUED -> DROPPED, or NEW -> DROPPED (refused).
 */
enum gate_state { GATE_NEW, GATE_QUEUED, GATE_GRANTED, GATE_DONE, GATE_DROPPED };

/* Why an entry was dropped unexecuted. */
enum gate_reason {
    GATE_REASON_NONE,
    GATE_REASON_QUEUE_CALLS, /* refused: as many calls wait as may */
    GATE_REASON_QUEUE_BYTES, /* refused: as many bytes wait as may */
    GATE_REASON_SHARE,       /* refused: its party has its share in flight already */
    GATE_REASON_HOPELESS,    /* refused: the estimated wait exceeds the time it has left */
    GATE_REASON_LATE,        /* refused: its deadline had passed on arrival */
    GATE_REASON_DRAINING,    /* refused: the server is stopping */
    GATE_REASON_POISONED,    /* refused or dropped from the queue: the state is poisoned */
    GATE_REASON_EXPIRED,     /* its deadline passed in the queue */
    GATE_REASON_CANCELLED,   /* its party went away, or the caller cancelled it, while it was queued
                              */
};

/* Whoever sends calls (one per connection): bounds its share, and finds its calls when it leaves.
   Owned by the peer that embeds it; must outlive its entries. Written under the gate's mutex only.
 */
struct gate_party {
    struct list entries; /* queued or granted, by gate_entry.party_node */
    uint32_t in_flight;
};

/* One call at the gate; embedded in struct stated_call. The submitter sets the first group before
   gate_submit; the gate writes the rest, which is stable once execute or dropped has been called.
 */
struct gate_entry {
    enum gate_access access;
    bool light;     /* a READ with a small, bounded cost: may run inline, and in exclusive runs */
    uint32_t bytes; /* of its request: counted against the queue's bound */
    uint64_t deadline_ns; /* on clock_now_ns; always set */
    struct gate_party *party;
    const char *label; /* method name, for the queue's picture; static storage */

    enum gate_state state;
    enum gate_reason reason; /* when DROPPED */
    uint32_t queued_ahead;
    uint32_t retry_after_ms; /* when refused; 0 = no advice */
    uint64_t ticket;         /* 0 = took none */
    uint64_t admitted_ns;
    uint64_t granted_ns;
    uint64_t finished_ns;

    struct list_node node;       /* in the queue, then in its run */
    struct list_node party_node; /* in its party's list */
    struct list_node timer_node; /* in the deadline wheel while queued */
};

enum gate_run_kind { GATE_RUN_SHARED, GATE_RUN_EXCLUSIVE, GATE_RUN_BYPASS };

/* Granted entries that one worker executes in ticket order. Owned by the gate; the executor holds
   it from execute() until it calls gate_finish() on it, from whatever thread, and may use
   `execution`. */
struct gate_run {
    enum gate_run_kind kind;
    struct list entries; /* of gate_entry.node, ticket order */
    uint32_t count;
    void *execution; /* the executor's own; NULL on entry */
    struct list_node pool_node;
};

/* What the gate asks of the layer above. No member may block; none is called with the gate's mutex
 * held. */
struct gate_ops {
    /* Execute the run's entries in order; then, at once or later and from any thread,
       gate_finish(run) exactly once. On a worker thread, or on the submitter's own thread for an
       inline light read. */
    void (*execute)(void *context, struct gate_run *run);
    /* The run is released and its order figures are final: answer each entry. The entries are not
       the gate's any more when this returns. On the thread that called gate_finish. */
    void (*finished)(void *context, struct gate_run *run);
    /* The entry was dropped (entry->reason): answer it. Not the gate's any more. On the thread that
       submitted, cancelled, expired, poisoned or drained. */
    void (*dropped)(void *context, struct gate_entry *entry);
};

struct gate_options {
    uint32_t workers; /* at least 2: a worker inside a commit must not keep reads waiting */
    uint32_t max_queued_calls; /* waiting, not running */
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

/* Submits the n calls of one frame together: under one lock, with consecutive tickets in this
   order. Each entry is afterwards either dropped (refused) or runs; ops say which, possibly before
   this returns. The whole frame is refused when its entries do not fit the queue. now_ns:
   clock_now_ns(). Any thread; never blocks. */
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

/* Waits until nothing is queued or granted, at most timeout_ms. True when empty. Blocks: never on a
   worker or a callback thread. */
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
