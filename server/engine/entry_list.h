/* The entries of one reply, collected within its bounds: memory from the call's arena, and the size
   of the reply on the wire. */
#ifndef STATED_ENGINE_ENTRY_LIST_H
#define STATED_ENGINE_ENTRY_LIST_H

#include "engine/lmdb_record.h"
#include "rpc/arena.h"

#include "stated/v1/state.pb-c.h"

#include <stdbool.h>
#include <stddef.h>

/* What a Read or Write response needs beside its entries, at most. */
enum { ENTRY_LIST_RESPONSE_BYTES = 32 };

struct entry_list {
    struct arena *arena;
    size_t max_bytes; /* of the encoded reply */
    size_t bytes;     /* of it so far, counting ENTRY_LIST_RESPONSE_BYTES */
    Stated__V1__Entry **entries;
    size_t n;
    size_t capacity;
};

/* An empty list; takes no memory yet. */
void entry_list_init(struct entry_list *self, struct arena *arena, size_t max_bytes);

/* Bytes that this entry adds to an encoded reply. */
size_t entry_list_cost(size_t key_bytes, size_t value_bytes, const struct lmdb_record *record);

/* True when an entry of this cost still fits the reply. */
bool entry_list_has_room(const struct entry_list *self, size_t cost);

/* Appends a copy of key and record, without the value when keys_only. False when the arena gives
   out. */
bool entry_list_append(struct entry_list *self, const void *key, size_t key_bytes,
                       const struct lmdb_record *record, bool keys_only) STATED_MUST_USE;

#endif
