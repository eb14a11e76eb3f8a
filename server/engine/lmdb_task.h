/* How far a long operation is, told now and then to the one who asked for it, who may stop it.

   An operation has phases, each a share of the whole with so many steps; a step is a page or a
   record, so that a few hundred of them take no time that anyone would notice. */
#ifndef STATED_ENGINE_LMDB_TASK_H
#define STATED_ENGINE_LMDB_TASK_H

#include "state/store.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

/* Beside LMDB's codes, as LMDB_RECORD_DAMAGED: whoever asked for it wants it no more. */
#define LMDB_TASK_STOPPED (INT_MIN + 1)

/* Of the operation's thread. */
struct lmdb_task {
    const struct store_task *asker; /* NULL: nobody wants to know */
    unsigned base, share;           /* permille: the operation is part of a longer one */
    unsigned from, to;              /* permille of the operation: the phase in hand */
    uint64_t done, steps;           /* of the phase */
    uint64_t untold;                /* steps since the asker was told */
};

/* An operation that is the whole. asker may be NULL. */
void lmdb_task_init(struct lmdb_task *self, const struct store_task *asker);

/* From here to `to` permille of the whole an operation is at work that knows nothing of it. */
void lmdb_task_enter(struct lmdb_task *self, unsigned to);

/* Begins the phase that ends at `to` permille and has so many steps. NULL: no task. */
void lmdb_task_phase(struct lmdb_task *self, unsigned to, uint64_t steps);

/* So many steps more are done. False: stop, LMDB_TASK_STOPPED is the reason. NULL: no task. */
bool lmdb_task_step(struct lmdb_task *self, uint64_t steps) STATED_MUST_USE;

#endif
