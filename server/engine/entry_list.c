#include "engine/entry_list.h"

#include <string.h>

enum { FIRST_CAPACITY = 4 };

void entry_list_init(struct entry_list *self, struct arena *arena, size_t max_bytes)
{
    *self = (struct entry_list){
        .arena = arena, .max_bytes = max_bytes, .bytes = ENTRY_LIST_RESPONSE_BYTES};
}

static size_t varint_bytes(uint64_t number)
{
    size_t bytes = 1;
    while (number >= 0x80) {
        number >>= 7;
        bytes++;
    }
    return bytes;
}

/* Of a field with one byte of tag; proto3 leaves out what is zero. */
static size_t number_field_bytes(uint64_t number)
{
    return number == 0 ? 0 : 1 + varint_bytes(number);
}

static size_t bytes_field_bytes(size_t length)
{
    return length == 0 ? 0 : 1 + varint_bytes(length) + length;
}

size_t entry_list_cost(size_t key_bytes, size_t value_bytes, const struct lmdb_record *record)
{
    size_t entry = bytes_field_bytes(key_bytes) + bytes_field_bytes(value_bytes) +
                   number_field_bytes(record->create_revision) +
                   number_field_bytes(record->mod_revision) + number_field_bytes(record->version);
    return bytes_field_bytes(entry);
}

bool entry_list_has_room(const struct entry_list *self, size_t cost)
{
    return self->bytes <= self->max_bytes && cost <= self->max_bytes - self->bytes;
}

/* Doubles, so that the arena holds at most twice what is used. */
static bool grow(struct entry_list *self)
{
    size_t capacity = self->capacity == 0 ? FIRST_CAPACITY : self->capacity * 2;
    Stated__V1__Entry **entries = arena_alloc(self->arena, capacity * sizeof(Stated__V1__Entry *));
    if (entries == NULL) {
        return false;
    }
    if (self->n > 0) {
        memcpy(entries, self->entries, self->n * sizeof(Stated__V1__Entry *));
    }
    self->entries = entries;
    self->capacity = capacity;
    return true;
}

bool entry_list_append(struct entry_list *self, const void *key, size_t key_bytes,
                       const struct lmdb_record *record, bool keys_only)
{
    if (self->n == self->capacity && !grow(self)) {
        return false;
    }
    size_t value_bytes = keys_only ? 0 : record->value_bytes;
    Stated__V1__Entry *entry = arena_alloc(self->arena, sizeof(*entry) + key_bytes + value_bytes);
    if (entry == NULL) {
        return false;
    }
    stated__v1__entry__init(entry);
    uint8_t *bytes = (uint8_t *)(entry + 1);
    memcpy(bytes, key, key_bytes);
    entry->key = (ProtobufCBinaryData){.len = key_bytes, .data = bytes};
    if (value_bytes > 0) {
        memcpy(bytes + key_bytes, record->value, value_bytes);
        entry->value = (ProtobufCBinaryData){.len = value_bytes, .data = bytes + key_bytes};
    }
    entry->create_revision = record->create_revision;
    entry->mod_revision = record->mod_revision;
    entry->version = record->version;
    self->entries[self->n++] = entry;
    self->bytes += entry_list_cost(key_bytes, value_bytes, record);
    return true;
}
