/* Who watches a key: selectors, found by the keys they select. Pure, not synchronised.

   A changed key costs one look-up for itself and one for each length of prefix that is watched,
   however many watch; only ranges are looked at one by one. */
#ifndef STATED_STATE_WATCH_INDEX_H
#define STATED_STATE_WATCH_INDEX_H

#include "base/list.h"
#include "state/key_span.h"
#include "state/validate.h"

#include "stated/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One selector; embedded in what watches. The span's bytes outlive it. */
struct watch_entry {
    struct key_span span;
    uint64_t hash;
    struct list_node node;
};

struct watch_index {
    struct list *buckets; /* of keys and prefixes */
    size_t n_buckets;     /* a power of two */
    size_t n_hashed;
    struct list ranges;
    uint32_t with_length[VALIDATE_MAX_KEY_BYTES + 1];  /* prefixes of each length */
    uint64_t lengths[VALIDATE_MAX_KEY_BYTES / 64 + 1]; /* bit set: with_length is not 0 */
};

/* An empty index. False when memory is out. */
bool watch_index_init(struct watch_index *self) STATED_MUST_USE;

/* Frees the index, not its entries. */
void watch_index_deinit(struct watch_index *self);

/* Adds an entry, whose span is set. When memory is out it is slower, no more. */
void watch_index_add(struct watch_index *self, struct watch_entry *entry);

/* Takes an entry out, which is in. */
void watch_index_remove(struct watch_index *self, struct watch_entry *entry);

/* One that has been found. May take the entry out of the index, and no other. */
typedef void (*watch_found)(void *context, struct watch_entry *entry);

/* Finds every entry that selects the key. */
void watch_index_find(struct watch_index *self, const ProtobufCBinaryData *key, watch_found found,
                      void *context);

/* Finds all entries. */
void watch_index_find_all(struct watch_index *self, watch_found found, void *context);

#endif
