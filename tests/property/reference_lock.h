/* The ticket lock once more, written from its definition for clarity: what server/sched/rwlock.c
   must agree with. Looks at all calls each time, and keeps no count and no queue.

   A call may run when no unfinished call with a smaller ticket conflicts with it; a write and the
   calls after it, heavy reads excepted, may be granted together up to the bounds of a run. */
#ifndef STATED_TESTS_REFERENCE_LOCK_H
#define STATED_TESTS_REFERENCE_LOCK_H

#include "sched/rwlock.h"

#define REFERENCE_CALLS_MAX 64

/* Deliberate mistakes, to see that the comparison finds them. */
enum reference_bug {
    REFERENCE_SOUND,
    REFERENCE_READ_PASSES_WRITE,
    REFERENCE_WRITE_JOINS_READS,
    REFERENCE_CANCEL_GRANTS_NOTHING,
    REFERENCE_HEAVY_READ_JOINS_WRITES,
    REFERENCE_RUN_ONE_TOO_LONG,
    REFERENCE_RUNS_WHAT_EXPIRED,
    REFERENCE_QUEUE_ONE_TOO_LONG,
    REFERENCE_POISON_KEEPS_QUEUE,
    REFERENCE_BUGS
};

struct reference_call {
    enum gate_access access;
    bool light;
    uint32_t bytes;
    uint64_t deadline_ns;
    enum gate_state state;
    enum gate_reason reason;
    uint64_t ticket;
    uint32_t queued_ahead;
    bool in_exclusive_run;
};

struct reference {
    enum reference_bug bug;
    struct rwlock_limits limits;
    struct reference_call calls[REFERENCE_CALLS_MAX];
    size_t n_calls;
    uint64_t tickets; /* given out */
    bool draining;
    bool poisoned;
};

/* An empty lock. */
void reference_init(struct reference *self, const struct rwlock_limits *limits,
                    enum reference_bug bug);

/* Makes a NEW call; gives its number. */
size_t reference_add(struct reference *self, const struct gate_entry *entry);

/* The transitions, as in rwlock.h. Submits the n calls from `first` on as a frame. */
enum gate_reason reference_submit(struct reference *self, size_t first, size_t n, uint64_t now_ns);
void reference_finish(struct reference *self, size_t call, uint64_t now_ns);
bool reference_drop(struct reference *self, size_t call, enum gate_reason reason, uint64_t now_ns);
void reference_poison(struct reference *self);

/* How many calls are in a state, and the bytes of them. */
uint32_t reference_count(const struct reference *self, enum gate_state state);
uint64_t reference_bytes(const struct reference *self, enum gate_state state);

#endif
