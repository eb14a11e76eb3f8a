/* Outcomes for a program with its own event loop: they wait, and a descriptor says so, until the
   program comes for them. */
#ifndef STATED_CLIENT_LOOP_H
#define STATED_CLIENT_LOOP_H

#include "slot.h"

#include "base/list.h"

#include <pthread.h>
#include <stdbool.h>

struct loop {
    int fd; /* -1: there is no loop */
    pthread_mutex_t lock;
    struct {
        struct list done; /* slots, in the order of their outcomes */
        bool news;        /* of the connection */
    } guarded;
};

/* With a descriptor if wanted. False when there is none left. */
bool loop_init(struct loop *self, bool wanted) STATED_MUST_USE;

/* Nothing waits any more. */
void loop_deinit(struct loop *self);

/* The slot's outcome, which was kept, waits. Any thread. */
void loop_push(struct loop *self, struct slot *slot);

/* The connection's state waits. Any thread. */
void loop_push_news(struct loop *self);

/* Takes up to `most` of whether there is news, and slots, in order. Clears the descriptor unless
   something stays. */
void loop_take(struct loop *self, size_t most, struct list *slots, bool *news);

#endif
