/* The park's inside, for park.c and park_thread.c alone. */
#ifndef STATED_RPC_PARK_INTERNAL_H
#define STATED_RPC_PARK_INTERNAL_H

#include "rpc/park.h"
#include "sched/deadline.h"

#include <pthread.h>

/* What is to be done with a parked call, in stated_parked.raised. */
enum {
    RAISED_WOKEN = 1 << 0,
    RAISED_EXPIRED = 1 << 1,
    RAISED_STOPPING = 1 << 2,
    RAISED_GONE = 1 << 3,
};

struct park {
    struct park_options options;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake; /* the thread's */
    pthread_cond_t idle;
    struct {
        uint32_t count; /* with those that are about to be parked */
        uint32_t held_frames;
        struct list all;
        struct list ready;
        struct deadline deadlines;
        bool sleeping;
        uint64_t sleeps_until_ns;
        bool acting; /* the thread is at a call, without the mutex */
        bool draining;
        bool stopping;
    } guarded;
};

/* Under the mutex, as are all that say "guarded": the thread looks again by due_ns. */
void park_guarded_wake(struct park *self, uint64_t due_ns);

/* There is something to do for the call, unless it has not begun or the thread is at it. */
void park_guarded_make_ready(struct park *self, struct stated_parked *parked);

/* Notes what is to be done with the call. */
void park_guarded_raise(struct park *self, struct stated_parked *parked, unsigned reason);

/* One call less. */
void park_guarded_leave(struct park *self, struct gate_party *party);

/* Without the mutex: the memory of the call's service is not needed any more. */
void park_end_memory(struct stated_call *call);

/* The thread: looks at the calls that are ready, and at those whose time is over; argument is the
   park. */
void *park_run(void *argument);

#endif
