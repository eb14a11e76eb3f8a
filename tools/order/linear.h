/* Are the calls of many clients linearizable? Judged by times alone, with no trust in tickets.

   For each key by itself: is there an order of the calls in which every call takes effect at one
   moment between its sending and its reply, and every reply shows what the calls before it left?
   A call whose reply never came may have taken effect once at any moment after it was sent, or
   never. That each key has such an order is what linearizability asks of single keys, and necessary
   for calls that touch several (source: Herlihy and Wing, Linearizability, 1990). */
#ifndef STATED_ORDER_LINEAR_H
#define STATED_ORDER_LINEAR_H

#include "order/oracle.h"

#include "stated/status.h"

#include <stddef.h>
#include <stdint.h>

enum {
    LINEAR_MOST_PENDING = 256,            /* calls of one key at one moment */
    LINEAR_MOST_CONFIGURATIONS = 1 << 17, /* ways that the past of one key may have been */
};

struct linear_report {
    size_t checked;                     /* calls, counted once for each of their keys */
    size_t open;                        /* of these, calls without a reply */
    size_t configurations;              /* the most that were kept at one moment */
    uint32_t key;                       /* DATA_LOSS: which key has no order, */
    size_t call;                        /* and the index of the call whose reply nothing explains */
    char message[STATED_MESSAGE_BYTES]; /* for people; "" when nothing was found */
};

/* Checks the history; its tickets, revisions, versions and `alone` are not looked at, its cells are
   the state before the first call and stay as they are. OK: every key has an order. DATA_LOSS: one
   has none. INVALID_ARGUMENT: the history is malformed, as oracle_check says. RESOURCE_EXHAUSTED:
   memory is out, or a key has more calls at once than can be decided (the limits above).

   Time is linear in the calls and grows with 2^n for n calls at once that change one key and show
   nothing. Any thread; does not block. */
enum stated_code linear_check(const struct oracle_history *history,
                              struct linear_report *report) STATED_MUST_USE;

#endif
