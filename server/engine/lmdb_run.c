/* Runs as the layers above see them. A SHARED run is a read transaction from a pool: LMDB renews
   one without a lock, but makes one with an allocation and a lock. An EXCLUSIVE run is
   lmdb_commit.c's. */
#include "engine/lmdb_engine.h"

#include <stdlib.h>

static struct lmdb_store *of_store(struct store *store)
{
    return (struct lmdb_store *)store;
}

static struct lmdb_run *take_idle(struct lmdb_store *self)
{
    pthread_mutex_lock(&self->shared.mutex);
    struct lmdb_run *run = self->shared.idle;
    if (run != NULL) {
        self->shared.idle = run->next_idle;
    }
    pthread_mutex_unlock(&self->shared.mutex);
    return run;
}

static void give_idle(struct lmdb_run *run)
{
    struct lmdb_store *self = run->store;
    pthread_mutex_lock(&self->shared.mutex);
    run->next_idle = self->shared.idle;
    self->shared.idle = run;
    pthread_mutex_unlock(&self->shared.mutex);
}

static struct lmdb_run *begin_shared(struct lmdb_store *self)
{
    struct lmdb_run *run = take_idle(self);
    if (run == NULL) {
        run = calloc(1, sizeof(*run));
        if (run == NULL) {
            return NULL;
        }
        run->store = self;
        run->mode = STORE_SHARED;
    }
    run->cursor_is_old = true;
    run->trouble = lmdb_reader_begin(self, &run->txn, &run->revision);
    return run;
}

struct store_run *lmdb_run_begin(struct store *store, enum store_mode mode)
{
    struct lmdb_store *self = of_store(store);
    if (mode == STORE_SHARED) {
        return (struct store_run *)begin_shared(self);
    }
    struct lmdb_run *run = &self->exclusive;
    run->first = NULL;
    run->last = NULL;
    lmdb_commit_open(run);
    return (struct store_run *)run;
}

void lmdb_run_refuse(struct lmdb_run *run, struct store_op *op, int code)
{
    if (lmdb_trouble_of(run->store, code) == LMDB_TROUBLE_IO) {
        lmdb_trouble_fail(run->store, "reading", code);
        lmdb_trouble_refuse(run->store, op);
    } else {
        lmdb_trouble_settle(run->store, op, code);
    }
}

static void apply_shared(struct lmdb_run *run, struct store_op *op)
{
    lmdb_commit_reset_op(op);
    if (lmdb_trouble_is_final(run->store)) {
        lmdb_trouble_refuse(run->store, op);
        return;
    }
    int rc = run->trouble != 0 ? run->trouble : lmdb_read(run, op);
    if (rc != 0) {
        lmdb_run_refuse(run, op, rc);
    }
}

static void append(struct lmdb_run *run, struct store_op *op)
{
    op->next = NULL;
    if (run->last == NULL) {
        run->first = op;
    } else {
        run->last->next = op;
    }
    run->last = op;
}

void lmdb_run_apply(struct store_run *store_run, struct store_op *op)
{
    struct lmdb_run *run = (struct lmdb_run *)store_run;
    if (run->mode == STORE_SHARED) {
        apply_shared(run, op);
        return;
    }
    append(run, op);
    lmdb_commit_reset_op(op);
    if (run->trouble == 0) {
        run->trouble = lmdb_commit_execute(run, op);
    }
}

enum store_progress lmdb_run_commit(struct store_run *store_run, store_done done, void *argument)
{
    (void)done; /* everything here completes at once */
    (void)argument;
    struct lmdb_run *run = (struct lmdb_run *)store_run;
    if (run->mode == STORE_SHARED) {
        if (run->txn != NULL) {
            mdb_txn_reset(run->txn);
        }
        give_idle(run);
    } else {
        lmdb_commit_finish(run);
    }
    return STORE_COMPLETE;
}

void lmdb_run_free_idle(struct lmdb_store *self)
{
    lmdb_changes_free(&self->exclusive.changes);
    for (struct lmdb_run *run = take_idle(self); run != NULL; run = take_idle(self)) {
        if (run->cursor != NULL) {
            mdb_cursor_close(run->cursor);
        }
        mdb_txn_abort(run->txn);
        free(run);
    }
}
