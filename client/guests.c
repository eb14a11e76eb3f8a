#include "guests.h"

void guests_init(struct guests *self)
{
    list_init(&self->list);
    pthread_mutex_init(&self->lock, NULL);
}

void guests_deinit(struct guests *self)
{
    pthread_mutex_destroy(&self->lock);
}

void guests_add(struct guests *self, struct guest *guest)
{
    list_node_init(&guest->node);
    pthread_mutex_lock(&self->lock);
    list_push_back(&self->list, &guest->node);
    pthread_mutex_unlock(&self->lock);
}

void guests_remove(struct guests *self, struct guest *guest)
{
    pthread_mutex_lock(&self->lock);
    list_remove(&guest->node);
    pthread_mutex_unlock(&self->lock);
}

void guests_close(struct guests *self)
{
    for (;;) {
        pthread_mutex_lock(&self->lock);
        struct list_node *node = list_pop_front(&self->list);
        pthread_mutex_unlock(&self->lock);
        if (node == NULL) {
            return;
        }
        struct guest *guest = CONTAINER_OF(node, struct guest, node);
        guest->on_close(guest);
    }
}
