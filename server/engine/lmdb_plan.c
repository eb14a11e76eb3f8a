/* The second step of a Write: what will each mutation do. Everything that can be wrong with the
   state is found here (a counter that is no number, a damaged record, a reply that is too large).
 */
#include "engine/lmdb_scan.h"
#include "engine/lmdb_writing.h"

#include "escape.h"

#include <inttypes.h>

static void refuse_too_large(struct store_op *op, const char *what)
{
    op->code = STATED_RESOURCE_EXHAUSTED;
    op->message = arena_format(op->arena,
                               "nothing was written: the %s entries need more than the %zu bytes a "
                               "reply may have; touch fewer keys at a time",
                               what, op->max_response_bytes);
}

void lmdb_writing_collect(struct lmdb_writing *self, struct entry_list *list, const char *what,
                          const ProtobufCBinaryData *key, const struct lmdb_record *record)
{
    size_t cost = entry_list_cost(key->len, record->value_bytes, record);
    if (!entry_list_has_room(list, cost)) {
        refuse_too_large(self->op, what);
    } else if (!entry_list_append(list, key->data, key->len, record, false)) {
        lmdb_trouble_arena(self->op);
    }
}

int lmdb_writing_look(struct lmdb_writing *self, const ProtobufCBinaryData *key,
                      struct lmdb_record *record, bool *exists)
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

/* What is there, and the record that comes next but for its value. */
static int plan_record(struct lmdb_writing *self, const ProtobufCBinaryData *key,
                       struct lmdb_planned *planned, struct lmdb_record *before, bool *exists)
{
    int rc = lmdb_writing_look(self, key, before, exists);
    planned->record.create_revision =
        *exists ? before->create_revision : lmdb_writing_next_revision(self);
    planned->record.mod_revision = lmdb_writing_next_revision(self);
    planned->record.version = before->version + 1;
    return rc;
}

/* The planned record is complete: into the reply and the change log. */
static int note_put(struct lmdb_writing *self, const ProtobufCBinaryData *key,
                    const struct lmdb_planned *planned, const struct lmdb_record *before,
                    bool exists)
{
    if (exists && self->request->return_previous) {
        lmdb_writing_collect(self, &self->previous, "previous", key, before);
    }
    if (lmdb_writing_is_settled(self)) {
        return 0;
    }
    return lmdb_changes_add(self->run, key, &planned->record, exists ? before : NULL);
}

static int plan_put(struct lmdb_writing *self, const Stated__V1__Put *put,
                    struct lmdb_planned *planned)
{
    struct lmdb_record before;
    bool exists;
    int rc = plan_record(self, &put->key, planned, &before, &exists);
    if (rc != 0 || lmdb_writing_is_settled(self)) {
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

static int plan_add(struct lmdb_writing *self, const Stated__V1__Add *add,
                    struct lmdb_planned *planned)
{
    struct lmdb_record before;
    bool exists;
    int64_t number = 0;
    int rc = plan_record(self, &add->key, planned, &before, &exists);
    if (rc != 0 || lmdb_writing_is_settled(self)) {
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
static int plan_delete_of(struct lmdb_writing *self, const struct lmdb_scan *scan)
{
    ProtobufCBinaryData key = {.len = scan->key.mv_size, .data = scan->key.mv_data};
    struct lmdb_record record;
    bool is_intact = lmdb_scan_record(scan, &record);
    if (self->request->return_previous && is_intact) {
        lmdb_writing_collect(self, &self->previous, "previous", &key, &record);
    } else if (self->request->return_previous) {
        lmdb_trouble_damaged(self->run->store, self->op, key.data, key.len);
    }
    if (lmdb_writing_is_settled(self)) {
        return 0;
    }
    return lmdb_changes_add(self->run, &key, NULL, is_intact ? &record : NULL);
}

static int plan_delete(struct lmdb_writing *self, const struct key_span *span)
{
    struct lmdb_scan scan;
    int rc = lmdb_scan_first(&scan, self->run, span, NULL);
    while (rc == 0) {
        rc = plan_delete_of(self, &scan);
        if (lmdb_writing_is_settled(self)) {
            return rc;
        }
        rc = rc == 0 ? lmdb_scan_next(&scan) : rc;
    }
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int plan_mutation(struct lmdb_writing *self, const Stated__V1__Mutation *mutation,
                         struct lmdb_planned *planned)
{
    *planned = (struct lmdb_planned){0};
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

int lmdb_writing_plan(struct lmdb_writing *self)
{
    size_t n = self->request->n_mutations;
    self->planned = arena_alloc(self->op->arena, n * sizeof(*self->planned));
    if (self->planned == NULL) {
        lmdb_trouble_arena(self->op);
    }
    for (size_t i = 0; !lmdb_writing_is_settled(self) && i < n; i++) {
        int rc = plan_mutation(self, self->request->mutations[i], &self->planned[i]);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}
