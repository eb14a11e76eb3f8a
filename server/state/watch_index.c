#include "state/watch_index.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define FIRST_BUCKETS ((size_t)64)

static struct watch_entry *entry_of(struct list_node *node)
{
    return CONTAINER_OF(node, struct watch_entry, node);
}

static bool is_hashed(const struct watch_entry *entry)
{
    return entry->span.kind == KEY_SPAN_POINT || entry->span.kind == KEY_SPAN_PREFIX;
}

static uint64_t hash_of(enum key_span_end kind, const uint8_t *data, size_t length)
{
    return XXH3_64bits_withSeed(length == 0 ? "" : (const void *)data, length, (uint64_t)kind);
}

static struct list *bucket_of(const struct watch_index *self, uint64_t hash)
{
    return &self->buckets[hash & (self->n_buckets - 1)];
}

static struct list *make_buckets(size_t n)
{
    struct list *buckets = calloc(n, sizeof(*buckets));
    for (size_t i = 0; buckets != NULL && i < n; i++) {
        list_init(&buckets[i]);
    }
    return buckets;
}

bool watch_index_init(struct watch_index *self)
{
    *self = (struct watch_index){.n_buckets = FIRST_BUCKETS};
    list_init(&self->ranges);
    self->buckets = make_buckets(FIRST_BUCKETS);
    return self->buckets != NULL;
}

void watch_index_deinit(struct watch_index *self)
{
    free(self->buckets);
}

static void grow(struct watch_index *self)
{
    struct list *old = self->buckets;
    size_t n_old = self->n_buckets;
    struct list *buckets = make_buckets(2 * n_old);
    if (buckets == NULL) {
        return;
    }
    self->buckets = buckets;
    self->n_buckets = 2 * n_old;
    for (size_t i = 0; i < n_old; i++) {
        struct list_node *node;
        while ((node = list_pop_front(&old[i])) != NULL) {
            list_push_back(bucket_of(self, entry_of(node)->hash), node);
        }
    }
    free(old);
}

void watch_index_add(struct watch_index *self, struct watch_entry *entry)
{
    const struct key_span *span = &entry->span;
    list_node_init(&entry->node);
    if (!is_hashed(entry)) {
        list_push_back(&self->ranges, &entry->node);
        return;
    }
    if (self->n_hashed >= self->n_buckets) {
        grow(self);
    }
    entry->hash = hash_of(span->kind, span->start.data, span->start.len);
    list_push_back(bucket_of(self, entry->hash), &entry->node);
    self->n_hashed++;
    if (span->kind == KEY_SPAN_PREFIX && self->with_length[span->start.len]++ == 0) {
        self->lengths[span->start.len / 64] |= UINT64_C(1) << span->start.len % 64;
    }
}

void watch_index_remove(struct watch_index *self, struct watch_entry *entry)
{
    const struct key_span *span = &entry->span;
    list_remove(&entry->node);
    if (!is_hashed(entry)) {
        return;
    }
    self->n_hashed--;
    if (span->kind == KEY_SPAN_PREFIX && --self->with_length[span->start.len] == 0) {
        self->lengths[span->start.len / 64] &= ~(UINT64_C(1) << span->start.len % 64);
    }
}

static void find_hashed(struct watch_index *self, enum key_span_end kind, const uint8_t *data,
                        size_t length, watch_found found, void *context)
{
    uint64_t hash = hash_of(kind, data, length);
    const struct list *bucket = bucket_of(self, hash);
    struct list_node *node = list_first(bucket);
    while (node != NULL) {
        struct watch_entry *entry = entry_of(node);
        node = list_after(bucket, node);
        if (entry->hash == hash && entry->span.kind == kind && entry->span.start.len == length &&
            (length == 0 || memcmp(entry->span.start.data, data, length) == 0)) {
            found(context, entry);
        }
    }
}

static void find_prefixes(struct watch_index *self, const ProtobufCBinaryData *key,
                          watch_found found, void *context)
{
    for (size_t word = 0; word <= key->len / 64; word++) {
        uint64_t bits = self->lengths[word];
        while (bits != 0) {
            size_t length = word * 64 + (size_t)__builtin_ctzll(bits);
            bits &= bits - 1;
            if (length <= key->len) {
                find_hashed(self, KEY_SPAN_PREFIX, key->data, length, found, context);
            }
        }
    }
}

static void find_ranges(struct watch_index *self, const ProtobufCBinaryData *key, watch_found found,
                        void *context)
{
    struct list_node *node = list_first(&self->ranges);
    while (node != NULL) {
        struct watch_entry *entry = entry_of(node);
        node = list_after(&self->ranges, node);
        if (key_compare(key, &entry->span.start) >= 0 && key_span_reaches(&entry->span, key)) {
            found(context, entry);
        }
    }
}

void watch_index_find(struct watch_index *self, const ProtobufCBinaryData *key, watch_found found,
                      void *context)
{
    find_hashed(self, KEY_SPAN_POINT, key->data, key->len, found, context);
    find_prefixes(self, key, found, context);
    find_ranges(self, key, found, context);
}

static void find_all_of(struct list *entries, watch_found found, void *context)
{
    struct list_node *node = list_first(entries);
    while (node != NULL) {
        struct watch_entry *entry = entry_of(node);
        node = list_after(entries, node);
        found(context, entry);
    }
}

void watch_index_find_all(struct watch_index *self, watch_found found, void *context)
{
    for (size_t i = 0; i < self->n_buckets; i++) {
        find_all_of(&self->buckets[i], found, context);
    }
    find_all_of(&self->ranges, found, context);
}
