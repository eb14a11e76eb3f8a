#include "channel.h"

#include <nng/nng.h>
#include <string.h>

/* How long a peer may take to greet. */
#define GREETING_MS 10000

void channel_receive_more(struct channel *self)
{
    nng_iov room = {.iov_buf = self->input + self->input_end,
                    .iov_len = self->input_capacity - self->input_end};
    self->guarded.receiving = true;
    nng_aio_set_timeout(self->receive, self->greeted ? NNG_DURATION_INFINITE : GREETING_MS);
    nng_aio_set_iov(self->receive, 1, &room);
    nng_stream_recv(self->guarded.stream, self->receive);
}

static bool replace_input(struct channel *self, size_t capacity)
{
    uint8_t *input = memory_take(self->options.memory, capacity);
    if (input == NULL) {
        return false;
    }
    memcpy(input, self->input + self->input_begin, self->input_end - self->input_begin);
    memory_give(self->options.memory, self->input);
    self->input = input;
    self->input_capacity = capacity;
    self->input_end -= self->input_begin;
    self->input_begin = 0;
    return true;
}

/* Room behind what has been received of a message that is `needed` bytes long. False: memory is
   out. */
static bool make_room(struct channel *self, size_t needed)
{
    size_t held = self->input_end - self->input_begin;
    if (needed > self->input_capacity) {
        return replace_input(self, needed);
    }
    if (held == 0 && self->input_capacity > CHANNEL_BUFFER_BYTES) {
        return replace_input(self, CHANNEL_BUFFER_BYTES);
    }
    if (held == 0 || self->input_begin + needed > self->input_capacity) {
        memmove(self->input, self->input + self->input_begin, held);
        self->input_begin = 0;
        self->input_end = held;
    }
    return true;
}

/* The reply to a flight, or that it is too large. A reply that nobody waits for any more is passed
   over. */
static void hand_over(struct channel *self, const struct framing_reply *reply, bool too_large)
{
    struct channel_settled settled;
    channel_settled_init(&settled);
    pthread_mutex_lock(&self->lock);
    struct flight *flight = flights_find(&self->guarded.flights, reply->id);
    if (flight != NULL && too_large) {
        channel_settle_too_large(self, flight, reply->body_bytes, &settled);
    } else if (flight != NULL) {
        channel_settle_flight(self, flight, reply->body, (size_t)reply->body_bytes, &settled);
    }
    channel_resend(self, &settled);
    pthread_mutex_unlock(&self->lock);
    channel_finish(self, &settled);
}

/* Remembers how a peer began that is no server of ours. */
static int be_surprised(struct channel *self, const uint8_t *said, size_t length)
{
    pthread_mutex_lock(&self->lock);
    memset(self->guarded.said, 0, sizeof(self->guarded.said));
    memcpy(self->guarded.said, said,
           length < sizeof(self->guarded.said) ? length : sizeof(self->guarded.said));
    pthread_mutex_unlock(&self->lock);
    return NNG_EPROTO;
}

/* 0, and how many bytes are needed to go on; or NNG's error: the connection is of no use. */
static int take_greeting(struct channel *self, size_t *needed)
{
    size_t held = self->input_end - self->input_begin;
    *needed = FRAMING_GREETING_BYTES;
    const uint8_t *said = self->input + self->input_begin;
    if (held < FRAMING_GREETING_BYTES) {
        /* What begins otherwise may never become eight bytes long. */
        return held > 0 && said[0] != framing_greeting[0] ? be_surprised(self, said, held) : 0;
    }
    if (!framing_is_reply_greeting(said)) {
        return be_surprised(self, said, FRAMING_GREETING_BYTES);
    }
    self->input_begin += FRAMING_GREETING_BYTES;
    self->greeted = true;
    pthread_mutex_lock(&self->lock);
    if (self->guarded.state == CHANNEL_GREETING) {
        self->guarded.state = CHANNEL_UP;
        self->guarded.failure = 0;
        self->guarded.retry_ms = CHANNEL_RETRY_MIN_MS;
        self->guarded.plain = false;
        self->guarded.round_failed = false;
        channel_note_news(self, true, 0);
        pthread_cond_broadcast(&self->guarded.changed);
        channel_send_next(self);
    }
    pthread_mutex_unlock(&self->lock);
    return 0;
}

static int take_replies(struct channel *self, size_t *needed)
{
    for (;;) {
        struct framing_reply reply;
        enum framing_result result = framing_parse_reply(
            self->input + self->input_begin, self->input_end - self->input_begin, self->marked,
            self->options.max_message_bytes, &reply);
        *needed = reply.bytes;
        switch (result) {
        case FRAMING_COMPLETE:
            hand_over(self, &reply, false);
            self->input_begin += reply.bytes;
            break;
        case FRAMING_INCOMPLETE:
            return 0;
        case FRAMING_TOO_LARGE:
            hand_over(self, &reply, true);
            return NNG_EMSGSIZE;
        case FRAMING_BROKEN:
            return NNG_EPROTO;
        }
    }
}

static int take_input(struct channel *self)
{
    size_t needed = 0;
    int error = self->greeted ? 0 : take_greeting(self, &needed);
    if (error == 0 && self->greeted) {
        error = take_replies(self, &needed);
    }
    if (error == 0 && !make_room(self, needed)) {
        error = NNG_ENOMEM;
    }
    return error;
}

void channel_on_received(void *argument)
{
    struct channel *self = argument;
    int error = nng_aio_result(self->receive);
    if (error == 0) {
        self->input_end += nng_aio_count(self->receive);
        error = take_input(self);
    }
    struct channel_settled settled;
    channel_settled_init(&settled);
    pthread_mutex_lock(&self->lock);
    if (error != 0) {
        channel_drop_connection(self, error, &settled);
    }
    if (self->guarded.state == CHANNEL_UP || self->guarded.state == CHANNEL_GREETING) {
        channel_receive_more(self);
    } else {
        self->guarded.receiving = false;
        channel_leave_connection(self);
    }
    channel_resend(self, &settled);
    pthread_mutex_unlock(&self->lock);
    channel_finish(self, &settled);
}
