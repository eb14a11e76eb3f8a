/* A timing wheel of queued entries: which deadlines have passed, and when to look again. Pure: it
   reads no clock. Not synchronised.

   Ticks are about 2 ms; a deadline is seen at the first tick after it, so at most one tick late.
   Adding and removing are O(1). A deadline beyond one turn of the wheel is looked at once per turn.
 */
#ifndef STATED_SCHED_DEADLINE_H
#define STATED_SCHED_DEADLINE_H

#include "sched/entry.h"

#define DEADLINE_TICK_BITS 21 /* 2^21 ns */
#define DEADLINE_SLOTS 2048   /* one turn takes 4.3 s */
#define DEADLINE_NEVER_NS UINT64_MAX

/* In place. Holds no entry of its own: entries are linked by timer_node. */
struct deadline {
    uint64_t swept_tick; /* all that was due at this tick or before has been taken */
    uint64_t occupied[DEADLINE_SLOTS / 64]; /* bit set: the slot's list is not empty */
    struct list slots[DEADLINE_SLOTS];
};

/* An empty wheel that starts to turn at now_ns. */
void deadline_init(struct deadline *self, uint64_t now_ns);

/* Adds an entry that is not in the wheel; gives the time of the tick that will find it expired. */
uint64_t deadline_add(struct deadline *self, struct gate_entry *entry);

/* Takes an entry out; harmless when it is not in. Also for one that deadline_take_due moved to its
   list. */
void deadline_remove(struct deadline *self, struct gate_entry *entry);

/* Moves every entry whose deadline has passed to `due`, linked by timer_node. */
void deadline_take_due(struct deadline *self, uint64_t now_ns, struct list *due);

/* When to call deadline_take_due next: not after the earliest tick with something due.
   DEADLINE_NEVER_NS when the wheel is empty. */
uint64_t deadline_next_ns(const struct deadline *self);

#endif
