/* A slot: one frame on its way to the server, and how its sender learns what became of it. */
#ifndef STATED_CLIENT_SLOT_H
#define STATED_CLIENT_SLOT_H

#include "call.h"
#include "outcome.h"

#include "base/list.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct channel;
struct slot;

/* Told the outcome of slot_start, on a thread of NNG. The slot is idle again and may be used or
   lent on once what the outcome points at has been read. */
typedef void (*slot_done)(struct slot *slot, const struct outcome *outcome);

/* Where the channel has a slot. */
enum slot_place {
    SLOT_NOWHERE, /* it does not have it */
    SLOT_UNSENT,  /* waits to be sent */
    SLOT_SENT,    /* waits for its reply */
};

struct slot {
    struct slot *next;      /* among all of its pool */
    struct slot *next_idle; /* among the idle ones of its pool */
    struct channel *channel;
    slot_done done;
    void *owner;      /* of the pool: not the slot's business */
    struct call call; /* the asynchronous one that has it: not the slot's business */

    /* Room for the longest header, then the body; kept from call to call while it is small. */
    uint8_t *frame;
    size_t frame_capacity;
    size_t body_bytes;
    uint64_t deadline_ns;
    bool asynchronous;

    /* The outcome of a synchronous exchange. */
    pthread_mutex_t lock;
    struct {
        bool is_there;
        pthread_cond_t came;
    } guarded;
    struct outcome outcome;

    /* The channel's, under its lock. */
    struct list_node node; /* among the unsent or the sent */
    struct slot *next_in_bucket;
    enum slot_place place;
    uint32_t id;
};

/* Idle, without memory for a frame. */
void slot_init(struct slot *self, struct channel *channel, slot_done done, void *owner);

/* The slot is idle. */
void slot_deinit(struct slot *self);

/* Room for the body of a request; NULL when memory is out. */
uint8_t *slot_reserve(struct slot *self, size_t body_bytes) STATED_MUST_USE;

/* Sends the frame and waits for the outcome. Blocks until deadline_ns. */
void slot_exchange(struct slot *self, uint64_t deadline_ns, struct outcome *outcome);

/* The same without waiting: `done` is told, never on this stack. 0, or NNG_ECLOSED: then the call
   has not begun and `done` will not be called. Does not block. */
int slot_start(struct slot *self, uint64_t deadline_ns);

/* For the channel, which has taken the slot off its lists: hands the outcome over. */
void slot_finish(struct slot *self, const struct outcome *outcome);

#endif
