/* One call as the gate sees it: what it asks for, where it is, where it stands in the order. */
#ifndef STATED_SCHED_ENTRY_H
#define STATED_SCHED_ENTRY_H

#include "base/list.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum gate_access {
    GATE_READ,   /* shared: runs beside other reads */
    GATE_WRITE,  /* exclusive */
    GATE_BYPASS, /* takes no ticket and no lock, runs at once: a read of the committed state */
};

/* Where an entry is; gate_state_follows has the moves. */
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

enum gate_run_kind { GATE_RUN_SHARED, GATE_RUN_EXCLUSIVE, GATE_RUN_BYPASS };

/* Granted entries that one worker executes one after the other: an exclusive run in ticket order,
   reads in about that order. Owned by the gate; the executor holds it from execute() until it calls
   gate_finish() on it, from whatever thread, and may use `execution`. It lives in one of its
   entries: whoever answers the entries takes them off first. */
struct gate_run {
    enum gate_run_kind kind;
    uint32_t count;
    struct list entries; /* of gate_entry.node */
    void *execution;     /* the executor's own; NULL on entry */
};

/* Whoever sends calls (one per connection): bounds its share, and finds its calls when it leaves.
   Owned by the peer that embeds it; must outlive its entries. Touched under the gate's mutex only,
   but for in_flight, which anybody may read, and its parked calls. */
struct gate_party {
    struct list queued;    /* of gate_entry.side_node, ticket order */
    atomic_uint in_flight; /* queued or granted; written under the gate's mutex */
    const char *name; /* for people, in the queue's picture; NULL = none. As long as the party. */
    /* Of its parked calls, which the gate does not know: rpc/park.c's, under that one's mutex. */
    struct list parked;
    uint32_t n_parked;
    bool is_gone; /* whatever it still parks is cancelled */
};

/* Its calls that are queued or granted, a moment ago. Any thread; takes no lock. */
static inline uint32_t gate_party_in_flight(const struct gate_party *self)
{
    return atomic_load_explicit(&self->in_flight, memory_order_relaxed);
}

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
    struct list_node side_node;  /* in its party's list while queued, in the gate's once granted */
    struct list_node timer_node; /* in the deadline wheel, while queued */
    uint64_t timer_tick;         /* the wheel's tick at which it expires */
    struct gate_run run;         /* lent to the run that this entry heads */
};

/* The table of an entry's moves: NEW -> QUEUED -> GRANTED -> DONE is a call that runs, NEW ->
   GRANTED a bypassing one, NEW -> DROPPED a refusal, QUEUED -> DROPPED a cancellation or an expiry.
 */
static inline bool gate_state_follows(enum gate_state from, enum gate_state to)
{
    static const bool moves[GATE_DROPPED + 1][GATE_DROPPED + 1] = {
        [GATE_NEW] = {[GATE_QUEUED] = true, [GATE_GRANTED] = true, [GATE_DROPPED] = true},
        [GATE_QUEUED] = {[GATE_GRANTED] = true, [GATE_DROPPED] = true},
        [GATE_GRANTED] = {[GATE_DONE] = true},
    };
    return moves[from][to];
}

/* The entry that embeds this `node`. */
static inline struct gate_entry *gate_entry_of(struct list_node *node)
{
    return CONTAINER_OF(node, struct gate_entry, node);
}

/* An empty run, in place. */
static inline void gate_run_init(struct gate_run *self, enum gate_run_kind kind)
{
    self->kind = kind;
    self->count = 0;
    list_init(&self->entries);
    self->execution = NULL;
}

/* Appends an entry that is in no list. */
static inline void gate_run_add(struct gate_run *self, struct gate_entry *entry)
{
    list_push_back(&self->entries, &entry->node);
    self->count++;
}

#endif
