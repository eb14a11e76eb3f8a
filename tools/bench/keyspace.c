#include "bench/keyspace.h"

#include "base/clock.h"
#include "bench/workload.h"
#include "stated/v1/state.stated-client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PAGE_ENTRIES = 1000,
    FILL_KEYS = 256,      /* keys of one write, */
    FILL_BYTES = 1 << 18, /* or fewer when their values are large */
};

enum stated_code keyspace_init(struct keyspace *self, const char *prefix, uint32_t keys,
                               struct stated_status *status)
{
    *self = (struct keyspace){.prefix = prefix, .keys = keys};
    self->cells = calloc(keys, sizeof *self->cells);
    if (self->cells == NULL) {
        return stated_status_set(status, STATED_RESOURCE_EXHAUSTED,
                                 "no memory for %" PRIu32 " keys", keys);
    }
    return STATED_OK;
}

void keyspace_deinit(struct keyspace *self)
{
    free(self->cells);
}

size_t keyspace_name(const struct keyspace *self, uint32_t key, char name[KEYSPACE_NAME_BYTES])
{
    size_t length = strlen(self->prefix);
    memcpy(name, self->prefix, length);
    for (size_t i = length + BENCH_KEY_DIGITS; i-- > length; key /= 10) {
        name[i] = (char)('0' + key % 10);
    }
    return length + BENCH_KEY_DIGITS;
}

/* The number in a key's name; false when it is none of ours. */
static bool keyspace_number(const struct keyspace *self, ProtobufCBinaryData name, uint32_t *key)
{
    size_t prefix_bytes = strlen(self->prefix);
    if (name.len != prefix_bytes + BENCH_KEY_DIGITS) {
        return false;
    }
    *key = 0;
    for (size_t i = prefix_bytes; i < name.len; i++) {
        if (name.data[i] < '0' || name.data[i] > '9') {
            return false;
        }
        *key = *key * 10 + (uint32_t)(name.data[i] - '0');
    }
    return *key < self->keys;
}

static void keyspace_take(struct keyspace *self, const Stated__V1__ReadResponse *page)
{
    for (size_t i = 0; i < page->n_entries; i++) {
        const Stated__V1__Entry *entry = page->entries[i];
        uint32_t key;
        if (keyspace_number(self, entry->key, &key)) {
            self->cells[key] =
                (struct oracle_cell){.value = oracle_value_of(entry->value.data, entry->value.len),
                                     .mod_revision = entry->mod_revision,
                                     .version = entry->version};
        }
    }
    self->revision = page->revision;
}

/* Takes one page and points the request behind it; *more when there is another. */
static enum stated_code keyspace_page(struct keyspace *self, struct stated_client *client,
                                      Stated__V1__ReadRequest *request,
                                      uint8_t after[KEYSPACE_NAME_BYTES], bool *more,
                                      struct stated_status *status)
{
    Stated__V1__ReadResponse *page;
    uint64_t sent_ns = clock_now_ns();
    enum stated_code code = stated_v1_state_service_read(client, NULL, request, &page, status);
    journal_append(self->journal, &request->base, page == NULL ? NULL : &page->base, status,
                   sent_ns, clock_now_ns());
    if (code != STATED_OK) {
        return code;
    }
    keyspace_take(self, page);
    *more = page->more && page->n_entries > 0;
    if (*more) {
        ProtobufCBinaryData last = page->entries[page->n_entries - 1]->key;
        if (last.len > KEYSPACE_NAME_BYTES) {
            code = stated_status_set(status, STATED_INTERNAL,
                                     "the server answered with a key of %zu bytes", last.len);
        } else {
            memcpy(after, last.data, last.len);
            request->after = (ProtobufCBinaryData){last.len, after};
        }
    }
    stated__v1__read_response__free_unpacked(page, NULL);
    return code;
}

enum stated_code keyspace_load(struct keyspace *self, struct stated_client *client,
                               struct stated_status *status)
{
    Stated__V1__Selector selector = STATED__V1__SELECTOR__INIT;
    Stated__V1__Selector *select[] = {&selector};
    Stated__V1__ReadRequest request = STATED__V1__READ_REQUEST__INIT;
    uint8_t after[KEYSPACE_NAME_BYTES];
    enum stated_code code = STATED_OK;
    bool more = true;

    selector.kind_case = STATED__V1__SELECTOR__KIND_PREFIX;
    selector.prefix =
        (ProtobufCBinaryData){strlen(self->prefix), (uint8_t *)(uintptr_t)self->prefix};
    request.n_select = 1;
    request.select = select;
    request.limit = PAGE_ENTRIES;
    memset(self->cells, 0, self->keys * sizeof *self->cells);
    while (more && code == STATED_OK) {
        code = keyspace_page(self, client, &request, after, &more, status);
    }
    return code;
}

/* One write of several keys. */
struct fill {
    char names[FILL_KEYS][KEYSPACE_NAME_BYTES];
    Stated__V1__Put puts[FILL_KEYS];
    Stated__V1__Mutation mutations[FILL_KEYS];
    Stated__V1__Mutation *pointers[FILL_KEYS];
    uint32_t keys[FILL_KEYS];
    size_t n;
    size_t most;
    ProtobufCBinaryData value;
};

static void fill_add(struct fill *self, const struct keyspace *keyspace, uint32_t key)
{
    size_t i = self->n++;
    size_t length = keyspace_name(keyspace, key, self->names[i]);
    self->puts[i] = (Stated__V1__Put)STATED__V1__PUT__INIT;
    self->puts[i].key = (ProtobufCBinaryData){length, (uint8_t *)self->names[i]};
    self->puts[i].value = self->value;
    self->mutations[i] = (Stated__V1__Mutation)STATED__V1__MUTATION__INIT;
    self->mutations[i].kind_case = STATED__V1__MUTATION__KIND_PUT;
    self->mutations[i].put = &self->puts[i];
    self->pointers[i] = &self->mutations[i];
    self->keys[i] = key;
}

static enum stated_code fill_send(struct fill *self, struct keyspace *keyspace,
                                  struct stated_client *client, struct stated_status *status)
{
    Stated__V1__WriteRequest request = STATED__V1__WRITE_REQUEST__INIT;
    Stated__V1__WriteResponse *response;
    request.n_mutations = self->n;
    request.mutations = self->pointers;
    uint64_t sent_ns = clock_now_ns();
    enum stated_code code =
        stated_v1_state_service_write(client, NULL, &request, &response, status);
    journal_append(keyspace->journal, &request.base, response == NULL ? NULL : &response->base,
                   status, sent_ns, clock_now_ns());
    if (code != STATED_OK) {
        return code;
    }
    keyspace->revision = response->revision;
    for (size_t i = 0; i < self->n; i++) {
        keyspace->cells[self->keys[i]] =
            (struct oracle_cell){.value = oracle_value_of(self->value.data, self->value.len),
                                 .mod_revision = response->revision,
                                 .version = 1};
    }
    self->n = 0;
    stated__v1__write_response__free_unpacked(response, NULL);
    return STATED_OK;
}

enum stated_code keyspace_fill(struct keyspace *self, struct stated_client *client,
                               size_t value_bytes, struct stated_status *status)
{
    struct fill *fill = calloc(1, sizeof *fill);
    char *value = malloc(value_bytes + 1);
    enum stated_code code = STATED_OK;
    if (fill == NULL || value == NULL) {
        code = stated_status_set(status, STATED_RESOURCE_EXHAUSTED,
                                 "no memory for a value of %zu bytes", value_bytes);
        goto free_all;
    }
    workload_value_init(value, value_bytes);
    fill->value = (ProtobufCBinaryData){value_bytes, (uint8_t *)value};
    fill->most = 1 + FILL_BYTES / (value_bytes + KEYSPACE_NAME_BYTES);
    fill->most = fill->most < FILL_KEYS ? fill->most : FILL_KEYS;
    for (uint32_t key = 0; key < self->keys && code == STATED_OK; key++) {
        if (self->cells[key].value.kind == ORACLE_ABSENT) {
            fill_add(fill, self, key);
        }
        if (fill->n == fill->most || (fill->n > 0 && key + 1 == self->keys)) {
            code = fill_send(fill, self, client, status);
        }
    }
free_all:
    free(value);
    free(fill);
    return code;
}
