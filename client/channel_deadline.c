#include "channel.h"

#include "base/clock.h"

#include <nng/nng.h>

/* Moves the asynchronous slots of one list whose time is over to `due`, and when the channel is
   shut all slots. The earliest deadline of the asynchronous ones that stay, or `next_ns`. */
static uint64_t collect(struct channel *self, struct list *from, uint64_t next_ns, struct list *due)
{
    uint64_t now = clock_now_ns();
    bool all = self->guarded.state == CHANNEL_SHUT;
    struct list_node *after;
    list_init(due);
    for (struct list_node *node = list_first(from); node != NULL; node = after) {
        after = list_after(from, node);
        struct slot *slot = CONTAINER_OF(node, struct slot, node);
        if (all || (slot->asynchronous && slot->deadline_ns <= now)) {
            channel_remove(self, slot);
            list_push_back(due, node);
        } else if (slot->asynchronous && slot->deadline_ns < next_ns) {
            next_ns = slot->deadline_ns;
        }
    }
    return next_ns;
}

void channel_finish_all(struct list *slots, const struct outcome *outcome)
{
    struct list_node *node;
    while ((node = list_pop_front(slots)) != NULL) {
        slot_finish(CONTAINER_OF(node, struct slot, node), outcome);
    }
}

void channel_on_deadline(void *argument)
{
    struct channel *self = argument;
    struct list unsent;
    struct list sent;
    pthread_mutex_lock(&self->lock);
    alarm_went_off(&self->guarded.deadlines);
    uint64_t next_ns = collect(self, &self->guarded.unsent, UINT64_MAX, &unsent);
    next_ns = collect(self, &self->guarded.sent, next_ns, &sent);
    int error = self->guarded.state == CHANNEL_SHUT ? NNG_ECLOSED : NNG_ETIMEDOUT;
    if (next_ns != UINT64_MAX) {
        alarm_set(&self->guarded.deadlines, next_ns);
    }
    pthread_cond_broadcast(&self->guarded.changed);
    pthread_mutex_unlock(&self->lock);
    channel_finish_all(&unsent, &(struct outcome){.error = error});
    channel_finish_all(&sent, &(struct outcome){.error = error, .sent = true});
}
