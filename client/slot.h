/* A slot: one REQ context and what it takes to send one frame and get its reply. */
#ifndef STATED_CLIENT_SLOT_H
#define STATED_CLIENT_SLOT_H

#include "call.h"
#include "outcome.h"

#include <nng/nng.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct slot;

/* Told the outcome of slot_start, on a thread of NNG. The slot is idle again and may be used or
   lent on. */
typedef void (*slot_done)(struct slot *slot, const struct outcome *outcome);

struct slot {
    struct slot *next;      /* among all of its pool */
    struct slot *next_idle; /* among the idle ones of its pool */
    nng_ctx context;
    nng_aio *told;   /* with a callback, for slot_start; made when first needed */
    nng_aio *waited; /* without one, for slot_exchange; made when first needed */
    slot_done done;
    void *owner;      /* of the pool: not the slot's business */
    struct call call; /* the asynchronous one that has it: not the slot's business */
    uint64_t deadline_ns;
    bool receiving;       /* of the two steps of slot_start */
    pthread_mutex_t lock; /* held inside NNG's context functions, so that slot_shut excludes them */
    bool shut;            /* guarded by lock */
};

/* Opens a context. 0 or NNG's error. done: for slot_start. */
int slot_open(struct slot *self, nng_socket socket, slot_done done, void *owner);

/* No exchange starts any more. After this has returned, no thread is inside NNG for this slot,
   except to wait. An exchange that runs is left alone: closing the socket ends it. */
void slot_shut(struct slot *self);

/* Frees. The socket is closed and the slot idle; waits for a callback that still runs. */
void slot_deinit(struct slot *self);

/* Sends request, which it takes in any case, and waits for the reply. Blocks until deadline_ns. */
void slot_exchange(struct slot *self, nng_msg *request, uint64_t deadline_ns,
                   struct outcome *outcome);

/* The same without waiting: `done` is told, never on this stack. Takes request unless it fails:
   then `done` will not be called and the error is NNG's. Does not block. */
int slot_start(struct slot *self, nng_msg *request, uint64_t deadline_ns);

#endif
