/* Turns a log of calls into what the order oracle replays: which keys each call saw or changed. */
#ifndef STATED_ORDER_HISTORY_H
#define STATED_ORDER_HISTORY_H

#include "order/call_log.h"
#include "order/key_set.h"
#include "order/oracle.h"

#include "stated/status.h"

#include <stdbool.h>
#include <stddef.h>

/* The history of one log. Keys are every key that any call names or any reply shows, sorted, so
   that a range that came back without a key is a statement about that key. */
struct history {
    struct oracle_history oracle;
    struct key_set keys;
    struct oracle_call *calls;
    struct oracle_step *steps;
    size_t n_steps;
    size_t steps_capacity;
    bool no_memory;
    bool by_time; /* for linear_check: tickets and epochs do not matter */
};

/* Builds the history of a log, which must outlive it; alone: nobody else called the server
   meanwhile, and its state was empty before; otherwise what a key held before is not known until a
   call shows it. INVALID_ARGUMENT: calls of more than one epoch, where
   tickets do not compare. DATA_LOSS: a reply contradicts itself (a write not applied although every
   guard held); status names its ticket. RESOURCE_EXHAUSTED: memory. After a failure there is
   nothing to deinit.

   A call without a ticket whose outcome only the client decided (UNAVAILABLE, DEADLINE_EXCEEDED,
   CANCELLED, UNKNOWN) counts as lost: it took effect once or never, and may have a ticket. */
enum stated_code history_init(struct history *self, const struct call_log *log, bool alone,
                              struct stated_status *status) STATED_MUST_USE;

/* The same for linear_check, which looks at times alone: the log may be of several epochs, and
   reads that took no ticket count as well. */
enum stated_code history_init_by_time(struct history *self, const struct call_log *log, bool alone,
                                      struct stated_status *status) STATED_MUST_USE;

/* Frees what it holds. */
void history_deinit(struct history *self);

#endif
