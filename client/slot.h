/* A slot: one call on its way to the server, over all its tries, and how its sender learns what
   became of it. */
#ifndef STATED_CLIENT_SLOT_H
#define STATED_CLIENT_SLOT_H

#include "call.h"
#include "memory.h"
#include "outcome.h"
#include "retry.h"

#include "base/list.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct channel;
struct flight;
struct slot;

/* Told the outcome of slot_start, which is in slot->outcome, on a thread of NNG. The slot is idle
   again and may be used or lent on once what the outcome points at has been read. */
typedef void (*slot_done)(struct slot *slot);

/* Where the channel has a slot. */
enum slot_place {
    SLOT_NOWHERE, /* it does not have it */
    SLOT_UNSENT,  /* waits to be sent */
    SLOT_SENT,    /* in a flight: waits for its reply */
    SLOT_RESTING, /* waits for at_ns, to be sent again */
    SLOT_ENDING,  /* was cancelled, and is about to be told so */
};

struct slot {
    struct slot *next; /* among the idle ones of its pool */
    struct channel *channel;
    ProtobufCAllocator *memory;
    slot_done done;
    void *owner;      /* of the pool: not the slot's business */
    struct call call; /* set before it is started */
    bool asynchronous;

    struct memory_block payload; /* the packed request: the same bytes for every try */
    size_t payload_bytes;
    struct memory_block kept; /* what the outcome's reply points at, when it is kept */
    struct outcome outcome;

    /* Whether the outcome of a synchronous call is there. */
    pthread_mutex_t lock;
    struct {
        bool is_there;
        pthread_cond_t came;
    } guarded;

    /* The channel's, under its lock. */
    struct list_node node; /* among the unsent, the resting, the ending, or those of its flight */
    enum slot_place place;
    struct flight *flight;
    uint32_t position; /* among the calls of its flight */
    struct retry_call retry;
    uint64_t sequence;    /* 0: none yet, or none at all */
    uint32_t timeout_ms;  /* what the server is told */
    bool plain;           /* not to be numbered */
    bool alone;           /* not to share a frame */
    uint64_t at_ns;       /* resting: when to send it; sent: when its try is over; 0 = never */
    const char *endpoint; /* where it was sent last */
    struct list_node cancel_node; /* among those of its call's handle */
};

/* Idle, without memory for a request. */
void slot_init(struct slot *self, struct channel *channel, ProtobufCAllocator *memory,
               slot_done done, void *owner);

/* The slot is idle. */
void slot_deinit(struct slot *self);

/* A new call has the slot. */
void slot_begin(struct slot *self, const struct call *call);

/* Room for the packed request; NULL when memory is out. */
uint8_t *slot_reserve(struct slot *self, size_t payload_bytes) STATED_MUST_USE;

/* Sends the call and waits for the outcome. Blocks until the call's time is over. */
void slot_exchange(struct slot *self);

/* The same without waiting: `done` is told, never on this stack. 0, or NNG_ECLOSED or
   NNG_ECANCELED: the call has not begun and `done` will not be called. Does not block. */
int slot_start(struct slot *self) STATED_MUST_USE;

/* Copies what the outcome's reply points at, so that it stays. When memory is out the outcome says
   so instead. */
void slot_keep_outcome(struct slot *self);

/* For the channel, which has taken the slot off its lists: the outcome is there. */
void slot_finish(struct slot *self);

#endif
