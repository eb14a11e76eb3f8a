/* Entries as the kv layer gives them out: one block of memory with the struct, the key and the
   value, each followed by a NUL. */
#ifndef STATED_CLIENT_KV_ENTRY_H
#define STATED_CLIENT_KV_ENTRY_H

#include "stated/kv.h"
#include "stated/v1/state.pb-c.h"

#include <stddef.h>

/* Bytes of the block for an entry. */
size_t kv_entry_block_bytes(const Stated__V1__Entry *entry);

/* Fills a block of that size, aligned for any type; the entry is at its start. */
struct stated_kv_entry *kv_entry_fill(void *block, const Stated__V1__Entry *entry);

/* The same in memory of its own, for stated_kv_entry_free, which the client need not live to see;
   NULL when memory is out. */
struct stated_kv_entry *kv_entry_new(const ProtobufCAllocator *memory,
                                     const Stated__V1__Entry *entry);

#endif
