/* The gate: admits calls in one order of tickets, grants them as runs, and never keeps a thread
   waiting.

   The policy is server/sched/rwlock.h, a pure state machine; the gate wraps it with a micro-mutex,
   time, deadlines and the worker pool. Every entry point is: lock, change, collect, unlock, act. */
#ifndef STATED_SCHED_GATE_H
#define STATED_SCHED_GATE_H

#include "base/latency.h"
#include "sched/entry.h"

#include "stated/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gate;

/* What the gate asks of the layer above. No member may block unless it says so; none is called with
   the gate's mutex held. */
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
    /* The state is poisoned and nothing executes: restore it. True when it is good again, which
       clears the poison. May block on disk. On the timer's thread. NULL: nothing can restore it. */
    bool (*recover)(void *context);
};

/* Room for a party's name in the queue's picture, with its NUL. */
#define GATE_PARTY_NAME_BYTES 64

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

/* Refuses the calls of one frame unseen, because their party has its share in flight already:
   ops->dropped with SHARE for each, with advice when to try again. now_ns: clock_now_ns(). Any
   thread; never blocks. */
void gate_refuse(struct gate *self, struct gate_entry *const *entries, size_t n, uint64_t now_ns);

/* What a call that came now would wait for. */
struct gate_outlook {
    uint64_t answer_ns; /* until what is queued or granted is answered, judged by the last ones; 0 =
                           there is nothing, or it is not known */
    uint32_t calls;     /* queued or granted */
    bool has_writes;    /* a write is among them */
};

/* A consistent picture. Any thread. */
void gate_read_outlook(struct gate *self, uint64_t now_ns, struct gate_outlook *outlook);

/* For who executes an exclusive run, having executed all of it: lets the calls that have queued up
   meanwhile join it. The first of those that did, in the run's list behind the others; NULL: none,
   and the run may be committed. Never blocks. */
struct list_node *gate_extend(struct gate *self, struct gate_run *run);

/* Releases a run and hands out what that grants; calls ops->finished: afterwards, but before for a
   large exclusive run. Any thread. */
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

/* For Status. */
struct gate_figures {
    uint64_t next_ticket;
    uint32_t waiting_calls;
    uint64_t waiting_bytes;
    uint32_t running_calls;
    uint64_t refused;
    uint64_t expired;
    uint64_t cancelled;
};

/* A consistent picture. Any thread. */
void gate_read_figures(struct gate *self, struct gate_figures *figures);

/* One call in the queue's picture. */
struct gate_queued_call {
    uint64_t ticket; /* 0 = a bypassing read */
    enum gate_access access;
    const char *label;
    uint64_t since_ns;                 /* on clock_now_ns: running since, or waiting since */
    char party[GATE_PARTY_NAME_BYTES]; /* its party's name, cut to fit; "" = none */
};

/* Who holds the lock and who waits for it. The caller sets the first group. */
struct gate_queue {
    struct gate_queued_call *running;
    size_t max_running;
    struct gate_queued_call *waiting;
    size_t max_waiting;

    size_t n_running; /* filled in, oldest grant first */
    size_t n_waiting; /* filled in, ticket order */
    uint32_t running_calls;
    uint32_t waiting_calls;
};

/* A consistent picture, as much of it as there is room for. Keeps the gate's mutex for some ten
   nanoseconds per call that it copies: ask for hundreds, not for all. Any thread. */
void gate_read_queue(struct gate *self, struct gate_queue *queue);

/* How long finished calls of one access mode waited and ran, since the start. */
struct gate_times {
    struct latency wait; /* admission to grant */
    struct latency hold; /* grant to finish */
};

/* A consistent copy for metrics. Any thread. */
void gate_read_times(struct gate *self, enum gate_access access, struct gate_times *times);

/* Why nothing executes any more. */
struct gate_poison {
    uint64_t ticket;                    /* of the call that left the state torn */
    const char *label;                  /* its method */
    uint64_t since_ns;                  /* on clock_now_ns */
    char message[STATED_MESSAGE_BYTES]; /* what it said */
};

/* `entry`, which is granted to the caller, has left the state torn: nothing executes until the
   poison is cleared. What is queued is dropped, what comes is refused (POISONED), and an executor
   asks gate_is_poisoned before each call that it still holds. The first report counts. Then
   ops->recover is called once, when nothing runs any more. On the executor's thread. */
void gate_poison(struct gate *self, const struct gate_entry *entry, const char *message);

/* Whether the state is poisoned; one atomic load. Any thread. */
bool gate_is_poisoned(const struct gate *self);

/* The same, with the report. Any thread. */
bool gate_read_poison(struct gate *self, struct gate_poison *poison);

/* An operator, who has seen the report of the poison of this ticket, says that the state is good
   again. False when it is not poisoned, not by that one any more, or when its recovery is still to
   come or running. Any thread. */
bool gate_clear_poison(struct gate *self, uint64_t ticket);

/* Stops the timer and the workers after the runs in hand, joins them and frees the gate. Nothing
   may be queued or granted (gate_wait_idle); not from a worker or callback thread. NULL is allowed.
 */
void gate_free(struct gate *self);

#endif
