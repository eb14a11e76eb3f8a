/* AdminService's look at the gate: who holds the lock, who waits, and what poisoned the state. */
#ifndef STATED_STATE_ADMIN_QUEUE_H
#define STATED_STATE_ADMIN_QUEUE_H

#include "stated/server.h"
#include "stated/v1/admin.pb-c.h"

/* The handlers of Queue and ClearPoison; the call's state is the server. On the thread that
   received the call; they keep the gate's mutex for microseconds at most. */
enum stated_code admin_queue(struct stated_call *call, const Stated__V1__QueueRequest *request,
                             Stated__V1__QueueResponse *response);
enum stated_code admin_clear_poison(struct stated_call *call,
                                    const Stated__V1__ClearPoisonRequest *request,
                                    Stated__V1__ClearPoisonResponse *response);

/* Fails the call: RESOURCE_EXHAUSTED, no memory for the reply. */
enum stated_code admin_no_memory(struct stated_call *call);

/* A copy in the call's memory, for a response, which holds char pointers without const; NULL when
   memory is out. */
char *admin_copy_text(struct stated_call *call, const char *text);

#endif
