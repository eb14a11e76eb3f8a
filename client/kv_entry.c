#include "kv_entry.h"

#include "base/list.h"
#include "memory.h"

#include <stddef.h>
#include <string.h>

size_t kv_entry_block_bytes(const Stated__V1__Entry *entry)
{
    return sizeof(struct stated_kv_entry) + entry->key.len + 1 + entry->value.len + 1;
}

static struct stated_bytes copy(char *to, const ProtobufCBinaryData *from)
{
    if (from->len > 0) {
        memcpy(to, from->data, from->len);
    }
    to[from->len] = '\0';
    return (struct stated_bytes){to, from->len};
}

struct stated_kv_entry *kv_entry_fill(void *block, const Stated__V1__Entry *entry)
{
    struct stated_kv_entry *filled = block;
    char *bytes = (char *)(filled + 1);
    *filled = (struct stated_kv_entry){.key = copy(bytes, &entry->key),
                                       .value = copy(bytes + entry->key.len + 1, &entry->value),
                                       .create_revision = entry->create_revision,
                                       .mod_revision = entry->mod_revision,
                                       .version = entry->version};
    return filled;
}

/* An entry that is freed by itself: its memory begins with who takes it back. */
struct owned {
    ProtobufCAllocator memory;
    struct stated_kv_entry entry; /* the block */
};

struct stated_kv_entry *kv_entry_new(const ProtobufCAllocator *memory,
                                     const Stated__V1__Entry *entry)
{
    ProtobufCAllocator copied = *memory;
    struct owned *owned =
        memory_take(&copied, offsetof(struct owned, entry) + kv_entry_block_bytes(entry));
    if (owned == NULL) {
        return NULL;
    }
    owned->memory = copied;
    return kv_entry_fill(&owned->entry, entry);
}

void stated_kv_entry_free(struct stated_kv_entry *entry)
{
    if (entry != NULL) {
        struct owned *owned = CONTAINER_OF(entry, struct owned, entry);
        ProtobufCAllocator memory = owned->memory;
        memory_give(&memory, owned);
    }
}
