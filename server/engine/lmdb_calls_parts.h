/* What the files of the `calls` table share. */
#ifndef STATED_ENGINE_LMDB_CALLS_PARTS_H
#define STATED_ENGINE_LMDB_CALLS_PARTS_H

#include "engine/lmdb_calls.h"

enum {
    LMDB_ANSWER_CHECKSUM_BYTES = 8, /* at the beginning of every record */
    LMDB_ANSWER_MESSAGE_BYTES_AT = 20,
    LMDB_ANSWER_HEAD_BYTES = 24,
};

/* A key of the table with the room for its bytes. */
struct lmdb_call_key {
    uint8_t bytes[LMDB_PLACE_KEY_BYTES];
    MDB_val val;
};

/* lmdb_calls_codec.c: keys; `val` points into the key itself, which must stay where it is. Pure. */
void lmdb_calls_answer_key(struct lmdb_call_key *self, const uint8_t *id, uint64_t sequence);
void lmdb_calls_client_key(struct lmdb_call_key *self, const uint8_t *id);
void lmdb_calls_order_key(struct lmdb_call_key *self, enum lmdb_call_kind kind, uint64_t stamp,
                          const uint8_t *id);

/* Which order of use the client is in. Pure. */
enum lmdb_call_kind lmdb_calls_kind_of(const struct lmdb_client *client);

/* Of a record behind its first 8 bytes, where the checksum goes. Pure. */
uint64_t lmdb_calls_checksum(const MDB_val *key, const void *value, size_t bytes);

/* Reads a client. MDB_NOTFOUND, LMDB_RECORD_DAMAGED, or LMDB's code. */
int lmdb_calls_get_client(struct lmdb_run *run, const uint8_t *id,
                          struct lmdb_client *client) STATED_MUST_USE;

/* Writes a client. LMDB's code. */
int lmdb_calls_put_client(struct lmdb_run *run, const uint8_t *id,
                          const struct lmdb_client *client) STATED_MUST_USE;

/* lmdb_calls_forget.c. All change *client, which the caller writes afterwards, and give LMDB's
   code. */

/* Drops the answers below the client's floor. */
int lmdb_calls_drop_acknowledged(struct lmdb_run *run, const uint8_t *id,
                                 struct lmdb_client *client) STATED_MUST_USE;

/* Drops the lowest answers of a client that has more than it may. */
int lmdb_calls_drop_surplus(struct lmdb_run *run, const uint8_t *id,
                            struct lmdb_client *client) STATED_MUST_USE;

/* Moves the client, as it was `before`, to the end of the order of use, unless it is near it. */
int lmdb_calls_renew_place(struct lmdb_run *run, const uint8_t *id,
                           const struct lmdb_client *before,
                           struct lmdb_client *client) STATED_MUST_USE;

/* Forgets the clients that have been silent longest until all is within bounds; never `self`, the
   one that has just written: of its answers, the lowest go. */
int lmdb_calls_enforce_bounds(struct lmdb_run *run, const uint8_t *self,
                              struct lmdb_client *client) STATED_MUST_USE;

#endif
