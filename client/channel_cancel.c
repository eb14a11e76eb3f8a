#include "channel.h"

void channel_cancel(struct channel *self, struct stated_cancel *cancel)
{
    struct list_node *node;
    pthread_mutex_lock(&self->lock);
    cancel->requested = true;
    while ((node = list_pop_front(&cancel->slots)) != NULL) {
        struct slot *slot = CONTAINER_OF(node, struct slot, cancel_node);
        slot->retry.doubt = slot->retry.doubt || slot->place == SLOT_SENT;
        channel_remove(self, slot);
        slot->place = SLOT_ENDING;
        list_push_back(&self->guarded.ending, &slot->node);
        alarm_set(&self->guarded.timer, 0);
    }
    channel_send_next(self);
    pthread_mutex_unlock(&self->lock);
}

void channel_forget_cancel(struct channel *self, struct stated_cancel *cancel)
{
    pthread_mutex_lock(&self->lock);
    while (list_pop_front(&cancel->slots) != NULL) {
    }
    pthread_mutex_unlock(&self->lock);
}
