#include "order/key_set.h"

#include "stated/v1/state.pb-c.h"

#include <stdlib.h>
#include <string.h>

int binary_compare(ProtobufCBinaryData left, ProtobufCBinaryData right)
{
    size_t common = left.len < right.len ? left.len : right.len;
    int order = common == 0 ? 0 : memcmp(left.data, right.data, common);
    return order != 0 ? order : (left.len > right.len) - (left.len < right.len);
}

bool binary_equal(ProtobufCBinaryData left, ProtobufCBinaryData right)
{
    return binary_compare(left, right) == 0;
}

static int key_order(const void *a, const void *b)
{
    return binary_compare(*(const ProtobufCBinaryData *)a, *(const ProtobufCBinaryData *)b);
}

/* Keys are counted while there is no room for them, and kept in a second round. */
static void key_note(struct key_set *self, ProtobufCBinaryData key)
{
    if (key.len == 0) {
        return;
    }
    if (self->keys != NULL) {
        self->keys[self->n] = key;
    }
    self->n++;
}

static void keys_of_entries(struct key_set *self, Stated__V1__Entry **entries, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        key_note(self, entries[i]->key);
    }
}

static void keys_of_selector(struct key_set *self, const Stated__V1__Selector *selector)
{
    if (selector != NULL && selector->kind_case == STATED__V1__SELECTOR__KIND_KEY) {
        key_note(self, selector->key);
    }
}

static void keys_of_read(struct key_set *self, const struct call_record *record)
{
    const Stated__V1__ReadRequest *request = (const void *)record->request;
    const Stated__V1__ReadResponse *response = (const void *)record->response;
    for (size_t i = 0; i < request->n_select; i++) {
        keys_of_selector(self, request->select[i]);
    }
    if (response != NULL) {
        keys_of_entries(self, response->entries, response->n_entries);
    }
}

static void keys_of_mutation(struct key_set *self, const Stated__V1__Mutation *mutation)
{
    switch (mutation->kind_case) {
    case STATED__V1__MUTATION__KIND_PUT:
        key_note(self, mutation->put->key);
        break;
    case STATED__V1__MUTATION__KIND_ADD:
        key_note(self, mutation->add->key);
        break;
    case STATED__V1__MUTATION__KIND_DELETE:
        keys_of_selector(self, mutation->delete_->select);
        break;
    default:
        break;
    }
}

static void keys_of_write(struct key_set *self, const struct call_record *record)
{
    const Stated__V1__WriteRequest *request = (const void *)record->request;
    const Stated__V1__WriteResponse *response = (const void *)record->response;
    for (size_t i = 0; i < request->n_guards; i++) {
        key_note(self, request->guards[i]->key);
    }
    for (size_t i = 0; i < request->n_mutations; i++) {
        keys_of_mutation(self, request->mutations[i]);
    }
    if (response != NULL) {
        keys_of_entries(self, response->previous, response->n_previous);
        keys_of_entries(self, response->current, response->n_current);
    }
}

static void keys_of_log(struct key_set *self, const struct call_log *log)
{
    self->n = 0;
    for (size_t i = 0; i < log->n_records; i++) {
        if (call_record_is_read(&log->records[i])) {
            keys_of_read(self, &log->records[i]);
        } else {
            keys_of_write(self, &log->records[i]);
        }
    }
}

bool key_set_init(struct key_set *self, const struct call_log *log)
{
    *self = (struct key_set){0};
    keys_of_log(self, log);
    self->keys = calloc(self->n + 1, sizeof *self->keys);
    if (self->keys == NULL) {
        return false;
    }
    keys_of_log(self, log);
    qsort(self->keys, self->n, sizeof *self->keys, key_order);
    size_t distinct = 0;
    for (size_t i = 0; i < self->n; i++) {
        if (distinct == 0 || !binary_equal(self->keys[distinct - 1], self->keys[i])) {
            self->keys[distinct++] = self->keys[i];
        }
    }
    self->n = distinct;
    return true;
}

void key_set_deinit(struct key_set *self)
{
    free(self->keys);
    *self = (struct key_set){0};
}

uint32_t key_set_find(const struct key_set *self, ProtobufCBinaryData key)
{
    const ProtobufCBinaryData *found = bsearch(&key, self->keys, self->n, sizeof key, key_order);
    return (uint32_t)(found - self->keys);
}
