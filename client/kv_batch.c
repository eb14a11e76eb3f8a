/* Filling a batch. The first thing that goes wrong is remembered for whoever writes it. */
#include "kv_batch.h"

#include "kv_request.h"

#include <stdlib.h>
#include <string.h>

struct stated_kv_batch *stated_kv_batch_new(void)
{
    struct stated_kv_batch *self = calloc(1, sizeof(*self));
    if (self != NULL) {
        stated__v1__write_request__init(&self->request);
    }
    return self;
}

void stated_kv_batch_clear(struct stated_kv_batch *batch)
{
    if (batch == NULL) {
        return;
    }
    kv_batch_forget_current(batch);
    kv_arena_clear(&batch->arena);
    free(batch->request.guards);
    free(batch->request.mutations);
    *batch = (struct stated_kv_batch){.request = STATED__V1__WRITE_REQUEST__INIT};
}

void stated_kv_batch_free(struct stated_kv_batch *batch)
{
    stated_kv_batch_clear(batch);
    free(batch);
}

static void fail_for_memory(struct stated_kv_batch *self)
{
    if (self->failure.code == STATED_OK) {
        stated_status_set(&self->failure, STATED_RESOURCE_EXHAUSTED, "no memory for a batch");
    }
}

/* Memory of the request; NULL, and remembered, when there is none. */
static void *take(struct stated_kv_batch *self, size_t bytes)
{
    void *taken = kv_arena_take(&self->arena, bytes);
    if (taken == NULL) {
        fail_for_memory(self);
    }
    return taken;
}

static bool copy(struct stated_kv_batch *self, struct stated_bytes bytes, ProtobufCBinaryData *to)
{
    *to = (ProtobufCBinaryData){.len = bytes.size};
    if (bytes.size == 0) {
        return true;
    }
    to->data = take(self, bytes.size);
    if (to->data == NULL) {
        return false;
    }
    memcpy(to->data, bytes.data, bytes.size);
    return true;
}

/* Remembers what a check said, with the place of what it was about. */
static bool check(struct stated_kv_batch *self, enum stated_code code, const char *what,
                  size_t index, const struct stated_status *said)
{
    if (code != STATED_OK && self->failure.code == STATED_OK) {
        stated_status_set(&self->failure, code, "%s %zu: %s", what, index, said->message);
    }
    return code == STATED_OK;
}

/* Room for one more pointer in the list; false, and remembered, when there is none. */
static bool grow(struct stated_kv_batch *self, void *list, size_t n, size_t *room)
{
    void *pointers;
    if (n < *room) {
        return true;
    }
    size_t more = *room == 0 ? 8 : *room * 2;
    memcpy(&pointers, list, sizeof(pointers));
    pointers = realloc(pointers, more * sizeof(void *));
    if (pointers == NULL) {
        fail_for_memory(self);
        return false;
    }
    memcpy(list, &pointers, sizeof(pointers));
    *room = more;
    return true;
}

/* A guard on the key that lacks what must hold; NULL, and remembered, when that fails. */
static Stated__V1__Guard *add_guard(struct stated_kv_batch *self, struct stated_bytes key)
{
    struct stated_status said;
    Stated__V1__WriteRequest *request = &self->request;
    if (!check(self, kv_check_key(key, &said), "condition", request->n_guards, &said) ||
        !grow(self, &request->guards, request->n_guards, &self->guards_room)) {
        return NULL;
    }
    Stated__V1__Guard *guard = take(self, sizeof(*guard));
    if (guard == NULL) {
        return NULL;
    }
    stated__v1__guard__init(guard);
    if (!copy(self, key, &guard->key)) {
        return NULL;
    }
    request->guards[request->n_guards++] = guard;
    return guard;
}

static void guard_exists(struct stated_kv_batch *self, struct stated_bytes key, bool exists)
{
    Stated__V1__Guard *guard = self == NULL ? NULL : add_guard(self, key);
    if (guard != NULL) {
        guard->must_case = STATED__V1__GUARD__MUST_EXISTS;
        guard->exists = exists;
    }
}

void stated_kv_batch_if_absent(struct stated_kv_batch *batch, struct stated_bytes key)
{
    guard_exists(batch, key, false);
}

void stated_kv_batch_if_present(struct stated_kv_batch *batch, struct stated_bytes key)
{
    guard_exists(batch, key, true);
}

void stated_kv_batch_if_revision(struct stated_kv_batch *batch, struct stated_bytes key,
                                 uint64_t mod_revision)
{
    if (mod_revision == 0) {
        guard_exists(batch, key, false);
        return;
    }
    Stated__V1__Guard *guard = batch == NULL ? NULL : add_guard(batch, key);
    if (guard != NULL) {
        guard->must_case = STATED__V1__GUARD__MUST_MOD_REVISION;
        guard->mod_revision = mod_revision;
    }
}

void stated_kv_batch_if_value(struct stated_kv_batch *batch, struct stated_bytes key,
                              struct stated_bytes value)
{
    struct stated_status said;
    if (batch == NULL || !check(batch, kv_check_bytes(value, "value", &said), "condition",
                                batch->request.n_guards, &said)) {
        return;
    }
    Stated__V1__Guard *guard = add_guard(batch, key);
    if (guard != NULL && copy(batch, value, &guard->value)) {
        guard->must_case = STATED__V1__GUARD__MUST_VALUE;
    }
}

/* A mutation that lacks what it does; NULL, and remembered, when that fails. */
static Stated__V1__Mutation *add_mutation(struct stated_kv_batch *self)
{
    Stated__V1__WriteRequest *request = &self->request;
    if (!grow(self, &request->mutations, request->n_mutations, &self->mutations_room)) {
        return NULL;
    }
    Stated__V1__Mutation *mutation = take(self, sizeof(*mutation));
    if (mutation != NULL) {
        stated__v1__mutation__init(mutation);
        request->mutations[request->n_mutations++] = mutation;
    }
    return mutation;
}

static bool check_change(struct stated_kv_batch *self, enum stated_code code,
                         const struct stated_status *said)
{
    return check(self, code, "change", self->request.n_mutations, said);
}

void stated_kv_batch_put(struct stated_kv_batch *batch, struct stated_bytes key,
                         struct stated_bytes value)
{
    struct stated_status said;
    if (batch == NULL || !check_change(batch, kv_check_key(key, &said), &said) ||
        !check_change(batch, kv_check_bytes(value, "value", &said), &said)) {
        return;
    }
    Stated__V1__Mutation *mutation = add_mutation(batch);
    Stated__V1__Put *put = take(batch, sizeof(*put));
    if (mutation != NULL && put != NULL) {
        stated__v1__put__init(put);
        if (copy(batch, key, &put->key) && copy(batch, value, &put->value)) {
            mutation->kind_case = STATED__V1__MUTATION__KIND_PUT;
            mutation->put = put;
        }
    }
}

void stated_kv_batch_add(struct stated_kv_batch *batch, struct stated_bytes key, int64_t delta)
{
    struct stated_status said;
    if (batch == NULL || !check_change(batch, kv_check_key(key, &said), &said)) {
        return;
    }
    Stated__V1__Mutation *mutation = add_mutation(batch);
    Stated__V1__Add *add = take(batch, sizeof(*add));
    if (mutation != NULL && add != NULL) {
        stated__v1__add__init(add);
        add->delta = delta;
        if (copy(batch, key, &add->key)) {
            mutation->kind_case = STATED__V1__MUTATION__KIND_ADD;
            mutation->add = add;
        }
    }
}

/* A delete of what the selector, which is in the batch's memory, selects. */
static void add_delete(struct stated_kv_batch *self, struct kv_selector *selector)
{
    Stated__V1__Mutation *mutation = add_mutation(self);
    Stated__V1__Delete *delete_ = take(self, sizeof(*delete_));
    if (mutation != NULL && delete_ != NULL) {
        stated__v1__delete__init(delete_);
        delete_->select = &selector->selector;
        mutation->kind_case = STATED__V1__MUTATION__KIND_DELETE;
        mutation->delete_ = delete_;
    }
}

void stated_kv_batch_delete(struct stated_kv_batch *batch, struct stated_bytes key)
{
    struct stated_status said;
    if (batch == NULL || !check_change(batch, kv_check_key(key, &said), &said)) {
        return;
    }
    struct kv_selector *selector = take(batch, sizeof(*selector));
    if (selector != NULL) {
        kv_select_key(selector, key);
        if (copy(batch, key, &selector->selector.key)) {
            add_delete(batch, selector);
        }
    }
}

void stated_kv_batch_delete_range(struct stated_kv_batch *batch,
                                  const struct stated_kv_range *range)
{
    struct stated_status said;
    struct kv_selector selector;
    if (batch == NULL || !check_change(batch, kv_select_range(&selector, range, &said), &said)) {
        return;
    }
    struct kv_selector *kept = take(batch, sizeof(*kept));
    uint8_t *room = take(batch, kv_range_bytes(range));
    if (kept != NULL && room != NULL) {
        kv_selector_copy(kept, &selector, room);
        add_delete(batch, kept);
    }
}
