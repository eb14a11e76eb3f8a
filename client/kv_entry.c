#include "kv_entry.h"

#include <stdlib.h>
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

struct stated_kv_entry *kv_entry_new(const Stated__V1__Entry *entry)
{
    void *block = malloc(kv_entry_block_bytes(entry));
    return block == NULL ? NULL : kv_entry_fill(block, entry);
}

void stated_kv_entry_free(struct stated_kv_entry *entry)
{
    free(entry);
}
