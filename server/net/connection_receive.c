#include "base/clock.h"
#include "base/log.h"
#include "net/connection.h"
#include "net/sp.h"

#include <stdlib.h>
#include <string.h>

/* The receiving side ends here. */
static void end_receiving(struct connection *self, enum connection_end end)
{
    connection_close(self, end);
    peer_release(&self->peer);
}

static void replace_buffer(struct connection *self, uint8_t *buffer, size_t capacity)
{
    memcpy(buffer, self->buffer + self->begin, self->end - self->begin);
    free(self->buffer);
    self->buffer = buffer;
    self->capacity = capacity;
    self->end -= self->begin;
    self->begin = 0;
}

/* Room behind what has been received of something that is `needed` bytes long. Grows with what
   came, not with what was announced, so that an announcement costs nothing. False: memory is out.
 */
static bool make_room(struct connection *self, size_t needed)
{
    size_t held = self->end - self->begin;
    size_t capacity = self->capacity;
    if (held == 0 && capacity > CONNECTION_BUFFER_BYTES) {
        capacity = CONNECTION_BUFFER_BYTES;
    } else if (held == capacity) {
        capacity = needed > held && needed < 2 * held ? needed : 2 * held;
    }
    if (capacity != self->capacity) {
        uint8_t *buffer = malloc(capacity);
        if (buffer == NULL) {
            return false;
        }
        replace_buffer(self, buffer, capacity);
    } else if (self->begin > 0 && self->capacity - self->end < self->capacity / 2) {
        memmove(self->buffer, self->buffer + self->begin, held);
        self->begin = 0;
        self->end = held;
    }
    return true;
}

enum step {
    STEP_TAKEN,   /* there may be more */
    STEP_NEEDS,   /* more bytes */
    STEP_RESTS,   /* until replies have gone or a slot is free: not ours any more */
    STEP_BROKEN,  /* the peer does not speak SP REQ */
    STEP_STARVED, /* there is no memory for the frame, and none is to be awaited */
    STEP_CLOSED,  /* what it has sent is nobody's wish any more */
};

/* True: not read on until half the frames are answered; the receiving side rests. False: some have
   been answered since they were counted, and nobody else would notice. */
static bool park(struct connection *self, uint32_t frames)
{
    pthread_mutex_lock(&self->mutex);
    bool parked = !self->guarded.closing && atomic_load(&self->peer.frames) == frames;
    self->guarded.parked = parked;
    self->guarded.resume_at = frames / 2;
    pthread_mutex_unlock(&self->mutex);
    return parked;
}

/* Whether the next frame may be taken, and if so whether only to be refused. */
static enum step take_turn(struct connection *self, bool *refuse)
{
    for (;;) {
        uint32_t frames = atomic_load(&self->peer.frames);
        enum share_turn turn = share_take_turn(&self->host->share, self, frames,
                                               gate_party_in_flight(&self->peer.party));
        if (turn != SHARE_LATER) {
            *refuse = turn == SHARE_REFUSED;
            return STEP_TAKEN;
        }
        if (park(self, frames)) {
            return STEP_RESTS;
        }
        if (atomic_load(&self->closed)) {
            return STEP_CLOSED;
        }
    }
}

static void start_frame(struct connection *self, struct slot *slot,
                        const struct sp_request *request, bool refuse)
{
    slot->connection = self;
    memcpy(slot->path, request->path, request->path_bytes);
    slot->path_bytes = request->path_bytes;
    peer_begin_frame(&self->peer);
    slot_move(slot, SLOT_RUNNING);
    slot->exchange.over_share = refuse;
    exchange_begin(&slot->exchange, request->body, request->body_bytes, &self->peer.party);
}

/* The slot first: what it gives up is there for the next frame. Whoever closes the connection after
   we have looked finds the frame when the peer leaves. */
bool connection_set_aside(struct exchange *exchange)
{
    struct slot *slot = CONTAINER_OF(exchange, struct slot, exchange);
    slot_set_aside(slot);
    peer_set_aside(&slot->connection->peer);
    return !atomic_load(&slot->connection->closed);
}

static enum step take_greeting(struct connection *self)
{
    if (self->end - self->begin < SP_GREETING_BYTES) {
        return STEP_NEEDS;
    }
    if (!sp_is_request_greeting(self->buffer + self->begin)) {
        return STEP_BROKEN;
    }
    self->begin += SP_GREETING_BYTES;
    self->greeted = true;
    return STEP_TAKEN;
}

static enum step take_frame(struct connection *self, size_t *needed, bool *holding)
{
    if (atomic_load_explicit(&self->closed, memory_order_relaxed)) {
        return STEP_CLOSED;
    }
    struct sp_request request;
    enum sp_result result = sp_parse_request(self->buffer + self->begin, self->end - self->begin,
                                             self->marked, self->host->max_body_bytes, &request);
    *needed = request.bytes;
    if (result == SP_INCOMPLETE) {
        return STEP_NEEDS;
    }
    if (result != SP_COMPLETE) {
        log_debug("closing the connection of %s: %s", self->peer.name,
                  result == SP_TOO_LARGE ? "it announced too large a frame" : "this is no request");
        return STEP_BROKEN;
    }
    bool refuse;
    enum step step = take_turn(self, &refuse);
    if (step != STEP_TAKEN) {
        return step;
    }
    bool waits;
    struct slot *slot = slot_pool_take(self->host->slots, &self->waiting, &waits);
    if (slot == NULL) {
        return waits ? STEP_RESTS : STEP_STARVED;
    }
    if (!*holding && self->end - self->begin > request.bytes) {
        *holding = true;
        peer_acquire(&self->peer);
        atomic_store(&self->holding, true);
    }
    start_frame(self, slot, &request, refuse);
    self->begin += request.bytes;
    return STEP_TAKEN;
}

static void post_receive(struct connection *self)
{
    nng_iov room = {.iov_buf = self->buffer + self->end, .iov_len = self->capacity - self->end};
    if (self->end > self->begin) {
        atomic_store_explicit(&self->peer.partial_ns, clock_now_ns(), memory_order_relaxed);
    }
    pthread_mutex_lock(&self->mutex);
    bool closing = self->guarded.closing;
    if (!closing) {
        nng_aio_set_iov(self->receive_aio, 1, &room);
        nng_stream_recv(self->stream, self->receive_aio);
    }
    pthread_mutex_unlock(&self->mutex);
    if (closing) {
        peer_release(&self->peer);
    }
}

/* Takes all frames that have come whole. Where there is more than one, their replies go together;
   the reference is for the end, when the receiving side may be somebody else's. */
static enum step take_all(struct connection *self, size_t *needed)
{
    enum step step;
    bool holding = false;
    do {
        step = self->greeted ? take_frame(self, needed, &holding) : take_greeting(self);
    } while (step == STEP_TAKEN);
    if (holding) {
        atomic_store(&self->holding, false);
        connection_send_held(self);
        peer_release(&self->peer);
    }
    return step;
}

void connection_take_frames(struct connection *self)
{
    size_t needed = 0;
    enum step step = take_all(self, &needed);
    if (step == STEP_RESTS) {
        return;
    }
    if (step == STEP_BROKEN || step == STEP_CLOSED) {
        end_receiving(self, step == STEP_BROKEN ? CONNECTION_BROKEN : CONNECTION_GONE);
    } else if (step == STEP_STARVED || !make_room(self, needed)) {
        end_receiving(self, CONNECTION_NO_MEMORY);
    } else {
        post_receive(self);
    }
}

void connection_receive_event(void *argument)
{
    struct connection *self = argument;
    if (nng_aio_result(self->receive_aio) != 0) {
        end_receiving(self, CONNECTION_GONE);
        return;
    }
    self->end += nng_aio_count(self->receive_aio);
    atomic_store_explicit(&self->peer.partial_ns, 0, memory_order_relaxed);
    connection_take_frames(self);
}

void connection_resume(struct list_node *waiting)
{
    connection_take_frames(CONTAINER_OF(waiting, struct connection, waiting));
}
