/* How the keys and records of the `calls` table are written. */
#include "engine/lmdb_engine.h"

#include "engine/lmdb_calls_parts.h"
#include "engine/numbers.h"

#include <string.h>
#include <xxhash.h>

enum {
    ID_BYTES = LMDB_CLIENT_ID_BYTES,
    CHECKSUM_BYTES = LMDB_ANSWER_CHECKSUM_BYTES,

    FLOOR_AT = 8,
    HIGHEST_AT = 16,
    STAMP_AT = 24,
    ANSWERS_AT = 32,
    BYTES_AT = 40,
    CLIENT_BYTES = 48,
};

uint64_t lmdb_calls_checksum(const MDB_val *key, const void *value, size_t bytes)
{
    return XXH64((const uint8_t *)value + CHECKSUM_BYTES, bytes - CHECKSUM_BYTES,
                 XXH64(key->mv_data, key->mv_size, 0));
}

void lmdb_calls_answer_key(struct lmdb_call_key *self, const uint8_t *id, uint64_t sequence)
{
    self->bytes[0] = LMDB_CALL_ANSWER;
    memcpy(self->bytes + 1, id, ID_BYTES);
    put_key_u64(self->bytes + 1 + ID_BYTES, sequence);
    self->val = (MDB_val){.mv_size = LMDB_ANSWER_KEY_BYTES, .mv_data = self->bytes};
}

void lmdb_calls_client_key(struct lmdb_call_key *self, const uint8_t *id)
{
    self->bytes[0] = LMDB_CALL_CLIENT;
    memcpy(self->bytes + 1, id, ID_BYTES);
    self->val = (MDB_val){.mv_size = LMDB_CLIENT_KEY_BYTES, .mv_data = self->bytes};
}

void lmdb_calls_order_key(struct lmdb_call_key *self, enum lmdb_call_kind kind, uint64_t stamp,
                          const uint8_t *id)
{
    self->bytes[0] = (uint8_t)kind;
    put_key_u64(self->bytes + 1, stamp);
    memcpy(self->bytes + 9, id, ID_BYTES);
    self->val = (MDB_val){.mv_size = LMDB_PLACE_KEY_BYTES, .mv_data = self->bytes};
}

/* The client's place in the order of use: of those with answers once it has one. */
enum lmdb_call_kind lmdb_calls_kind_of(const struct lmdb_client *client)
{
    return client->answers > 0 ? LMDB_CALL_ACTIVE : LMDB_CALL_FORGOTTEN;
}

void lmdb_calls_place_key(uint8_t out[LMDB_PLACE_KEY_BYTES], const struct lmdb_client *client,
                          const uint8_t *id)
{
    struct lmdb_call_key key;
    lmdb_calls_order_key(&key, lmdb_calls_kind_of(client), client->stamp, id);
    memcpy(out, key.bytes, LMDB_PLACE_KEY_BYTES);
}

bool lmdb_calls_decode_client(const MDB_val *key, const MDB_val *value, struct lmdb_client *client)
{
    const uint8_t *bytes = value->mv_data;
    if (value->mv_size != CLIENT_BYTES ||
        get_u64(bytes) != lmdb_calls_checksum(key, bytes, value->mv_size)) {
        return false;
    }
    *client = (struct lmdb_client){
        .floor = get_u64(bytes + FLOOR_AT),
        .highest = get_u64(bytes + HIGHEST_AT),
        .stamp = get_u64(bytes + STAMP_AT),
        .answers = get_u64(bytes + ANSWERS_AT),
        .bytes = get_u64(bytes + BYTES_AT),
    };
    return true;
}

bool lmdb_calls_is_intact(const MDB_val *key, const MDB_val *value)
{
    return value->mv_size >= LMDB_ANSWER_HEAD_BYTES &&
           get_u64(value->mv_data) == lmdb_calls_checksum(key, value->mv_data, value->mv_size) &&
           get_u32((const uint8_t *)value->mv_data + LMDB_ANSWER_MESSAGE_BYTES_AT) <=
               value->mv_size - LMDB_ANSWER_HEAD_BYTES;
}

/* Reads a client that must be there; MDB_NOTFOUND otherwise. */
int lmdb_calls_get_client(struct lmdb_run *run, const uint8_t *id, struct lmdb_client *client)
{
    struct lmdb_call_key key;
    MDB_val value;
    lmdb_calls_client_key(&key, id);
    int rc = mdb_get(run->txn, run->store->tables.calls, &key.val, &value);
    if (rc == 0 && !lmdb_calls_decode_client(&key.val, &value, client)) {
        rc = LMDB_RECORD_DAMAGED;
    }
    return rc;
}

int lmdb_calls_put_client(struct lmdb_run *run, const uint8_t *id, const struct lmdb_client *client)
{
    struct lmdb_call_key key;
    uint8_t bytes[CLIENT_BYTES];
    lmdb_calls_client_key(&key, id);
    put_u64(bytes + FLOOR_AT, client->floor);
    put_u64(bytes + HIGHEST_AT, client->highest);
    put_u64(bytes + STAMP_AT, client->stamp);
    put_u64(bytes + ANSWERS_AT, client->answers);
    put_u64(bytes + BYTES_AT, client->bytes);
    put_u64(bytes, lmdb_calls_checksum(&key.val, bytes, sizeof(bytes)));
    MDB_val value = {.mv_size = sizeof(bytes), .mv_data = bytes};
    return mdb_put(run->txn, run->store->tables.calls, &key.val, &value, 0);
}
