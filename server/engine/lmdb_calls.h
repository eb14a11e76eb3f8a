/* Exactly once: the answers that numbered writes were given, in the `calls` table.

   Three kinds of keys, by their first byte:
     'r' client_id sequence   an answer: checksum, request hash, code, message, response
     'c' client_id            what is known of a client (struct lmdb_client)
     'a' stamp client_id      clients that have answers here, the longest unused first
     't' stamp client_id      the same of clients whose answers have been forgotten
   All numbers in keys are big endian. An answer is written in the transaction that applies its
   write, so that there is never one without the other.

   What is forgotten is never applied again: a client keeps the lowest sequence that it may still
   use. Too many clients, or too many bytes: the answers of the client that has been silent longest
   go, and only that number stays. Those are bounded as well: a client comes back as a new one when
   max_forgotten others have been forgotten after it. */
#ifndef STATED_ENGINE_LMDB_CALLS_H
#define STATED_ENGINE_LMDB_CALLS_H

#include "state/store.h"

#include <lmdb.h>
#include <stdbool.h>
#include <stdint.h>

struct lmdb_run;

enum {
    LMDB_CLIENT_ID_BYTES = 16,
    LMDB_ANSWER_KEY_BYTES = 1 + LMDB_CLIENT_ID_BYTES + 8,
    LMDB_CLIENT_KEY_BYTES = 1 + LMDB_CLIENT_ID_BYTES,
    LMDB_PLACE_KEY_BYTES = 1 + 8 + LMDB_CLIENT_ID_BYTES,
};

/* First bytes of keys. */
enum lmdb_call_kind {
    LMDB_CALL_ACTIVE = 'a',
    LMDB_CALL_CLIENT = 'c',
    LMDB_CALL_ANSWER = 'r',
    LMDB_CALL_FORGOTTEN = 't',
};

/* A client. */
struct lmdb_client {
    uint64_t floor;   /* sequences below it are refused */
    uint64_t highest; /* sequence that has been answered */
    uint64_t stamp;   /* of its place in the order of use */
    uint64_t answers;
    uint64_t bytes; /* of them */
};

/* Looks whether the operation, a numbered write, has been answered before. *answered: it has its
   outcome now (the earlier answer, or a refusal), else it is to be executed. LMDB's code. */
int lmdb_calls_find(struct lmdb_run *run, struct store_op *op, bool *answered) STATED_MUST_USE;

/* Remembers the outcome of a numbered write that has just been executed; forgets what its client
   has acknowledged, and what is beyond the bounds. LMDB's code. */
int lmdb_calls_remember(struct lmdb_run *run, const struct store_op *op) STATED_MUST_USE;

/* Takes a client's record apart; false when it is damaged. Pure. */
bool lmdb_calls_decode_client(const MDB_val *key, const MDB_val *value,
                              struct lmdb_client *client) STATED_MUST_USE;

/* The key of the client's place in the order of use. Pure. */
void lmdb_calls_place_key(uint8_t out[LMDB_PLACE_KEY_BYTES], const struct lmdb_client *client,
                          const uint8_t *id);

/* False when an answer's record is damaged. Pure. */
bool lmdb_calls_is_intact(const MDB_val *key, const MDB_val *value);

#endif
