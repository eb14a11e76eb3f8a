#include "slot.h"

#include "channel.h"
#include "framing.h"
#include "monotonic.h"

#include <nng/nng.h>
#include <stdlib.h>
#include <string.h>

/* What an idle slot keeps; a larger frame's memory goes back. */
#define KEPT_BYTES ((size_t)16 << 10)

void slot_init(struct slot *self, struct channel *channel, slot_done done, void *owner)
{
    *self = (struct slot){.channel = channel, .done = done, .owner = owner};
    list_node_init(&self->node);
    pthread_mutex_init(&self->lock, NULL);
    monotonic_cond_init(&self->guarded.came);
}

void slot_deinit(struct slot *self)
{
    pthread_cond_destroy(&self->guarded.came);
    pthread_mutex_destroy(&self->lock);
    free(self->frame);
}

static bool make_room(struct slot *self, size_t bytes)
{
    bool wasteful = self->frame_capacity > KEPT_BYTES && bytes <= KEPT_BYTES;
    if (bytes <= self->frame_capacity && !wasteful) {
        return true;
    }
    free(self->frame);
    self->frame = malloc(bytes);
    self->frame_capacity = self->frame == NULL ? 0 : bytes;
    return self->frame != NULL;
}

uint8_t *slot_reserve(struct slot *self, size_t body_bytes)
{
    self->body_bytes = body_bytes;
    return make_room(self, FRAMING_MAX_HEADER_BYTES + body_bytes)
               ? self->frame + FRAMING_MAX_HEADER_BYTES
               : NULL;
}

/* The channel goes on with its buffer, so the reply is copied to where the request was. */
static void keep_outcome(struct slot *self, const struct outcome *outcome)
{
    self->outcome = *outcome;
    if (outcome->error != 0) {
        return;
    }
    if (make_room(self, outcome->reply_bytes)) {
        memcpy(self->frame, outcome->reply, outcome->reply_bytes);
        self->outcome.reply = self->frame;
    } else {
        self->outcome = (struct outcome){.error = NNG_ENOMEM, .sent = true};
    }
}

void slot_finish(struct slot *self, const struct outcome *outcome)
{
    if (self->asynchronous) {
        self->done(self, outcome);
        return;
    }
    keep_outcome(self, outcome);
    pthread_mutex_lock(&self->lock);
    self->guarded.is_there = true;
    pthread_cond_signal(&self->guarded.came);
    pthread_mutex_unlock(&self->lock);
}

/* False when it has not come by then. */
static bool wait_for_outcome(struct slot *self, uint64_t until_ns)
{
    pthread_mutex_lock(&self->lock);
    while (!self->guarded.is_there && clock_now_ns() < until_ns) {
        monotonic_cond_wait(&self->guarded.came, &self->lock, until_ns);
    }
    bool is_there = self->guarded.is_there;
    pthread_mutex_unlock(&self->lock);
    return is_there;
}

void slot_exchange(struct slot *self, uint64_t deadline_ns, struct outcome *outcome)
{
    self->deadline_ns = deadline_ns;
    self->asynchronous = false;
    self->guarded.is_there = false;
    *outcome = (struct outcome){.error = NNG_ECLOSED};
    if (!channel_submit(self->channel, self)) {
        return;
    }
    if (!wait_for_outcome(self, deadline_ns)) {
        if (channel_withdraw(self->channel, self, &outcome->sent)) {
            outcome->error = NNG_ETIMEDOUT;
            return;
        }
        /* Too late to give up: the outcome is being handed over just now. */
        while (!wait_for_outcome(self, UINT64_MAX)) {
        }
    }
    *outcome = self->outcome;
}

int slot_start(struct slot *self, uint64_t deadline_ns)
{
    self->deadline_ns = deadline_ns;
    self->asynchronous = true;
    return channel_submit(self->channel, self) ? 0 : NNG_ECLOSED;
}
