#include "slot.h"

#include "channel.h"
#include "monotonic.h"

#include <nng/nng.h>
#include <string.h>

void slot_init(struct slot *self, struct channel *channel, ProtobufCAllocator *memory,
               slot_done done, void *owner)
{
    *self = (struct slot){.channel = channel, .memory = memory, .done = done, .owner = owner};
    list_node_init(&self->node);
    list_node_init(&self->cancel_node);
    pthread_mutex_init(&self->lock, NULL);
    monotonic_cond_init(&self->guarded.came);
}

void slot_deinit(struct slot *self)
{
    pthread_cond_destroy(&self->guarded.came);
    pthread_mutex_destroy(&self->lock);
    memory_give(self->memory, self->payload.bytes);
    memory_give(self->memory, self->kept.bytes);
}

void slot_begin(struct slot *self, const struct call *call)
{
    self->call = *call;
    self->retry = (struct retry_call){.access = call->method->access,
                                      .once = call->once,
                                      .deadline_ns = call_wait_until_ns(call)};
    self->sequence = 0;
    self->plain = false;
    self->alone = false;
    self->endpoint = NULL;
}

uint8_t *slot_reserve(struct slot *self, size_t payload_bytes)
{
    self->payload_bytes = payload_bytes;
    return memory_reserve(self->memory, &self->payload, payload_bytes) ? self->payload.bytes : NULL;
}

void slot_keep_outcome(struct slot *self)
{
    struct reply_view *reply = &self->outcome.reply;
    if (self->outcome.error != 0) {
        return;
    }
    size_t message_bytes = reply->message_bytes;
    size_t payload_bytes = reply->payload_bytes;
    if (!memory_reserve(self->memory, &self->kept, message_bytes + payload_bytes)) {
        self->outcome.error = NNG_ENOMEM;
        self->outcome.sent = true;
        self->outcome.reply_bytes = payload_bytes;
        return;
    }
    if (message_bytes > 0) {
        memcpy(self->kept.bytes, reply->message, message_bytes);
    }
    if (payload_bytes > 0) {
        memcpy(self->kept.bytes + message_bytes, reply->payload, payload_bytes);
    }
    reply->message = self->kept.bytes;
    reply->payload = self->kept.bytes + message_bytes;
}

void slot_finish(struct slot *self)
{
    if (self->asynchronous) {
        self->done(self);
        return;
    }
    slot_keep_outcome(self);
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

void slot_exchange(struct slot *self)
{
    uint64_t until_ns = self->retry.deadline_ns;
    self->asynchronous = false;
    self->guarded.is_there = false;
    int error = channel_submit(self->channel, self);
    if (error != 0) {
        self->outcome = (struct outcome){.error = error};
        return;
    }
    if (!wait_for_outcome(self, until_ns) && !channel_withdraw(self->channel, self)) {
        /* Too late to give up: the outcome is being handed over just now. */
        while (!wait_for_outcome(self, UINT64_MAX)) {
        }
    }
}

int slot_start(struct slot *self)
{
    self->asynchronous = true;
    return channel_submit(self->channel, self);
}
