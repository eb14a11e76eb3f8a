/* One Write, in three steps: do the guards hold, what will each mutation do, do it. The second step
   collects the events for the change log, and finds everything that can be wrong with the state (a
   counter that is no number, a damaged record, a reply that is too large), so that the third fails
   only for reasons of storage and a write never happens half. */
#include "engine/counter.h"
#include "engine/entry_list.h"
#include "engine/lmdb_calls.h"
#include "engine/lmdb_scan.h"

#include "base/escape.h"

#include <inttypes.h>
#include <string.h>

/* What a Put or Add will write. */
struct planned {
    struct lmdb_record record;
    char number[COUNTER_BYTES]; /* an Add's value */
};

struct writing {
    struct lmdb_run *run;
    struct store_op *op;
    const Stated__V1__WriteRequest *request;
    struct entry_list previous;
    struct planned *planned; /* one per mutation; of a Delete, unused */
};

/* True when the operation has its outcome and nothing more is to be done. */
static bool is_settled(const struct writing *self)
{
    return self->op->code != STATED_OK;
}

static void refuse_too_large(struct store_op *op, const char *what)
{
    op->code = STATED_RESOURCE_EXHAUSTED;
    op->message = arena_format(op->arena,
                               "nothing was written: the %s entries need more than the %zu bytes a "
                               "reply may have; touch fewer keys at a time",
                               what, op->max_response_bytes);
}

static void collect(struct writing *self, struct entry_list *list, const char *what,
                    const ProtobufCBinaryData *key, const struct lmdb_record *record)
{
    size_t cost = entry_list_cost(key->len, record->value_bytes, record);
    if (!entry_list_has_room(list, cost)) {
        refuse_too_large(self->op, what);
    } else if (!entry_list_append(list, key->data, key->len, record, false)) {
        lmdb_trouble_arena(self->op);
    }
}

/* The key's record, or one of zeroes when it is absent. A damaged one settles the operation. */
static int look(struct writing *self, const ProtobufCBinaryData *key, struct lmdb_record *record,
                bool *exists)
{
    int rc = lmdb_lookup(self->run, key, record);
    *exists = rc == 0;
    if (rc == LMDB_RECORD_DAMAGED) {
        lmdb_trouble_damaged(self->run->store, self->op, key->data, key->len);
        rc = 0;
    } else if (rc == MDB_NOTFOUND) {
        *record = (struct lmdb_record){0};
        rc = 0;
    }
    return rc;
}

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

static int check_guards(struct writing *self, bool *hold)
{
    *hold = true;
    for (size_t i = 0; *hold && !is_settled(self) && i < self->request->n_guards; i++) {
        const Stated__V1__Guard *guard = self->request->guards[i];
        struct lmdb_record record;
        bool exists;
        int rc = look(self, &guard->key, &record, &exists);
        if (rc != 0) {
            return rc;
        }
        *hold = is_settled(self) || guard_holds(guard, exists, &record);
    }
    return 0;
}

/* A guard did not hold: answers with the guarded keys as they are. */
static int answer_unapplied(struct writing *self)
{
    struct entry_list current;
    entry_list_init(&current, self->op->arena, self->op->max_response_bytes);
    for (size_t i = 0; !is_settled(self) && i < self->request->n_guards; i++) {
        const ProtobufCBinaryData *key = &self->request->guards[i]->key;
        struct lmdb_record record;
        bool exists;
        int rc = look(self, key, &record, &exists);
        if (rc != 0) {
            return rc;
        }
        if (exists) {
            collect(self, &current, "guarded", key, &record);
        }
    }
    Stated__V1__WriteResponse *response = self->op->write_response;
    response->applied = false;
    response->revision = self->run->revision;
    response->current = current.entries;
    response->n_current = current.n;
    return 0;
}

static uint64_t next_revision(const struct writing *self)
{
    return self->run->revision + 1;
}

/* What is there, and the record that comes next but for its value. */
static int plan_record(struct writing *self, const ProtobufCBinaryData *key,
                       struct planned *planned, struct lmdb_record *before, bool *exists)
{
    int rc = look(self, key, before, exists);
    planned->record.create_revision = *exists ? before->create_revision : next_revision(self);
    planned->record.mod_revision = next_revision(self);
    planned->record.version = before->version + 1;
    return rc;
}

/* The planned record is complete: into the reply and the change log. */
static int note_put(struct writing *self, const ProtobufCBinaryData *key,
                    const struct planned *planned, const struct lmdb_record *before, bool exists)
{
    if (exists && self->request->return_previous) {
        collect(self, &self->previous, "previous", key, before);
    }
    if (is_settled(self)) {
        return 0;
    }
    return lmdb_changes_add(self->run, key, &planned->record, exists ? before : NULL);
}

static int plan_put(struct writing *self, const Stated__V1__Put *put, struct planned *planned)
{
    struct lmdb_record before;
    bool exists;
    int rc = plan_record(self, &put->key, planned, &before, &exists);
    if (rc != 0 || is_settled(self)) {
        return rc;
    }
    planned->record.value = put->value.data;
    planned->record.value_bytes = put->value.len;
    return note_put(self, &put->key, planned, &before, exists);
}

static void refuse_text(struct store_op *op, const ProtobufCBinaryData *key,
                        const struct lmdb_record *record)
{
    char shown[ESCAPE_BYTES];
    char value[ESCAPE_BYTES];
    op->code = STATED_FAILED_PRECONDITION;
    op->message = arena_format(op->arena,
                               "nothing was written: \"%s\" is \"%s\", no decimal number to add to",
                               escape_bytes(shown, key->data, key->len),
                               escape_bytes(value, record->value, record->value_bytes));
}

static void refuse_overflow(struct store_op *op, const Stated__V1__Add *add, int64_t number)
{
    char shown[ESCAPE_BYTES];
    op->code = STATED_OUT_OF_RANGE;
    op->message =
        arena_format(op->arena,
                     "nothing was written: adding %" PRId64 " to \"%s\", which is %" PRId64
                     ", leaves the range of 64-bit numbers",
                     add->delta, escape_bytes(shown, add->key.data, add->key.len), number);
}

static int plan_add(struct writing *self, const Stated__V1__Add *add, struct planned *planned)
{
    struct lmdb_record before;
    bool exists;
    int64_t number = 0;
    int rc = plan_record(self, &add->key, planned, &before, &exists);
    if (rc != 0 || is_settled(self)) {
        return rc;
    }
    if (exists && !counter_parse(before.value, before.value_bytes, &number)) {
        refuse_text(self->op, &add->key, &before);
        return 0;
    }
    int64_t sum;
    if (__builtin_add_overflow(number, add->delta, &sum)) {
        refuse_overflow(self->op, add, number);
        return 0;
    }
    planned->record.value_bytes = counter_format(planned->number, sum);
    planned->record.value = planned->number;
    return note_put(self, &add->key, planned, &before, exists);
}

/* One key that a Delete takes. A damaged record can be deleted, but not shown. */
static int plan_delete_of(struct writing *self, const struct lmdb_scan *scan)
{
    ProtobufCBinaryData key = {.len = scan->key.mv_size, .data = scan->key.mv_data};
    struct lmdb_record record;
    bool is_intact = lmdb_scan_record(scan, &record);
    if (self->request->return_previous && is_intact) {
        collect(self, &self->previous, "previous", &key, &record);
    } else if (self->request->return_previous) {
        lmdb_trouble_damaged(self->run->store, self->op, key.data, key.len);
    }
    if (is_settled(self)) {
        return 0;
    }
    return lmdb_changes_add(self->run, &key, NULL, is_intact ? &record : NULL);
}

static int plan_delete(struct writing *self, const struct key_span *span)
{
    struct lmdb_scan scan;
    int rc = lmdb_scan_first(&scan, self->run, span, NULL);
    while (rc == 0) {
        rc = plan_delete_of(self, &scan);
        if (is_settled(self)) {
            return rc;
        }
        rc = rc == 0 ? lmdb_scan_next(&scan) : rc;
    }
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int plan_mutation(struct writing *self, const Stated__V1__Mutation *mutation,
                         struct planned *planned)
{
    *planned = (struct planned){0};
    switch (mutation->kind_case) {
    case STATED__V1__MUTATION__KIND_PUT:
        return plan_put(self, mutation->put, planned);
    case STATED__V1__MUTATION__KIND_ADD:
        return plan_add(self, mutation->add, planned);
    default: {
        struct key_span span = key_span_of_selector(mutation->delete_->select);
        return plan_delete(self, &span);
    }
    }
}

static int plan(struct writing *self)
{
    size_t n = self->request->n_mutations;
    self->planned = arena_alloc(self->op->arena, n * sizeof(*self->planned));
    if (self->planned == NULL) {
        lmdb_trouble_arena(self->op);
    }
    for (size_t i = 0; !is_settled(self) && i < n; i++) {
        int rc = plan_mutation(self, self->request->mutations[i], &self->planned[i]);
        if (rc != 0) {
            return rc;
        }
    }
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
                          const struct planned *planned)
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

static int apply(struct writing *self)
{
    for (size_t i = 0; i < self->request->n_mutations; i++) {
        int rc = apply_mutation(self->run, self->request->mutations[i], &self->planned[i]);
        if (rc != 0) {
            return rc;
        }
    }
    if (self->request->n_mutations > 0) {
        self->run->revision = next_revision(self);
    }
    Stated__V1__WriteResponse *response = self->op->write_response;
    response->applied = true;
    response->revision = self->run->revision;
    response->previous = self->previous.entries;
    response->n_previous = self->previous.n;
    return 0;
}

/* The guards hold: does it, or finds out why not. */
static int write_whole(struct writing *self)
{
    entry_list_init(&self->previous, self->op->arena, self->op->max_response_bytes);
    lmdb_changes_begin(self->run);
    int rc = plan(self);
    if (rc != 0) {
        return rc;
    }
    if (is_settled(self)) {
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
    struct writing self = {.run = run, .op = op, .request = op->write};
    bool hold;
    int rc = check_guards(&self, &hold);
    if (rc != 0 || is_settled(&self)) {
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
