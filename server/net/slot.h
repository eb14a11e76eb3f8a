/* Slots: each carries one frame from its receipt to the sending of its reply, and remembers where
   the reply goes. As many as the load needs, up to a limit. */
#ifndef STATED_NET_SLOT_H
#define STATED_NET_SLOT_H

#include "base/list.h"
#include "net/sp.h"
#include "rpc/exchange.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct connection;

/* FREE -> RUNNING -> SENDING -> FREE, or RUNNING -> FREE when the reply has nowhere to go. */
enum slot_state { SLOT_FREE, SLOT_RUNNING, SLOT_SENDING, SLOT_STATES };

/* Belongs to one thread at a time: the receiving one, then whoever answers, then the sending one.
 */
struct slot {
    struct slot_pool *pool;
    struct exchange exchange;
    enum slot_state state;
    struct connection *connection; /* while not FREE; its frame holds the peer */
    uint8_t path[SP_MAX_PATH_BYTES];
    size_t path_bytes;
    uint8_t *reply; /* with its SP header; kept for the next frame unless it is large */
    size_t reply_capacity;
    size_t reply_bytes;
    bool is_aside;     /* its frame waits for a parked call */
    struct slot *next; /* in the pool or in the connection's queue */
};

struct slot_pool_options {
    uint32_t max_slots;
    struct dispatch *dispatch;
    void (*answered)(struct exchange *exchange);  /* of every slot's exchange */
    bool (*set_aside)(struct exchange *exchange); /* the same; may be NULL */
    /* A slot has become free while somebody waits for one. Any thread; must not block. */
    void (*available)(void *context);
    void *context;
};

struct slot_pool {
    struct slot_pool_options options;
    atomic_uint busy; /* not FREE */
    pthread_mutex_t mutex;
    struct {
        struct slot *free;
        uint32_t n_free;
        uint32_t count; /* that exist, without those set aside */
        uint32_t n_aside;
        struct list waiting;
    } guarded;
};

/* A pool without slots; takes no memory yet. */
void slot_pool_init(struct slot_pool *self, const struct slot_pool_options *options);

/* Every slot has been given back and nobody waits. */
void slot_pool_deinit(struct slot_pool *self);

/* A FREE slot; NULL at the limit or when memory is out: then *waits, and `waiter` is in line for
   one. Without memory when no slot is in use, nobody would ever give one back: NULL, and it does
   not wait. Any thread, never blocks. */
struct slot *slot_pool_take(struct slot_pool *self, struct list_node *waiter, bool *waits);

/* The slot's frame waits for a parked call: it keeps nothing that it does not need, and another one
   may take its place among max_slots. While RUNNING, by its owner; harmless when it is so
   already. Never blocks. */
void slot_set_aside(struct slot *slot);

/* Takes a slot back, whatever its state. Any thread, never blocks. */
void slot_pool_give(struct slot *slot);

/* Puts a waiter in line, and says that somebody waits, though it may well be that there is a slot.
   Any thread, never blocks. */
void slot_pool_wait(struct slot_pool *self, struct list_node *waiter);

/* The first in line, when there is a slot for it (or with `any`, in any case); it is in line no
   more. NULL: nobody, or no slot. Any thread. */
struct list_node *slot_pool_next_waiter(struct slot_pool *self, bool any);

/* Whether somebody waits for a slot. Any thread. */
bool slot_pool_is_awaited(struct slot_pool *self);

/* Slots that exist. Any thread. */
uint32_t slot_pool_count(struct slot_pool *self);

/* Moves along the states above; anything else ends the program. */
void slot_move(struct slot *self, enum slot_state to);

/* Room for a reply of that many bytes; false when memory is out. */
bool slot_reserve_reply(struct slot *self, size_t bytes);

#endif
