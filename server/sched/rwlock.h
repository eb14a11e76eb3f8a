/* The ticket lock: a pure state machine that decides who may run. No threads, no clock, no memory,
   no I/O; whoever uses it serialises the calls and passes the time.

   Entries take effect in ticket order: adjacent reads run together, a write runs alone, nothing
   overtakes. Every function below is one transition, and each ends in the same pass over the head
   of the queue, so after every transition nothing that could run is left waiting. */
#ifndef STATED_SCHED_RWLOCK_H
#define STATED_SCHED_RWLOCK_H

#include "sched/entry.h"

#include "stated/status.h"

struct rwlock_limits {
    uint32_t queued_calls; /* waiting, not running */
    uint64_t queued_bytes;
    uint32_t run_calls; /* of one exclusive run, which has at least one call */
    uint64_t run_bytes;
};

/* In place; read it freely, change it by the functions below only. */
struct rwlock {
    struct rwlock_limits limits;
    struct list queue; /* of gate_entry.node: QUEUED, ticket order */
    uint64_t next_ticket;
    uint64_t queued_bytes;
    uint32_t queued_calls;
    uint32_t running; /* entries GRANTED and not finished */
    bool exclusive;   /* they are one exclusive run, else reads */
    bool draining;
    bool poisoned;
};

/* What transitions brought about, for the caller to act on. Transitions in a row may share one step
   as long as none of its grants has been handed out: they add up to a single run. */
struct rwlock_step {
    struct gate_run granted;
    uint64_t granted_bytes;
    struct list dropped; /* of gate_entry.node, with their reason */
};

/* A lock that is free, with ticket 1 next. */
void rwlock_init(struct rwlock *self, const struct rwlock_limits *limits);

/* A step in which nothing has happened yet. */
void rwlock_step_init(struct rwlock_step *self);

/* Admits `calls` NEW entries of `bytes` in all: each gets the next ticket, and `frame` is left
   empty. Or refuses all of them: gives the reason, takes no ticket, changes nothing. */
enum gate_reason rwlock_submit(struct rwlock *self, struct list *frame, uint32_t calls,
                               uint64_t bytes, uint64_t now_ns,
                               struct rwlock_step *step) STATED_MUST_USE;

/* Lets what has queued up behind the exclusive run, of so many calls and bytes in all, join it: the
   writes and light reads at the head of the queue, within the limits of a run. They are granted in
   the step, to run after those that the run has. */
void rwlock_extend(struct rwlock *self, uint32_t calls, uint64_t bytes, uint64_t now_ns,
                   struct rwlock_step *step);

/* Releases what a granted run, or any part of a shared one, holds. */
void rwlock_finish(struct rwlock *self, struct gate_run *run, uint64_t now_ns,
                   struct rwlock_step *step);

/* Drops an entry that is still QUEUED (cancelled, expired) for `reason`; false when it is not. */
bool rwlock_drop(struct rwlock *self, struct gate_entry *entry, enum gate_reason reason,
                 uint64_t now_ns, struct rwlock_step *step);

/* From now on refuses what is submitted; what is queued still runs. For good. */
void rwlock_drain(struct rwlock *self);

/* Drops all that is queued and refuses what is submitted, until cleared. What runs goes on. */
void rwlock_poison(struct rwlock *self, struct rwlock_step *step);

/* Ends the poisoning. */
void rwlock_clear_poison(struct rwlock *self);

#endif
