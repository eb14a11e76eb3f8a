/* How the change log's keys and parts are written. */
#include "engine/lmdb_changes.h"

#include "engine/numbers.h"

#include <string.h>
#include <xxhash.h>

enum { CHECKSUM_BYTES = LMDB_CHANGES_CHECKSUM_BYTES };

/* An event's head; then come key, value and previous value. */
enum {
    FLAGS_AT = 0,
    KEY_BYTES_AT = 4,
    VALUE_BYTES_AT = 8,
    PREVIOUS_BYTES_AT = 12,
    CREATE_AT = 16,
    VERSION_AT = 24,
    PREVIOUS_CREATE_AT = 32,
    PREVIOUS_MOD_AT = 40,
    PREVIOUS_VERSION_AT = 48,
    HEAD_BYTES = LMDB_CHANGES_HEAD_BYTES,

    FLAG_DELETE = 1,
    FLAG_PREVIOUS = 2,
};

void lmdb_changes_make_key(uint8_t key[LMDB_CHANGES_KEY_BYTES], uint64_t revision, uint32_t part)
{
    put_key_u64(key, revision);
    put_key_u32(key + 8, part);
}

static uint64_t checksum(const void *key, const uint8_t *part, size_t bytes)
{
    return XXH64(part + CHECKSUM_BYTES, bytes - CHECKSUM_BYTES,
                 XXH64(key, LMDB_CHANGES_KEY_BYTES, 0));
}

void lmdb_changes_seal(const uint8_t key[LMDB_CHANGES_KEY_BYTES], uint8_t *part, size_t bytes)
{
    put_u64(part, checksum(key, part, bytes));
}

static uint8_t *append_bytes(uint8_t *out, const void *bytes, size_t length)
{
    if (length > 0) {
        memcpy(out, bytes, length);
    }
    return out + length;
}

void lmdb_changes_encode(uint8_t *out, const ProtobufCBinaryData *key,
                         const struct lmdb_record *record, const struct lmdb_record *previous)
{
    static const struct lmdb_record nothing;
    uint32_t flags = (record == NULL ? FLAG_DELETE : 0u) | (previous == NULL ? 0u : FLAG_PREVIOUS);
    record = record == NULL ? &nothing : record;
    previous = previous == NULL ? &nothing : previous;
    put_u32(out + FLAGS_AT, flags);
    put_u32(out + KEY_BYTES_AT, (uint32_t)key->len);
    put_u32(out + VALUE_BYTES_AT, (uint32_t)record->value_bytes);
    put_u32(out + PREVIOUS_BYTES_AT, (uint32_t)previous->value_bytes);
    put_u64(out + CREATE_AT, record->create_revision);
    put_u64(out + VERSION_AT, record->version);
    put_u64(out + PREVIOUS_CREATE_AT, previous->create_revision);
    put_u64(out + PREVIOUS_MOD_AT, previous->mod_revision);
    put_u64(out + PREVIOUS_VERSION_AT, previous->version);
    out = append_bytes(out + HEAD_BYTES, key->data, key->len);
    out = append_bytes(out, record->value, record->value_bytes);
    (void)append_bytes(out, previous->value, previous->value_bytes);
}

bool lmdb_changes_decode_key(const MDB_val *key, uint64_t *revision, uint32_t *part)
{
    if (key->mv_size != LMDB_CHANGES_KEY_BYTES) {
        return false;
    }
    *revision = get_key_u64(key->mv_data);
    *part = get_key_u32((const uint8_t *)key->mv_data + 8);
    return true;
}

bool lmdb_changes_is_intact(const MDB_val *key, const MDB_val *part)
{
    return key->mv_size == LMDB_CHANGES_KEY_BYTES && part->mv_size >= CHECKSUM_BYTES &&
           get_u64(part->mv_data) == checksum(key->mv_data, part->mv_data, part->mv_size);
}

/* The bytes behind *at, moved on; NULL when there are not as many. */
static uint8_t *take(const MDB_val *part, size_t *at, size_t length)
{
    if (length > part->mv_size - *at) {
        return NULL;
    }
    uint8_t *bytes = (uint8_t *)part->mv_data + *at;
    *at += length;
    return bytes;
}

enum stated_code lmdb_changes_decode(const MDB_val *key, const MDB_val *part, size_t *at,
                                     struct lmdb_change *change)
{
    *at = *at == 0 ? CHECKSUM_BYTES : *at;
    if (*at == part->mv_size) {
        return STATED_NOT_FOUND;
    }
    const uint8_t *head = take(part, at, HEAD_BYTES);
    if (head == NULL) {
        return STATED_DATA_LOSS;
    }
    uint32_t flags = get_u32(head + FLAGS_AT);
    *change = (struct lmdb_change){
        .is_delete = (flags & FLAG_DELETE) != 0,
        .has_previous = (flags & FLAG_PREVIOUS) != 0,
        .key = {.len = get_u32(head + KEY_BYTES_AT)},
        .record = {.create_revision = get_u64(head + CREATE_AT),
                   .mod_revision = get_key_u64(key->mv_data),
                   .version = get_u64(head + VERSION_AT),
                   .value_bytes = get_u32(head + VALUE_BYTES_AT)},
        .previous = {.create_revision = get_u64(head + PREVIOUS_CREATE_AT),
                     .mod_revision = get_u64(head + PREVIOUS_MOD_AT),
                     .version = get_u64(head + PREVIOUS_VERSION_AT),
                     .value_bytes = get_u32(head + PREVIOUS_BYTES_AT)},
    };
    change->key.data = take(part, at, change->key.len);
    change->record.value = take(part, at, change->record.value_bytes);
    change->previous.value = take(part, at, change->previous.value_bytes);
    bool is_whole =
        change->key.data != NULL && change->record.value != NULL && change->previous.value != NULL;
    return is_whole ? STATED_OK : STATED_DATA_LOSS;
}
