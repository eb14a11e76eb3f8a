/* What becomes of calls: an outcome, or one more try. Everything here happens under the lock; the
   callbacks follow when it is released. */
#include "channel.h"

#include "base/clock.h"

#include <nng/nng.h>

void channel_settled_init(struct channel_settled *self)
{
    list_init(&self->done);
    list_init(&self->again);
}

void channel_remove(struct channel *self, struct slot *slot)
{
    struct flight *flight = slot->flight;
    list_remove(&slot->node);
    slot->place = SLOT_NOWHERE;
    if (flight != NULL) {
        slot->flight = NULL;
        self->guarded.n_sent--;
        if (list_is_empty(&flight->calls)) {
            flights_remove(&self->guarded.flights, flight);
        }
    }
}

static void settle_sequence(struct channel *self, struct slot *slot)
{
    if (slot->sequence != 0) {
        numbering_settle(&self->guarded.numbering, slot->sequence);
    }
}

/* The slot is on no list. */
static void end(struct channel *self, struct slot *slot, const struct outcome *outcome,
                struct list *done)
{
    slot->outcome = *outcome;
    slot->outcome.endpoint = slot->endpoint;
    slot->outcome.tries = slot->retry.tries;
    slot->outcome.sequence = slot->sequence;
    settle_sequence(self, slot);
    list_remove(&slot->cancel_node);
    slot->place = SLOT_NOWHERE;
    list_push_back(done, &slot->node);
}

void channel_end(struct channel *self, struct slot *slot, const struct outcome *outcome,
                 struct channel_settled *settled)
{
    struct outcome whole = *outcome;
    whole.sent = outcome->sent || slot->place == SLOT_SENT || slot->retry.doubt;
    channel_remove(self, slot);
    end(self, slot, &whole, &settled->done);
}

void channel_again(struct channel *self, struct slot *slot, bool alone,
                   struct channel_settled *settled)
{
    (void)self;
    slot->alone = slot->alone || alone;
    slot->place = SLOT_UNSENT;
    list_push_back(&settled->again, &slot->node);
}

static void rest(struct channel *self, struct slot *slot, uint64_t at_ns)
{
    bool shut = self->guarded.state == CHANNEL_SHUT;
    slot->place = SLOT_RESTING;
    slot->at_ns = shut ? 0 : at_ns;
    list_push_back(&self->guarded.resting, &slot->node);
    alarm_set(&self->guarded.timer, slot->at_ns);
}

/* xorshift: any number will do. */
static uint32_t next_random(struct channel *self)
{
    uint32_t x = self->guarded.random;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return self->guarded.random = x;
}

static void go_on_plain(struct channel *self, struct slot *slot, struct channel_settled *settled)
{
    settle_sequence(self, slot);
    slot->sequence = 0;
    slot->plain = true;
    slot->retry.numbered = false;
    channel_again(self, slot, false, settled);
}

void channel_judge_reply(struct channel *self, struct slot *slot, const struct reply_view *reply,
                         bool shared, struct channel_settled *settled)
{
    uint64_t at_ns = 0;
    /* A code of a later version may mean anything: its caller is told, not the server again. */
    bool is_last = reply->code == STATED_OK || reply->number > STATED_UNAUTHENTICATED;
    slot->retry.shared = shared;
    enum retry_action action =
        is_last ? RETRY_END
                : retry_after_reply(&self->options.retry, &slot->retry, reply->code,
                                    reply->order.replayed, reply->retry_after_ms, clock_now_ns(),
                                    next_random(self), &at_ns);
    slot->retry.refusals++;
    /* A server that cannot tell leaves it open whatever it says the next time. */
    slot->retry.doubt = slot->retry.doubt || reply->code == STATED_UNKNOWN;
    /* Answered without its sequence as it was not with it: this server does not know them. */
    self->guarded.plain =
        self->guarded.plain || (slot->plain && reply->code != STATED_UNIMPLEMENTED);
    switch (action) {
    case RETRY_END:
    case RETRY_UNCERTAIN:
        end(self, slot, &(struct outcome){.reply = *reply, .uncertain = action == RETRY_UNCERTAIN},
            &settled->done);
        break;
    case RETRY_AGAIN:
    case RETRY_ALONE:
        channel_again(self, slot, action == RETRY_ALONE, settled);
        break;
    case RETRY_PLAIN:
        go_on_plain(self, slot, settled);
        break;
    case RETRY_LATER:
        rest(self, slot, at_ns);
        break;
    }
}

void channel_judge_loss(struct channel *self, struct slot *slot, int error,
                        struct channel_settled *settled)
{
    uint64_t at_ns = 0;
    enum retry_action action = retry_after_loss(&self->options.retry, &slot->retry, clock_now_ns(),
                                                next_random(self), &at_ns);
    slot->retry.doubt = true;
    if (action == RETRY_AGAIN) {
        channel_again(self, slot, false, settled);
    } else if (action == RETRY_LATER) {
        rest(self, slot, at_ns);
    } else {
        end(self, slot, &(struct outcome){.error = error, .sent = true}, &settled->done);
    }
}

void channel_resend(struct channel *self, struct channel_settled *settled)
{
    if (self->guarded.state == CHANNEL_SHUT && !list_is_empty(&settled->again)) {
        alarm_set(&self->guarded.timer, 0); /* which ends them */
    }
    list_prepend(&self->guarded.unsent, &settled->again);
    self->guarded.finishing++;
    channel_send_next(self);
}

/* Takes the calls of a flight out of it, which ends it. */
static void take_calls(struct channel *self, struct flight *flight, struct list *calls)
{
    list_init(calls);
    struct list_node *node;
    while ((node = list_first(&flight->calls)) != NULL) {
        list_remove(node);
        list_push_back(calls, node);
        struct slot *slot = CONTAINER_OF(node, struct slot, node);
        slot->flight = NULL;
        slot->place = SLOT_NOWHERE;
        self->guarded.n_sent--;
    }
    flights_remove(&self->guarded.flights, flight);
}

static void end_all(struct channel *self, struct list *calls, const struct outcome *outcome,
                    struct channel_settled *settled)
{
    struct list_node *node;
    while ((node = list_pop_front(calls)) != NULL) {
        end(self, CONTAINER_OF(node, struct slot, node), outcome, &settled->done);
    }
}

/* The server refused the frame as a whole, with one reply: nothing of it was executed. Its calls go
   on one by one, and what is sent together from now on is smaller. */
static void split(struct channel *self, struct list *calls, uint32_t n_calls,
                  struct channel_settled *settled)
{
    struct list_node *node;
    self->guarded.coalesce.max_calls = n_calls / 2;
    while ((node = list_pop_front(calls)) != NULL) {
        channel_again(self, CONTAINER_OF(node, struct slot, node), true, settled);
    }
}

/* Each call that still waits gets the reply in its position. */
static void hand_out(struct channel *self, struct reply_frame *frame, struct list *calls,
                     struct channel_settled *settled)
{
    bool shared = frame->n_replies > 1;
    struct list_node *node = list_pop_front(calls);
    for (uint32_t position = 0; node != NULL; position++) {
        struct slot *slot = CONTAINER_OF(node, struct slot, node);
        struct reply_view reply;
        bool good = reply_frame_next(frame, &reply);
        if (position != slot->position) {
            continue;
        }
        if (good) {
            channel_judge_reply(self, slot, &reply, shared, settled);
        } else {
            end(self, slot,
                &(struct outcome){
                    .error = NNG_EPROTO, .sent = true, .fault = "something that is no reply"},
                &settled->done);
        }
        node = list_pop_front(calls);
    }
}

void channel_settle_flight(struct channel *self, struct flight *flight, const uint8_t *body,
                           size_t length, struct channel_settled *settled)
{
    struct list calls;
    struct reply_frame frame;
    struct reply_frame peek;
    struct reply_view reply;
    uint32_t n_calls = flight->n_calls;
    take_calls(self, flight, &calls);
    bool is_frame = reply_frame_open(&frame, body, length);
    peek = frame;
    if (is_frame && frame.n_replies == n_calls) {
        hand_out(self, &frame, &calls, settled);
    } else if (is_frame && frame.n_replies == 1 && reply_frame_next(&peek, &reply) &&
               reply.code != STATED_OK) {
        split(self, &calls, n_calls, settled);
    } else {
        const char *fault = !is_frame                   ? "something that is no reply frame"
                            : frame.n_replies == 0      ? "a frame without a reply"
                            : frame.n_replies > n_calls ? "more replies than there were calls"
                                                        : "fewer replies than there were calls";
        end_all(self, &calls, &(struct outcome){.error = NNG_EPROTO, .sent = true, .fault = fault},
                settled);
    }
}

void channel_settle_too_large(struct channel *self, struct flight *flight, uint64_t reply_bytes,
                              struct channel_settled *settled)
{
    struct list calls;
    struct list_node *node;
    bool shared = flight->n_calls > 1;
    take_calls(self, flight, &calls);
    while (shared && (node = list_pop_front(&calls)) != NULL) {
        struct slot *slot = CONTAINER_OF(node, struct slot, node);
        slot->alone = true;
        channel_judge_loss(self, slot, NNG_EMSGSIZE, settled);
    }
    end_all(self, &calls,
            &(struct outcome){.error = NNG_EMSGSIZE, .sent = true, .reply_bytes = reply_bytes},
            settled);
}
