/* The lock and its queue as text for people. */
#ifndef STATED_STATECTL_QUEUE_VIEW_H
#define STATED_STATECTL_QUEUE_VIEW_H

#include "stated/v1/admin.pb-c.h"

/* Prints who holds the lock, who waits, and how long calls waited and held it, on standard output.
   Any thread. */
void queue_view_print(const Stated__V1__QueueResponse *queue);

/* Prints what poisoned the state, as one line. */
void queue_view_poison(const Stated__V1__Poison *poison);

#endif
