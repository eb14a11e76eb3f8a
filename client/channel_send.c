#include "channel.h"

#include "frame.h"

#include "base/clock.h"

#include <nng/nng.h>
#include <string.h>

/* When memory for a frame is out, another attempt follows after this. */
#define NO_MEMORY_PAUSE_MS 10

/* The channel whose callbacks this thread runs: what they issue leaves together afterwards. */
static _Thread_local const struct channel *corked;

/* Posts what is left of the output. */
static void post_send(struct channel *self)
{
    nng_iov output = {.iov_buf = (void *)(uintptr_t)self->output, .iov_len = self->output_bytes};
    self->guarded.sending = true;
    nng_aio_set_iov(self->send, 1, &output);
    nng_stream_send(self->guarded.stream, self->send);
}

void channel_send_greeting(struct channel *self)
{
    self->output = framing_greeting;
    self->output_bytes = FRAMING_GREETING_BYTES;
    post_send(self);
}

/* At least 1: 0 would ask for the server's default. */
static uint32_t remaining_ms(const struct call *call, uint64_t now_ns)
{
    uint64_t left_ns = call->deadline_ns > now_ns ? call->deadline_ns - now_ns : 0;
    uint64_t left_ms = (left_ns + CLOCK_NS_PER_MS - 1) / CLOCK_NS_PER_MS;
    return left_ms < 1 ? 1 : left_ms > call->timeout_ms ? call->timeout_ms : (uint32_t)left_ms;
}

static struct frame_call wire_call(const struct slot *slot)
{
    return (struct frame_call){.method = slot->call.method->name,
                               .payload = slot->payload.bytes,
                               .payload_bytes = slot->payload_bytes,
                               .timeout_ms = slot->timeout_ms,
                               .sequence = slot->sequence};
}

/* False when the call has to wait for a sequence. */
static bool number(struct channel *self, struct slot *slot)
{
    bool wants = self->options.numbers && !self->guarded.plain && !slot->plain &&
                 slot->retry.access == STATED_ACCESS_WRITE;
    if (!wants || slot->sequence != 0) {
        return true;
    }
    slot->retry.numbered = numbering_take(&self->guarded.numbering, &slot->sequence);
    return slot->retry.numbered;
}

/* The next frame: which calls are in it and how long it is. */
struct draft {
    struct coalesce_frame frame;
    bool parked;
    bool numbered;
    size_t body_bytes;
};

/* Counts off the calls at the head of those unsent that make up the next frame; maybe none. */
static void draft_frame(struct channel *self, uint64_t now_ns, struct draft *draft)
{
    struct list *unsent = &self->guarded.unsent;
    const struct coalesce_rules *rules = &self->guarded.coalesce;
    *draft = (struct draft){.parked = false};
    for (struct list_node *node = list_first(unsent); node != NULL;
         node = list_after(unsent, node)) {
        struct slot *slot = CONTAINER_OF(node, struct slot, node);
        enum stated_access access = slot->retry.access;
        if (draft->frame.n_calls == 0 &&
            !coalesce_may_start(rules, self->guarded.flights.n_shared, access)) {
            break;
        }
        if (self->guarded.n_sent + draft->frame.n_calls >= self->options.max_calls ||
            !number(self, slot)) {
            break;
        }
        slot->timeout_ms = remaining_ms(&slot->call, now_ns);
        struct frame_call call = wire_call(slot);
        if (!coalesce_add(rules, &draft->frame, frame_call_size(&call), access, slot->alone)) {
            break;
        }
        draft->parked = draft->parked || access == STATED_ACCESS_PARK;
        draft->numbered = draft->numbered || slot->sequence != 0;
    }
    draft->body_bytes = draft->frame.bytes;
    if (draft->numbered) {
        draft->body_bytes +=
            frame_request_header_size(self->guarded.numbering.id, self->guarded.numbering.floor);
    }
}

static void board(struct channel *self, struct slot *slot, struct flight *flight, uint64_t now_ns)
{
    bool may_wait = slot->retry.access == STATED_ACCESS_PARK || self->options.try_timeout_ms == 0;
    list_remove(&slot->node);
    list_push_back(&flight->calls, &slot->node);
    slot->place = SLOT_SENT;
    slot->flight = flight;
    slot->position = flight->n_calls++;
    slot->retry.tries++;
    slot->endpoint = self->endpoints[self->guarded.endpoint].url;
    slot->at_ns = may_wait ? 0 : now_ns + self->options.try_timeout_ms * CLOCK_NS_PER_MS;
    if (slot->at_ns != 0) {
        alarm_set(&self->guarded.timer, slot->at_ns);
    }
    self->guarded.n_sent++;
}

/* Writes the frame and puts its calls into the flight. */
static void write_frame(struct channel *self, const struct draft *draft, struct flight *flight,
                        uint8_t *out, uint64_t now_ns)
{
    framing_put_header(out, self->marked, flight->id, draft->body_bytes);
    out += framing_header_bytes(self->marked);
    if (draft->numbered) {
        out = frame_put_request_header(out, self->guarded.numbering.id,
                                       self->guarded.numbering.floor);
    }
    for (uint32_t i = 0; i < draft->frame.n_calls; i++) {
        struct slot *slot = CONTAINER_OF(list_first(&self->guarded.unsent), struct slot, node);
        struct frame_call call = wire_call(slot);
        out = frame_put_call(out, &call);
        board(self, slot, flight, now_ns);
    }
}

/* Where to write so many bytes of a frame; NULL when they do not fit any more, or memory is out.
   Frames are gathered in the batch; a larger one goes out alone. */
static uint8_t *room_for(struct channel *self, size_t bytes)
{
    if (bytes <= CHANNEL_BATCH_BYTES - self->output_bytes && self->large == NULL) {
        return self->batch + self->output_bytes;
    }
    if (bytes <= CHANNEL_BATCH_BYTES || self->output_bytes > 0) {
        return NULL;
    }
    self->large = memory_take(self->options.memory, bytes);
    self->output = self->large;
    return self->large;
}

/* Adds the next frame to the output. False when none may go out, or none fits. */
static bool add_frame(struct channel *self, uint64_t now_ns)
{
    struct draft draft;
    draft_frame(self, now_ns, &draft);
    if (draft.frame.n_calls == 0) {
        return false;
    }
    size_t bytes = framing_header_bytes(self->marked) + draft.body_bytes;
    uint8_t *out = room_for(self, bytes);
    struct flight *flight = out == NULL ? NULL : flights_add(&self->guarded.flights, draft.parked);
    if (flight == NULL) {
        if (self->output_bytes == 0) {
            alarm_set(&self->guarded.timer, now_ns + NO_MEMORY_PAUSE_MS * CLOCK_NS_PER_MS);
        }
        return false;
    }
    write_frame(self, &draft, flight, out, now_ns);
    self->output_bytes += bytes;
    return true;
}

void channel_send_next(struct channel *self)
{
    if (self->guarded.state != CHANNEL_UP || self->guarded.sending ||
        list_is_empty(&self->guarded.unsent)) {
        return;
    }
    uint64_t now_ns = clock_now_ns();
    self->output = self->batch;
    self->output_bytes = 0;
    while (add_frame(self, now_ns)) {
    }
    if (self->output_bytes > 0) {
        post_send(self);
    } else {
        memory_give(self->options.memory, self->large);
        self->large = NULL;
    }
}

void channel_cork(struct channel *self)
{
    corked = self;
}

void channel_uncork(struct channel *self)
{
    corked = NULL;
    pthread_mutex_lock(&self->lock);
    channel_send_next(self);
    pthread_mutex_unlock(&self->lock);
}

int channel_submit(struct channel *self, struct slot *slot)
{
    struct stated_cancel *cancel = slot->call.cancel;
    pthread_mutex_lock(&self->lock);
    int error = self->guarded.state == CHANNEL_SHUT   ? NNG_ECLOSED
                : cancel != NULL && cancel->requested ? NNG_ECANCELED
                                                      : 0;
    if (error == 0) {
        slot->place = SLOT_UNSENT;
        list_push_back(&self->guarded.unsent, &slot->node);
        if (cancel != NULL) {
            list_push_back(&cancel->slots, &slot->cancel_node);
        }
        if (slot->asynchronous) {
            alarm_set(&self->guarded.timer, slot->retry.deadline_ns);
        }
        if (corked != self) {
            channel_send_next(self);
        }
    }
    pthread_mutex_unlock(&self->lock);
    return error;
}

bool channel_withdraw(struct channel *self, struct slot *slot)
{
    struct channel_settled settled;
    channel_settled_init(&settled);
    pthread_mutex_lock(&self->lock);
    bool ours = slot->place != SLOT_NOWHERE;
    if (ours) {
        channel_end(self, slot, &(struct outcome){.error = NNG_ETIMEDOUT}, &settled);
        list_remove(&slot->node);
        channel_send_next(self);
    }
    pthread_mutex_unlock(&self->lock);
    return ours;
}

void channel_on_sent(void *argument)
{
    struct channel *self = argument;
    int error = nng_aio_result(self->send);
    struct channel_settled settled;
    channel_settled_init(&settled);
    pthread_mutex_lock(&self->lock);
    bool connected = self->guarded.state == CHANNEL_UP || self->guarded.state == CHANNEL_GREETING;
    if (connected && error != 0) {
        channel_drop_connection(self, error, &settled);
        connected = false;
    }
    size_t count = error == 0 ? nng_aio_count(self->send) : 0;
    self->output += count;
    self->output_bytes -= count;
    if (connected && self->output_bytes > 0) {
        post_send(self);
    } else {
        memory_give(self->options.memory, self->large);
        self->large = NULL;
        self->guarded.sending = false;
        if (connected) {
            channel_send_next(self);
        } else {
            channel_leave_connection(self);
        }
    }
    channel_resend(self, &settled);
    pthread_mutex_unlock(&self->lock);
    channel_finish(self, &settled);
}
