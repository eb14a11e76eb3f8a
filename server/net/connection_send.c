/* A reply is sent by whoever has it, without a callback and so without another thread: nearly
   always the socket takes it at once, and waking a thread to learn that costs more than sending.
   Only what the socket has no room for is posted with a callback, which then goes on. Whoever sends
   owns the sending side until the queue is empty; replies that come meanwhile join the queue. */
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

static void post(struct connection *self, nng_aio *aio)
{
    nng_iov iov[CONNECTION_BATCH];
    for (size_t i = 0; i < self->n_parts; i++) {
        iov[i].iov_buf = (void *)(uintptr_t)self->parts[i].data;
        iov[i].iov_len = self->parts[i].bytes;
    }
    nng_aio_set_iov(aio, (unsigned)self->n_parts, iov);
    nng_stream_send(self->stream, aio);
}

/* Sends what the socket takes at once, and says how much; under the mutex, not closing. An
   operation without a callback has either ended by now or waits for room: that one is taken back.
 */
static size_t send_at_once(struct connection *self, int *error)
{
    nng_aio *aio = self->direct_aio;
    post(self, aio);
    if (nng_aio_count(aio) == 0 && nng_aio_result(aio) == 0) {
        nng_aio_cancel(aio);
    }
    nng_aio_wait(aio);
    int result = nng_aio_result(aio);
    *error = result == NNG_ECANCELED ? 0 : result;
    return nng_aio_count(aio);
}

/* Leaves the rest to the callback; under the mutex, not closing. */
static void send_later(struct connection *self)
{
    atomic_store_explicit(&self->peer.sending_ns, clock_now_ns(), memory_order_relaxed);
    post(self, self->send_aio);
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
    self->guarded.n_queued -= (uint32_t)self->n_parts;
    if (self->guarded.queue == NULL) {
        self->guarded.queue_end = &self->guarded.queue;
    }
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

/* What one turn of the sending side came to. */
struct sending {
    size_t count; /* bytes that went */
    bool waits;   /* for room: the callback goes on */
    bool over;    /* nothing is left, or the connection closes: the side is given back */
    bool closing; /* over, and nothing will be sent any more: nobody takes the side again */
    bool resume;  /* over, and the receiving side is to be taken up again */
    int error;
    struct slot *dropped; /* over and closing: what will not be sent */
};

static struct sending send_some(struct connection *self)
{
    struct sending turn = {0};
    pthread_mutex_lock(&self->mutex);
    bool closing = self->guarded.closing;
    if (self->n_parts == 0 && !closing) {
        gather(self);
    }
    if (self->n_parts > 0 && !closing) {
        turn.count = send_at_once(self, &turn.error);
        turn.waits = turn.count == 0 && turn.error == 0;
        if (turn.waits) {
            send_later(self);
        }
    } else {
        turn.over = true;
        turn.closing = closing;
        turn.resume = unpark(self);
        turn.dropped = self->guarded.queue;
        self->guarded.sending = false;
        self->guarded.queue = NULL;
        self->guarded.queue_end = &self->guarded.queue;
        self->guarded.n_queued = 0;
    }
    pthread_mutex_unlock(&self->mutex);
    return turn;
}

/* For the owner of the sending side, with its reference: sends until nothing is left. On a thread
   of NNG's the receiving side is taken up again at once; elsewhere, where its frames would be
   executed under who knows what, by the upkeep. */
static void send_all(struct connection *self, bool on_callback)
{
    struct sending turn = send_some(self);
    while (!turn.over && !turn.waits) {
        if (turn.error != 0) {
            connection_close(self, CONNECTION_GONE);
        } else {
            take_sent(self, turn.count);
        }
        turn = send_some(self);
    }
    if (turn.waits) {
        return;
    }
    if (turn.resume && on_callback) {
        connection_take_frames(self);
    } else if (turn.resume) {
        slot_pool_wait(self->host->slots, &self->waiting);
    }
    if (turn.closing) { /* else the parts may be the next owner's already */
        drop_all(self, turn.dropped);
    }
    peer_release(&self->peer);
}

void connection_send_event(void *argument)
{
    struct connection *self = argument;
    atomic_store_explicit(&self->peer.sending_ns, 0, memory_order_relaxed);
    if (nng_aio_result(self->send_aio) != 0) {
        connection_close(self, CONNECTION_GONE);
    } else {
        take_sent(self, nng_aio_count(self->send_aio));
    }
    send_all(self, true);
}

/* Takes the sending side, unless somebody has it; under the mutex. */
static bool begin_sending(struct connection *self)
{
    if (self->guarded.sending) {
        return false;
    }
    self->guarded.sending = true;
    peer_acquire(&self->peer);
    return true;
}

void connection_send_greeting(struct connection *self)
{
    pthread_mutex_lock(&self->mutex);
    bool begun = begin_sending(self);
    self->parts[0] = (struct connection_part){.data = sp_greeting, .bytes = SP_GREETING_BYTES};
    self->n_parts = 1;
    pthread_mutex_unlock(&self->mutex);
    if (begun) {
        send_all(self, false);
    }
}

/* Also when it is closing: then nobody else ends what was held. */
void connection_send_held(struct connection *self)
{
    pthread_mutex_lock(&self->mutex);
    bool begun = self->guarded.queue != NULL && begin_sending(self);
    pthread_mutex_unlock(&self->mutex);
    if (begun) {
        send_all(self, false);
    }
}

static void send_reply(struct connection *self, struct slot *slot)
{
    bool begun = false;
    pthread_mutex_lock(&self->mutex);
    bool closing = self->guarded.closing;
    if (!closing) {
        slot->next = NULL;
        *self->guarded.queue_end = slot;
        self->guarded.queue_end = &slot->next;
        self->guarded.n_queued++;
        bool held = atomic_load(&self->holding) && self->guarded.n_queued < CONNECTION_BATCH;
        begun = !held && begin_sending(self);
    }
    pthread_mutex_unlock(&self->mutex);
    if (begun) {
        send_all(self, false);
    }
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
