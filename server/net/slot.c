/* A slot belongs to one thread at a time and is handed on by what it waits for:

       RESTING ──► RECEIVING ──► RUNNING ──► SENDING ──┐
          ▲            ▲  │          │                 │
          │            └──┘          │ cut off         │
          └── enough others receive ─┴─────────────────┘

   A move into RECEIVING posts the receive, always from a state where no operation of the slot is
   under way: NNG wants a context's receive only after its send has completed (nng #1702). From the
   hand-over on (nng_ctx_recv, exchange_begin, nng_ctx_send) the slot may be anywhere, even back in
   the same state, so nothing touches it after that. */
#include "net/slot.h"

#include "base/clock.h"
#include "base/log.h"
#include "rpc/exchange.h"

#include <stdlib.h>

/* Slots at the start, and the least number that growing adds. */
#define FIRST_SLOTS 16
/* With fewer receives posted than this, more slots are taken in; */
#define LOW_RECEIVING 8
/* with this many, a slot rests after its reply, and keeps no memory but its own. */
#define HIGH_RECEIVING 64
/* A received message up to this size is kept for the reply, so that most frames allocate nothing.
 */
#define KEEP_MESSAGE_BYTES ((size_t)16 << 10)

enum slot_state { SLOT_RESTING, SLOT_RECEIVING, SLOT_RUNNING, SLOT_SENDING, SLOT_STATES };

struct slot {
    struct slot_pool *pool;
    enum slot_state state;
    nng_ctx context;
    nng_aio *aio;
    struct peer *peer;  /* while RUNNING and SENDING */
    nng_msg *message;   /* while RUNNING: for the reply; may be NULL */
    struct slot *below; /* while RESTING */
    struct exchange exchange;
};

static void move(struct slot *slot, enum slot_state to)
{
    static const bool allowed[SLOT_STATES][SLOT_STATES] = {
        [SLOT_RESTING][SLOT_RECEIVING] = true,
        [SLOT_RECEIVING][SLOT_RECEIVING] = true, /* the frame's connection is gone */
        [SLOT_RECEIVING][SLOT_RUNNING] = true,
        [SLOT_RUNNING][SLOT_SENDING] = true,
        [SLOT_RUNNING][SLOT_RECEIVING] = true, /* cut off, without a reply */
        [SLOT_RUNNING][SLOT_RESTING] = true,
        [SLOT_SENDING][SLOT_RECEIVING] = true,
        [SLOT_SENDING][SLOT_RESTING] = true,
    };
    if (!allowed[slot->state][to]) {
        log_error("a slot moved from state %d to %d, which is no move of its", (int)slot->state,
                  (int)to);
        abort();
    }
    slot->state = to;
}

static void post_receive(struct slot *slot)
{
    move(slot, SLOT_RECEIVING);
    atomic_fetch_add(&slot->pool->receiving, 1);
    nng_aio_set_timeout(slot->aio, NNG_DURATION_INFINITE);
    nng_ctx_recv(slot->context, slot->aio);
}

static struct slot *take_resting(struct slot_pool *self)
{
    pthread_mutex_lock(&self->mutex);
    struct slot *slot = self->guarded.resting;
    if (slot != NULL) {
        self->guarded.resting = slot->below;
    }
    pthread_mutex_unlock(&self->mutex);
    return slot;
}

static bool receives_too_little(struct slot_pool *self)
{
    return atomic_load(&self->receiving) < LOW_RECEIVING;
}

/* A receive has been used up: see that there are others. */
static void replenish(struct slot_pool *self)
{
    if (!receives_too_little(self)) {
        return;
    }
    struct slot *slot = take_resting(self);
    if (slot != NULL) {
        post_receive(slot);
    } else if (!atomic_exchange(&self->starving, true)) {
        self->options.starved(self->options.context);
    }
}

/* The slot is free again. */
static void next_frame(struct slot *slot)
{
    struct slot_pool *pool = slot->pool;
    if (atomic_load(&pool->receiving) < HIGH_RECEIVING) {
        post_receive(slot);
        return;
    }
    move(slot, SLOT_RESTING);
    exchange_deinit(&slot->exchange);
    exchange_init(&slot->exchange, pool->options.dispatch, slot->exchange.answered);
    pthread_mutex_lock(&pool->mutex);
    slot->below = pool->guarded.resting;
    pool->guarded.resting = slot;
    pthread_mutex_unlock(&pool->mutex);
    /* Others may have found none at rest just before. */
    replenish(pool);
}

/* The frame has left the slot. */
static void end_frame(struct slot *slot, bool completed)
{
    peer_end_frame(slot->peer, completed, clock_now_ns());
    slot->peer = NULL;
    atomic_fetch_sub(&slot->pool->busy, 1);
    next_frame(slot);
}

static void cut_off(struct slot *slot, const char *reason)
{
    log_debug("closing the connection of %s: %s", slot->peer->name, reason);
    atomic_fetch_add_explicit(&slot->pool->closed_slow, 1, memory_order_relaxed);
    nng_pipe_close((nng_pipe){.id = slot->peer->pipe});
}

/* A message of `size` bytes, the received one if it fits; NULL when memory is out. */
static nng_msg *reply_message(struct slot *slot, size_t size)
{
    nng_msg *message = slot->message;
    slot->message = NULL;
    if (message == NULL) {
        return nng_msg_alloc(&message, size) == 0 ? message : NULL;
    }
    nng_msg_clear(message);
    if (nng_msg_realloc(message, size) != 0) {
        nng_msg_free(message);
        return NULL;
    }
    return message;
}

static void send_reply(struct exchange *exchange)
{
    struct slot *slot = CONTAINER_OF(exchange, struct slot, exchange);
    nng_msg *message = reply_message(slot, exchange_reply_size(exchange));
    if (message == NULL) {
        /* Without a reply the client would wait; a closed connection it understands. */
        exchange_reset(exchange);
        cut_off(slot, "out of memory for the reply");
        end_frame(slot, false);
        return;
    }
    exchange_put_reply(exchange, nng_msg_body(message));
    exchange_reset(exchange);
    move(slot, SLOT_SENDING);
    nng_aio_set_msg(slot->aio, message);
    nng_aio_set_timeout(slot->aio, (nng_duration)slot->pool->options.reply_timeout_ms);
    nng_ctx_send(slot->context, slot->aio);
}

static void run_frame(struct slot *slot, nng_msg *message)
{
    struct peer *peer = slot->peer;
    bool keep = nng_msg_capacity(message) <= KEEP_MESSAGE_BYTES;
    slot->message = keep ? message : NULL;
    exchange_begin(&slot->exchange, nng_msg_body(message), nng_msg_len(message), &peer->party);
    if (!keep) {
        nng_msg_free(message);
    }
}

static void handle_received(struct slot *slot)
{
    struct slot_pool *pool = slot->pool;
    atomic_fetch_sub(&pool->receiving, 1);
    if (nng_aio_result(slot->aio) != 0) {
        return; /* closing: a receive has no other reason to fail, and none is posted again */
    }
    replenish(pool);
    nng_msg *message = nng_aio_get_msg(slot->aio);
    nng_aio_set_msg(slot->aio, NULL);
    slot->peer = peer_begin_frame(pool->options.peers, (uint32_t)nng_msg_get_pipe(message).id);
    if (slot->peer == NULL) {
        nng_msg_free(message);
        post_receive(slot);
        return;
    }
    atomic_fetch_add(&pool->busy, 1);
    move(slot, SLOT_RUNNING);
    if (atomic_load_explicit(&slot->peer->frames, memory_order_relaxed) >
        pool->options.max_frames_per_peer) {
        nng_msg_free(message);
        cut_off(slot, "it leaves too many replies unread");
        end_frame(slot, false);
        return;
    }
    run_frame(slot, message);
}

static void handle_sent(struct slot *slot)
{
    int error = nng_aio_result(slot->aio);
    if (error != 0) {
        nng_msg_free(nng_aio_get_msg(slot->aio));
        nng_aio_set_msg(slot->aio, NULL);
    }
    if (error == NNG_ETIMEDOUT) {
        cut_off(slot, "it did not take a reply in time");
    }
    end_frame(slot, error == 0);
}

static void slot_event(void *argument)
{
    struct slot *slot = argument;
    if (slot->state == SLOT_RECEIVING) {
        handle_received(slot);
    } else {
        handle_sent(slot);
    }
}

static struct slot *slot_new(struct slot_pool *pool)
{
    struct slot *slot = calloc(1, sizeof(*slot));
    if (slot == NULL) {
        return NULL;
    }
    slot->pool = pool;
    if (nng_aio_alloc(&slot->aio, slot_event, slot) != 0) {
        goto free_slot;
    }
    if (nng_ctx_open(&slot->context, pool->options.socket) != 0) {
        goto free_aio;
    }
    exchange_init(&slot->exchange, pool->options.dispatch, send_reply);
    return slot;

free_aio:
    nng_aio_free(slot->aio);
free_slot:
    free(slot);
    return NULL;
}

enum stated_code slot_pool_init(struct slot_pool *self, const struct slot_pool_options *options)
{
    *self = (struct slot_pool){.options = *options};
    self->guarded.slots = calloc(options->max_slots, sizeof(struct slot *));
    if (self->guarded.slots == NULL) {
        return STATED_RESOURCE_EXHAUSTED;
    }
    pthread_mutex_init(&self->mutex, NULL);
    return STATED_OK;
}

/* Returns how many slots were opened. */
static uint32_t open_slots(struct slot_pool *self, uint32_t wanted)
{
    for (uint32_t i = 0; i < wanted; i++) {
        struct slot *slot = slot_new(self);
        if (slot == NULL) {
            return i;
        }
        pthread_mutex_lock(&self->mutex);
        self->guarded.slots[self->guarded.count++] = slot;
        pthread_mutex_unlock(&self->mutex);
        post_receive(slot);
    }
    return wanted;
}

enum stated_code slot_pool_grow(struct slot_pool *self)
{
    do {
        uint32_t count = slot_pool_count(self);
        uint32_t room = self->options.max_slots - count;
        uint32_t wanted = count < FIRST_SLOTS ? FIRST_SLOTS : count;
        if (room == 0) {
            return STATED_OK; /* still starving, so that nobody asks again in vain */
        }
        if (open_slots(self, wanted < room ? wanted : room) == 0) {
            return STATED_RESOURCE_EXHAUSTED;
        }
        atomic_store(&self->starving, false);
        /* While this grew, what it opened may have been used up, with nobody left to say so. */
    } while (receives_too_little(self));
    return STATED_OK;
}

uint32_t slot_pool_count(struct slot_pool *self)
{
    pthread_mutex_lock(&self->mutex);
    uint32_t count = self->guarded.count;
    pthread_mutex_unlock(&self->mutex);
    return count;
}

void slot_pool_stop(struct slot_pool *self)
{
    for (uint32_t i = 0; i < self->guarded.count; i++) {
        nng_aio_stop(self->guarded.slots[i]->aio);
    }
    for (uint32_t i = 0; i < self->guarded.count; i++) {
        nng_ctx_close(self->guarded.slots[i]->context);
    }
}

static void slot_free(struct slot *slot)
{
    if (slot->state == SLOT_SENDING) { /* stopped before NNG took it */
        nng_msg_free(nng_aio_get_msg(slot->aio));
    }
    nng_msg_free(slot->message);
    if (slot->peer != NULL) {
        peer_end_frame(slot->peer, false, clock_now_ns());
    }
    exchange_deinit(&slot->exchange);
    nng_aio_free(slot->aio);
    free(slot);
}

void slot_pool_deinit(struct slot_pool *self)
{
    for (uint32_t i = 0; i < self->guarded.count; i++) {
        slot_free(self->guarded.slots[i]);
    }
    free(self->guarded.slots);
    pthread_mutex_destroy(&self->mutex);
}
