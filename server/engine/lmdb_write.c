/* One Write, in three steps: do the guards hold, what will each mutation do, do it. The second step
   collects the events for the change log, and finds everything that can be wrong with the state (a
   counter that is no number, a damaged record, a reply that is too large), so that the third fails
   only for reasons of storage and a write never happens half. */
#include "engine/lmdb_calls.h"
#include "engine/lmdb_scan.h"
#include "engine/lmdb_writing.h"

#include <string.h>

/* An absent key has mod_revision 0 and version 0, and no value at all. */
static bool guard_holds(const Stated__V1__Guard *guard, bool exists,
                        const struct lmdb_record *record)
{
    switch (guard->must_case) {
    case STATED__V1__GUARD__MUST_EXISTS:
        return exists == (guard->exists != 0);
    case STATED__V1__GUARD__MUST_MOD_REVISION:
        return record->mod_revision == guard->mod_revision;
    case STATED__V1__GUARD__MUST_VERSION:
        return record->version == guard->version;
    default:
        return exists && record->value_bytes == guard->value.len &&
               (guard->value.len == 0 ||
                memcmp(record->value, guard->value.data, guard->value.len) == 0);
    }
}

static int check_guards(struct lmdb_writing *self, bool *hold)
{
    *hold = true;
    for (size_t i = 0; *hold && !lmdb_writing_is_settled(self) && i < self->request->n_guards;
         i++) {
        const Stated__V1__Guard *guard = self->request->guards[i];
        struct lmdb_record record;
        bool exists;
        int rc = lmdb_writing_look(self, &guard->key, &record, &exists);
        if (rc != 0) {
            return rc;
        }
        *hold = lmdb_writing_is_settled(self) || guard_holds(guard, exists, &record);
    }
    return 0;
}

/* A guard did not hold: answers with the guarded keys as they are. */
static int answer_unapplied(struct lmdb_writing *self)
{
    struct entry_list current;
    entry_list_init(&current, self->op->arena, self->op->max_response_bytes);
    for (size_t i = 0; !lmdb_writing_is_settled(self) && i < self->request->n_guards; i++) {
        const ProtobufCBinaryData *key = &self->request->guards[i]->key;
        struct lmdb_record record;
        bool exists;
        int rc = lmdb_writing_look(self, key, &record, &exists);
        if (rc != 0) {
            return rc;
        }
        if (exists) {
            lmdb_writing_collect(self, &current, "guarded", key, &record);
        }
    }
    Stated__V1__WriteResponse *response = self->op->write_response;
    response->applied = false;
    response->revision = self->run->revision;
    response->current = current.entries;
    response->n_current = current.n;
    return 0;
}

static int put_record(struct lmdb_run *run, const ProtobufCBinaryData *key,
                      const struct lmdb_record *record)
{
    run->grows = true;
    run->put_bytes += key->len + LMDB_RECORD_HEADER_BYTES + record->value_bytes;
    lmdb_space_prepare(run);
    MDB_val wanted = {.mv_size = key->len, .mv_data = key->data};
    MDB_val data = {.mv_size = LMDB_RECORD_HEADER_BYTES + record->value_bytes};
    int rc = mdb_put(run->txn, run->store->tables.state, &wanted, &data, MDB_RESERVE);
    if (rc == 0) {
        lmdb_record_encode(data.mv_data, key->data, key->len, record);
    }
    return rc;
}

static int delete_span(struct lmdb_run *run, const struct key_span *span)
{
    if (span->kind == KEY_SPAN_POINT) {
        MDB_val key = {.mv_size = span->start.len, .mv_data = span->start.data};
        int rc = mdb_del(run->txn, run->store->tables.state, &key, NULL);
        return rc == MDB_NOTFOUND ? 0 : rc;
    }
    struct lmdb_scan scan;
    int rc = lmdb_scan_first(&scan, run, span, NULL);
    while (rc == 0) {
        rc = mdb_cursor_del(scan.cursor, 0);
        if (rc == 0) {
            rc = lmdb_scan_next(&scan);
        }
    }
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int apply_mutation(struct lmdb_run *run, const Stated__V1__Mutation *mutation,
                          const struct lmdb_planned *planned)
{
    switch (mutation->kind_case) {
    case STATED__V1__MUTATION__KIND_PUT:
        return put_record(run, &mutation->put->key, &planned->record);
    case STATED__V1__MUTATION__KIND_ADD:
        return put_record(run, &mutation->add->key, &planned->record);
    default: {
        struct key_span span = key_span_of_selector(mutation->delete_->select);
        return delete_span(run, &span);
    }
    }
}

static int apply(struct lmdb_writing *self)
{
    for (size_t i = 0; i < self->request->n_mutations; i++) {
        int rc = apply_mutation(self->run, self->request->mutations[i], &self->planned[i]);
        if (rc != 0) {
            return rc;
        }
    }
    if (self->request->n_mutations > 0) {
        self->run->revision = lmdb_writing_next_revision(self);
    }
    Stated__V1__WriteResponse *response = self->op->write_response;
    response->applied = true;
    response->revision = self->run->revision;
    response->previous = self->previous.entries;
    response->n_previous = self->previous.n;
    return 0;
}

/* The guards hold: does it, or finds out why not. */
static int write_whole(struct lmdb_writing *self)
{
    entry_list_init(&self->previous, self->op->arena, self->op->max_response_bytes);
    lmdb_changes_begin(self->run);
    int rc = lmdb_writing_plan(self);
    if (rc != 0) {
        return rc;
    }
    if (lmdb_writing_is_settled(self)) {
        return lmdb_changes_discard(self->run);
    }
    if (self->request->n_mutations > 0) {
        rc = lmdb_changes_end(self->run);
        self->run->has_changes = true;
    }
    return rc == 0 ? apply(self) : rc;
}

static int write_once(struct lmdb_run *run, struct store_op *op)
{
    struct lmdb_writing self = {.run = run, .op = op, .request = op->write};
    bool hold;
    int rc = check_guards(&self, &hold);
    if (rc != 0 || lmdb_writing_is_settled(&self)) {
        return rc;
    }
    return hold ? write_whole(&self) : answer_unapplied(&self);
}

/* An outcome that follows from the state stands for every repetition of the write; one that follows
   from a shortage does not. */
static bool is_lasting(const struct store_op *op)
{
    return op->code == STATED_OK || op->code == STATED_FAILED_PRECONDITION ||
           op->code == STATED_OUT_OF_RANGE;
}

int lmdb_write(struct lmdb_run *run, struct store_op *op)
{
    if (op->once.client_id == NULL || op->once.sequence == 0) {
        return write_once(run, op);
    }
    bool answered;
    int rc = lmdb_calls_find(run, op, &answered);
    if (rc != 0 || answered) {
        return rc;
    }
    rc = write_once(run, op);
    if (rc == 0 && is_lasting(op)) {
        run->has_changes = true;
        rc = lmdb_calls_remember(run, op);
    }
    return rc;
}
