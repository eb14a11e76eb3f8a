#include "channel.h"
#include "framing.h"

#include <nng/nng.h>
#include <stdlib.h>
#include <string.h>

static struct slot **bucket_of(struct channel *self, uint32_t id)
{
    return &self->guarded.by_id[id & (self->guarded.n_buckets - 1)];
}

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

/* Puts the header in front of the body; where the message begins, and its length. */
static uint8_t *seal(const struct channel *self, struct slot *slot, size_t *bytes)
{
    size_t header = framing_header_bytes(self->marked);
    uint8_t *begin = slot->frame + FRAMING_MAX_HEADER_BYTES - header;
    framing_put_header(begin, self->marked, slot->id, slot->body_bytes);
    *bytes = header + slot->body_bytes;
    return begin;
}

static void move_to_sent(struct channel *self, struct slot *slot)
{
    list_remove(&slot->node);
    list_push_back(&self->guarded.sent, &slot->node);
    slot->place = SLOT_SENT;
}

/* As many frames as fit into the batch. They are copied, so that a slot is free for its next call
   whatever NNG still does with them. A frame larger than that is handed over instead. */
static void gather(struct channel *self)
{
    struct list_node *node;
    self->output = self->batch;
    self->output_bytes = 0;
    while ((node = list_first(&self->guarded.unsent)) != NULL) {
        struct slot *slot = CONTAINER_OF(node, struct slot, node);
        size_t bytes;
        uint8_t *begin = seal(self, slot, &bytes);
        if (bytes > CHANNEL_BATCH_BYTES && self->output_bytes == 0) {
            self->large = slot->frame;
            self->output = begin;
            self->output_bytes = bytes;
            slot->frame = NULL;
            slot->frame_capacity = 0;
            move_to_sent(self, slot);
            return;
        }
        if (bytes > CHANNEL_BATCH_BYTES - self->output_bytes) {
            return;
        }
        memcpy(self->batch + self->output_bytes, begin, bytes);
        self->output_bytes += bytes;
        move_to_sent(self, slot);
    }
}

void channel_send_next(struct channel *self)
{
    if (self->guarded.state == CHANNEL_UP && !self->guarded.sending &&
        !list_is_empty(&self->guarded.unsent)) {
        gather(self);
        post_send(self);
    }
}

/* Ids count up, and come round again after two thousand million calls. */
static void enlist(struct channel *self, struct slot *slot)
{
    slot->id = FRAMING_ID_BIT | self->guarded.next_id++;
    slot->place = SLOT_UNSENT;
    list_push_back(&self->guarded.unsent, &slot->node);
    struct slot **bucket = bucket_of(self, slot->id);
    slot->next_in_bucket = *bucket;
    *bucket = slot;
}

void channel_remove(struct channel *self, struct slot *slot)
{
    struct slot **place = bucket_of(self, slot->id);
    while (*place != slot) {
        place = &(*place)->next_in_bucket;
    }
    *place = slot->next_in_bucket;
    list_remove(&slot->node);
    slot->place = SLOT_NOWHERE;
}

bool channel_submit(struct channel *self, struct slot *slot)
{
    pthread_mutex_lock(&self->lock);
    bool open = self->guarded.state != CHANNEL_SHUT;
    if (open) {
        enlist(self, slot);
        if (slot->asynchronous) {
            alarm_set(&self->guarded.deadlines, slot->deadline_ns);
        }
        channel_send_next(self);
    }
    pthread_mutex_unlock(&self->lock);
    return open;
}

bool channel_withdraw(struct channel *self, struct slot *slot, bool *sent)
{
    pthread_mutex_lock(&self->lock);
    bool ours = slot->place != SLOT_NOWHERE;
    *sent = slot->place == SLOT_SENT;
    if (ours) {
        channel_remove(self, slot);
    }
    pthread_mutex_unlock(&self->lock);
    return ours;
}

void channel_on_sent(void *argument)
{
    struct channel *self = argument;
    int error = nng_aio_result(self->send);
    struct list lost;
    list_init(&lost);
    pthread_mutex_lock(&self->lock);
    bool connected = self->guarded.state == CHANNEL_UP || self->guarded.state == CHANNEL_GREETING;
    if (connected && error != 0) {
        channel_drop_connection(self, error, &lost);
        connected = false;
    }
    size_t count = error == 0 ? nng_aio_count(self->send) : 0;
    self->output += count;
    self->output_bytes -= count;
    if (connected && self->output_bytes > 0) {
        post_send(self);
    } else {
        free(self->large);
        self->large = NULL;
        self->guarded.sending = false;
        if (connected) {
            channel_send_next(self);
        } else {
            channel_leave_connection(self);
        }
    }
    pthread_mutex_unlock(&self->lock);
    channel_finish_all(&lost, &(struct outcome){.error = NNG_ECONNRESET, .sent = true});
}
