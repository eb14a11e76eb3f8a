#include "engine/lmdb_record.h"

#include "engine/numbers.h"

#include <string.h>
#include <xxhash.h>

enum {
    CHECKSUM_AT = 0,
    CREATE_AT = 8,
    MOD_AT = 16,
    VERSION_AT = 24,
};

static uint64_t checksum(const void *key, size_t key_bytes, const uint8_t *record, size_t bytes)
{
    return XXH64(record + CREATE_AT, bytes - CREATE_AT, XXH64(key, key_bytes, 0));
}

void lmdb_record_encode(void *out, const void *key, size_t key_bytes,
                        const struct lmdb_record *record)
{
    uint8_t *bytes = out;
    put_u64(bytes + CREATE_AT, record->create_revision);
    put_u64(bytes + MOD_AT, record->mod_revision);
    put_u64(bytes + VERSION_AT, record->version);
    if (record->value_bytes > 0) {
        memcpy(bytes + LMDB_RECORD_HEADER_BYTES, record->value, record->value_bytes);
    }
    put_u64(bytes + CHECKSUM_AT,
            checksum(key, key_bytes, bytes, LMDB_RECORD_HEADER_BYTES + record->value_bytes));
}

bool lmdb_record_decode(const void *key, size_t key_bytes, const void *data, size_t data_bytes,
                        struct lmdb_record *record)
{
    const uint8_t *bytes = data;
    if (data_bytes < LMDB_RECORD_HEADER_BYTES ||
        get_u64(bytes + CHECKSUM_AT) != checksum(key, key_bytes, bytes, data_bytes)) {
        return false;
    }
    *record = (struct lmdb_record){
        .create_revision = get_u64(bytes + CREATE_AT),
        .mod_revision = get_u64(bytes + MOD_AT),
        .version = get_u64(bytes + VERSION_AT),
        .value = bytes + LMDB_RECORD_HEADER_BYTES,
        .value_bytes = data_bytes - LMDB_RECORD_HEADER_BYTES,
    };
    return true;
}
