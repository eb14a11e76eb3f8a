/* What lives with a client and goes on by itself, and so has to be told when the client closes. */
#ifndef STATED_CLIENT_GUESTS_H
#define STATED_CLIENT_GUESTS_H

#include "base/list.h"

#include <pthread.h>

/* Embedded in the guest. on_close is told once, on the thread that closes the client, when no call
   is on its way and no callback is to come any more; the guest is not of the client's then, and may
   be freed there. */
struct guest {
    struct list_node node;
    void (*on_close)(struct guest *self);
};

struct guests {
    pthread_mutex_t lock;
    struct list list;
};

/* None. */
void guests_init(struct guests *self);

/* There is none any more. */
void guests_deinit(struct guests *self);

/* Any thread. */
void guests_add(struct guests *self, struct guest *guest);

/* It is not told any more; harmless if it is no guest. Any thread, but not while they are told. */
void guests_remove(struct guests *self, struct guest *guest);

/* Tells all. */
void guests_close(struct guests *self);

#endif
