/* The transaction of an EXCLUSIVE run, from its beginning to its one commit.

   When it fails for want of space or memory, or meets damage, LMDB throws all of it away; then each
   operation is executed again in a transaction of its own, so that only those fail that have to.
   When the disk fails, nothing is tried again: the outcome of the commit is unknown. */
#include "engine/lmdb_engine.h"

static void publish(struct lmdb_run *run, uint64_t transaction, uint64_t keys, uint64_t pages)
{
    struct lmdb_store *self = run->store;
    self->newest.transaction = 0;
    self->newest.revision = run->revision;
    self->newest.keys = keys;
    self->newest.oldest_revision = run->oldest_revision;
    self->newest.transaction = transaction;
    self->space.live_pages = pages;
    self->totals = run->totals;
    lmdb_refusal_end(run, pages);
}

static void abort_exclusive(struct lmdb_run *run)
{
    mdb_txn_abort(run->txn);
    run->txn = NULL;
    run->cursor = NULL;
}

/* Begins the write transaction; run->trouble says if that failed. */
void lmdb_commit_open(struct lmdb_run *run)
{
    struct lmdb_store *self = run->store;
    run->txn = NULL;
    run->cursor = NULL;
    run->revision = self->newest.revision;
    run->oldest_revision = self->newest.oldest_revision;
    run->totals = self->totals;
    run->changes.logged_bytes = 0;
    run->changes.logged_parts = 0;
    run->has_changes = false;
    run->grows = false;
    run->committing = false;
    run->put_bytes = 0;
    run->trouble =
        lmdb_trouble_is_final(self) ? MDB_PANIC : mdb_txn_begin(self->env, NULL, 0, &run->txn);
    if (run->trouble == 0) {
        lmdb_space_prepare(run);
        run->trouble = lmdb_space_count(run, &run->pages_before);
        self->space.live_pages = run->pages_before;
    }
}

/* Gives op a clean response, whatever an earlier attempt left in it. */
void lmdb_commit_reset_op(struct store_op *op)
{
    op->code = STATED_OK;
    op->message = "";
    op->replayed = false;
    if (op->kind == STORE_READ) {
        stated__v1__read_response__init(op->read_response);
    } else {
        stated__v1__write_response__init(op->write_response);
    }
}

int lmdb_commit_execute(struct lmdb_run *run, struct store_op *op)
{
    return op->kind == STORE_READ ? lmdb_read(run, op) : lmdb_write(run, op);
}

/* Whether LMDB could not write its header: then the file may show either state after a restart. */
static bool is_header_torn(struct lmdb_store *self)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(self->env, NULL, 0, &txn);
    if (rc == 0) {
        mdb_txn_abort(txn);
    }
    return rc == MDB_PANIC;
}

/* The last changes of the run, and whether it fits. */
static int complete(struct lmdb_run *run, uint64_t *pages, MDB_stat *stat)
{
    int rc = run->trouble;
    if (rc == 0) {
        rc = lmdb_changes_trim(run);
    }
    if (rc == 0) {
        rc = lmdb_meta_put_totals(run);
    }
    if (rc == 0) {
        rc = lmdb_space_check(run, pages);
    }
    return rc == 0 ? mdb_stat(run->txn, run->store->tables.state, stat) : rc;
}

static void tell_committed(struct lmdb_run *run, uint64_t revision_before)
{
    struct lmdb_store *self = run->store;
    if (self->durability == STORE_RELAXED) {
        lmdb_flusher_owe(&self->flusher);
    }
    if (self->committed.call != NULL && run->revision > revision_before) {
        self->committed.call(self->committed.argument, run->revision);
    }
}

/* Ends the write transaction: 0 when it is durable as the mode promises, else LMDB's code. The
   transaction is gone either way. */
static int finish(struct lmdb_run *run)
{
    struct lmdb_store *self = run->store;
    uint64_t pages = 0;
    MDB_stat stat = {0};
    bool commits = run->trouble == 0 && run->has_changes;
    int rc = commits ? complete(run, &pages, &stat) : run->trouble;
    if (!commits || rc != 0) {
        abort_exclusive(run);
        return rc;
    }
    uint64_t transaction = mdb_txn_id(run->txn);
    uint64_t revision_before = self->newest.revision;
    run->committing = true;
    rc = mdb_txn_commit(run->txn);
    run->txn = NULL;
    run->cursor = NULL;
    if (rc != 0) {
        return is_header_torn(self) ? MDB_PANIC : rc;
    }
    publish(run, transaction, stat.ms_entries, pages);
    tell_committed(run, revision_before);
    return 0;
}

/* The disk failed under op. */
static void settle_lost(struct lmdb_run *run, struct store_op *op)
{
    bool is_unknown = run->committing && op->kind == STORE_WRITE && op->code == STATED_OK &&
                      op->write_response->applied && op->write->n_mutations > 0;
    lmdb_trouble_refuse(run->store, op);
    if (is_unknown) {
        op->code = STATED_UNKNOWN;
        op->message = arena_format(
            op->arena, "whether this was written is not known until the server starts again: %s",
            run->store->failure.text);
    }
}

static bool is_lost(struct lmdb_run *run, int code)
{
    if (lmdb_trouble_of(run->store, code) != LMDB_TROUBLE_IO) {
        return false;
    }
    lmdb_trouble_fail(run->store, run->committing ? "committing to" : "writing", code);
    return true;
}

/* A transaction for op alone. LMDB's code. */
static int attempt(struct lmdb_run *run, struct store_op *op)
{
    lmdb_commit_reset_op(op);
    lmdb_commit_open(run);
    if (run->trouble == 0) {
        run->trouble = lmdb_commit_execute(run, op);
    }
    return finish(run);
}

static bool only_deletes(const struct store_op *op)
{
    bool deletes = op->kind == STORE_WRITE;
    for (size_t i = 0; deletes && i < op->write->n_mutations; i++) {
        deletes = op->write->mutations[i]->kind_case == STATED__V1__MUTATION__KIND_DELETE;
    }
    return deletes;
}

/* Commits nothing new: pages that the last commit freed can be used from the next but one. */
static int pass_on(struct lmdb_run *run)
{
    lmdb_commit_open(run);
    run->has_changes = true;
    return finish(run);
}

/* There was no room for op alone. What only deletes may do so at the cost of the change log; what
   would fit but for pages that have only just been freed, after another commit. LMDB's code. */
static int try_again(struct lmdb_run *run, struct store_op *op, int code)
{
    if (only_deletes(op)) {
        run->drops_log = true;
        code = attempt(run, op);
        run->drops_log = false;
    } else if (lmdb_space_has_room(run)) {
        code = pass_on(run);
        code = code == 0 ? attempt(run, op) : code;
    }
    return code;
}

/* Gives op its outcome after a transaction for it alone has ended with this code. */
static void conclude(struct lmdb_run *run, struct store_op *op, int code)
{
    if (code != 0 && lmdb_trouble_of(run->store, code) == LMDB_TROUBLE_SPACE) {
        code = try_again(run, op, code);
    }
    if (code == 0) {
        return;
    }
    if (is_lost(run, code)) {
        settle_lost(run, op);
        return;
    }
    if (op->kind == STORE_WRITE && lmdb_trouble_of(run->store, code) == LMDB_TROUBLE_SPACE) {
        lmdb_refusal_note(run, code);
    }
    lmdb_trouble_settle(run->store, op, code);
}

void lmdb_commit_finish(struct lmdb_run *run)
{
    struct store_op *next;
    int rc = finish(run);
    if (rc == 0) {
        return;
    }
    if (run->first != NULL && run->first == run->last) {
        conclude(run, run->first, rc);
        return;
    }
    bool lost = is_lost(run, rc);
    for (struct store_op *op = run->first; op != NULL; op = next) {
        next = op->next;
        if (lost) {
            settle_lost(run, op);
        } else {
            conclude(run, op, attempt(run, op));
        }
    }
}
