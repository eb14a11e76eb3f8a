/* The gate's inside, for gate.c and the other gate_*.c alone. */
#ifndef STATED_SCHED_GATE_INTERNAL_H
#define STATED_SCHED_GATE_INTERNAL_H

#include "base/latency.h"
#include "sched/deadline.h"
#include "sched/estimate.h"
#include "sched/gate.h"
#include "sched/pool.h"
#include "sched/rwlock.h"

#include <pthread.h>
#include <stdatomic.h>

/* The layer above, by value: once the mutex is released and nothing of this thread's is queued or
   granted, the gate may be idle and freed, while the thread still has calls to answer. */
struct gate_upcalls {
    const struct gate_ops *ops;
    void *context;
};

/* The mutex comes before the pool's; no other is taken under it. */
struct gate {
    pthread_mutex_t mutex;
    struct {
        struct rwlock lock;
        uint32_t bypassing; /* granted BYPASS entries */
        uint32_t waiting_for_idle;
        struct estimate estimate; /* of the wait for the grant */
        struct estimate answer;   /* of the time until the end of the run */
        uint64_t refused;
        uint64_t expired;
        uint64_t cancelled;
        uint64_t timer_wakes_ns; /* when the timer looks next, unless told of something earlier */
        bool timer_acting;       /* it is answering what expired, or recovering */
        bool recovery_due;       /* poisoned, and the recovery has not been tried */
        bool stopping;
        struct list granted; /* of gate_entry.side_node, oldest first */
        struct gate_poison poison;
        struct gate_times times[GATE_BYPASS + 1]; /* by access */
        struct deadline deadlines;                /* of what is queued */
    } guarded;
    atomic_bool poisoned; /* guarded.lock.poisoned, for readers without the mutex */
    struct gate_upcalls up;
    struct pool *pool;
    struct gate_options options;
    pthread_cond_t idle;
    pthread_cond_t timer_wake;
    pthread_t timer;
};

/* Under the mutex, once after the last transition of a step: books what it granted and dropped. */
void gate_settle(struct gate *self, struct rwlock_step *step, uint64_t now_ns);

/* Without the mutex: gives what a step granted to the workers and answers what it dropped. */
void gate_act(struct gate *self, struct gate_upcalls up, struct rwlock_step *step);

/* Without the mutex: tells the layer above of each entry in `dropped`, which is left empty. */
void gate_answer_dropped(struct gate_upcalls up, struct list *dropped);

/* Under the mutex, and so without an atomic addition: n more calls of the party are in flight. */
static inline void gate_count_in(struct gate_party *party, uint32_t n)
{
    atomic_store_explicit(&party->in_flight, gate_party_in_flight(party) + n, memory_order_relaxed);
}

/* The same: one is no more. */
static inline void gate_count_out(struct gate_party *party)
{
    atomic_store_explicit(&party->in_flight, gate_party_in_flight(party) - 1, memory_order_relaxed);
}

/* Under the mutex: tells who waits for it when the gate is idle. */
void gate_note_idle(struct gate *self);

/* Under the mutex: whether the layer above shall restore the state now. */
static inline bool gate_may_recover(const struct gate *self)
{
    return self->guarded.recovery_due && self->guarded.lock.running == 0 &&
           self->guarded.bypassing == 0;
}

/* Without the mutex, on the timer's thread: has the layer above restore the state. */
void gate_recover(struct gate *self);

/* Starts the thread that drops what expires in the queue. RESOURCE_EXHAUSTED: no thread. */
enum stated_code gate_timer_start(struct gate *self) STATED_MUST_USE;

/* Ends and joins it. */
void gate_timer_stop(struct gate *self);

/* Under the mutex: something will expire at due_ns. */
void gate_timer_expect(struct gate *self, uint64_t due_ns);

#endif
