#include "base/clock.h"
#include "base/log.h"
#include "net/connection.h"
#include "net/sp.h"

/* A slot whose reply is gone, or will not be sent. */
static void end_frame(struct slot *slot, bool answered, uint64_t now_ns)
{
    struct peer *peer = &slot->connection->peer;
    bool was_aside = slot->is_aside;
    slot_pool_give(slot);
    if (was_aside) {
        peer_end_aside(peer, answered, now_ns);
    } else {
        peer_end_frame(peer, answered, now_ns);
    }
}

/* Posts what is left of the parts; under the mutex, not closing. */
static void post_send(struct connection *self)
{
    nng_iov iov[CONNECTION_BATCH];
    for (size_t i = 0; i < self->n_parts; i++) {
        iov[i].iov_buf = (void *)(uintptr_t)self->parts[i].data;
        iov[i].iov_len = self->parts[i].bytes;
    }
    atomic_store_explicit(&self->peer.sending_ns, clock_now_ns(), memory_order_relaxed);
    nng_aio_set_iov(self->send_aio, (unsigned)self->n_parts, iov);
    nng_stream_send(self->stream, self->send_aio);
}

/* Takes as many replies as fit one send; under the mutex. */
static void gather(struct connection *self)
{
    self->n_parts = 0;
    while (self->n_parts < CONNECTION_BATCH && self->guarded.queue != NULL) {
        struct slot *slot = self->guarded.queue;
        self->guarded.queue = slot->next;
        self->parts[self->n_parts++] = (struct connection_part){
            .data = slot->reply,
            .bytes = slot->reply_bytes,
            .slot = slot,
        };
    }
    if (self->guarded.queue == NULL) {
        self->guarded.queue_end = &self->guarded.queue;
    }
}

void connection_send_greeting(struct connection *self)
{
    pthread_mutex_lock(&self->mutex);
    self->parts[0] = (struct connection_part){.data = sp_greeting, .bytes = SP_GREETING_BYTES};
    self->n_parts = 1;
    self->guarded.sending = true;
    peer_acquire(&self->peer);
    post_send(self);
    pthread_mutex_unlock(&self->mutex);
}

static void send_reply(struct connection *self, struct slot *slot)
{
    pthread_mutex_lock(&self->mutex);
    bool closing = self->guarded.closing;
    if (!closing) {
        slot->next = NULL;
        *self->guarded.queue_end = slot;
        self->guarded.queue_end = &slot->next;
    }
    if (!closing && !self->guarded.sending) {
        self->guarded.sending = true;
        peer_acquire(&self->peer);
        gather(self);
        post_send(self);
    }
    pthread_mutex_unlock(&self->mutex);
    if (closing) {
        end_frame(slot, false, clock_now_ns());
    }
}

void connection_answered(struct exchange *exchange)
{
    struct slot *slot = CONTAINER_OF(exchange, struct slot, exchange);
    struct connection *self = slot->connection;
    size_t body_bytes = exchange_reply_size(exchange);
    size_t header_bytes = sp_reply_header_size(self->marked, slot->path_bytes);
    if (!slot_reserve_reply(slot, header_bytes + body_bytes)) {
        /* Without a reply the client would wait; a closed connection it understands. */
        exchange_reset(exchange);
        connection_close(self, CONNECTION_NO_MEMORY);
        end_frame(slot, false, clock_now_ns());
        return;
    }
    uint8_t *body =
        sp_put_reply_header(slot->reply, self->marked, slot->path, slot->path_bytes, body_bytes);
    exchange_put_reply(exchange, body);
    exchange_reset(exchange);
    slot_move(slot, SLOT_SENDING);
    send_reply(self, slot);
}

/* Takes `count` bytes off the parts; ends the frames of those that are gone. */
static void take_sent(struct connection *self, size_t count)
{
    uint64_t now_ns = clock_now_ns();
    size_t gone = 0;
    while (gone < self->n_parts && count >= self->parts[gone].bytes) {
        count -= self->parts[gone].bytes;
        if (self->parts[gone].slot != NULL) {
            end_frame(self->parts[gone].slot, true, now_ns);
        }
        gone++;
    }
    self->n_parts -= gone;
    for (size_t i = 0; i < self->n_parts; i++) {
        self->parts[i] = self->parts[i + gone];
    }
    if (self->n_parts > 0) {
        self->parts[0].data += count;
        self->parts[0].bytes -= count;
    }
}

/* The connection is closing: nothing that is left will be sent. */
static void drop_all(struct connection *self, struct slot *queue)
{
    uint64_t now_ns = clock_now_ns();
    for (size_t i = 0; i < self->n_parts; i++) {
        if (self->parts[i].slot != NULL) {
            end_frame(self->parts[i].slot, false, now_ns);
        }
    }
    self->n_parts = 0;
    while (queue != NULL) {
        struct slot *slot = queue;
        queue = slot->next;
        end_frame(slot, false, now_ns);
    }
}

/* Whether enough replies have gone to read on; under the mutex. */
static bool unpark(struct connection *self)
{
    if (!self->guarded.parked || atomic_load(&self->peer.frames) > self->guarded.resume_at) {
        return false;
    }
    self->guarded.parked = false;
    return true;
}

void connection_send_event(void *argument)
{
    struct connection *self = argument;
    if (nng_aio_result(self->send_aio) != 0) {
        connection_close(self, CONNECTION_GONE);
    } else {
        take_sent(self, nng_aio_count(self->send_aio));
    }
    struct slot *dropped = NULL; /* only when closing; otherwise others may be sending by then */
    pthread_mutex_lock(&self->mutex);
    bool closing = self->guarded.closing;
    if (self->n_parts == 0 && !closing) {
        gather(self);
    }
    bool more = self->n_parts > 0 && !closing;
    if (more) {
        post_send(self);
    } else {
        self->guarded.sending = false;
        atomic_store_explicit(&self->peer.sending_ns, 0, memory_order_relaxed);
        dropped = self->guarded.queue;
        self->guarded.queue = NULL;
        self->guarded.queue_end = &self->guarded.queue;
    }
    bool resume = unpark(self);
    pthread_mutex_unlock(&self->mutex);
    if (resume) {
        connection_take_frames(self);
    }
    if (closing) {
        drop_all(self, dropped);
    }
    if (!more) {
        peer_release(&self->peer);
    }
}
