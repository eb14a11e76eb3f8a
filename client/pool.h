/* The slots of a channel: lent to one call at a time, opened on demand, and a line, first come
   first served, for the calls that find none free. */
#ifndef STATED_CLIENT_POOL_H
#define STATED_CLIENT_POOL_H

#include "alarm.h"
#include "slot.h"

#include "base/list.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* What comes of asking for a slot. */
enum pool_result {
    POOL_LENT,    /* *slot is the caller's, to release */
    POOL_QUEUED,  /* in the line */
    POOL_EXPIRED, /* the deadline passed in the line */
    POOL_CLOSED,
    POOL_NO_MEMORY,
};

/* A call in the line. Either a thread sleeps on it (`granted` is signalled) or nobody does, and the
   pool's functions are told what becomes of it. */
struct waiting {
    struct list_node node;
    uint64_t deadline_ns;
    bool asynchronous;
    pthread_cond_t granted; /* not asynchronous */
    struct slot *slot;      /* what the sleeper was granted */
};

/* What the pool calls, never with its lock held. */
struct pool_events {
    slot_done done; /* of every slot */
    /* An asynchronous call has come to the head of the line and owns slot, unless it cannot be
       started and this returns false: then give_up follows. Any thread. */
    bool (*start)(struct waiting *waiting, struct slot *slot);
    /* An asynchronous call has left the line without a slot. On a thread of NNG. */
    void (*give_up)(struct waiting *waiting, enum pool_result why);
};

struct pool {
    const struct pool_events *events;
    void *owner; /* of every slot */
    struct channel *channel;
    uint32_t max_slots;
    pthread_mutex_t lock;
    struct {
        struct slot *idle; /* the last one used comes first */
        struct slot *all;
        uint32_t n_slots;
        uint32_t n_lent;
        struct list line;
        struct list failed; /* could not be started; the alarm's callback takes them */
        struct alarm alarm; /* set while an asynchronous call is in the line */
        bool closed;
        pthread_cond_t quiet; /* monotonic; closed, and nothing lent, waiting or running any more */
    } guarded;
};

/* Makes no slot yet. 0 or NNG's error. */
int pool_init(struct pool *self, struct channel *channel, uint32_t max_slots,
              const struct pool_events *events, void *owner);

/* A slot at once, or POOL_QUEUED to say that there is none: nothing is in the line yet. */
enum pool_result pool_try(struct pool *self, struct slot **slot);

/* A slot at once, or waiting, whose deadline_ns is set, goes into the line: the events tell. */
enum pool_result pool_acquire_or_queue(struct pool *self, struct waiting *waiting,
                                       struct slot **slot);

/* A slot, blocking for it until deadline_ns: never POOL_QUEUED. */
enum pool_result pool_acquire(struct pool *self, uint64_t deadline_ns, struct slot **slot);

/* Gives a slot back: to the head of the line, or to the idle ones. */
void pool_release(struct pool *self, struct slot *slot);

/* Nothing is lent any more, and the line is given up. Returns at once. */
void pool_shut(struct pool *self);

/* Waits until every slot of a pool that was shut is back. */
void pool_join(struct pool *self);

/* Waits until no callback of the pool runs, and frees. */
void pool_deinit(struct pool *self);

#endif
