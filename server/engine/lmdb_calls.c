#include "engine/lmdb_calls.h"

#include "engine/lmdb_calls_parts.h"
#include "engine/lmdb_engine.h"
#include "engine/numbers.h"

#include <inttypes.h>
#include <string.h>

/* An answer's record. */
enum {
    HASH_AT = 8,
    CODE_AT = 16,
    MESSAGE_BYTES_AT = LMDB_ANSWER_MESSAGE_BYTES_AT,
    ANSWER_HEAD_BYTES = LMDB_ANSWER_HEAD_BYTES,
};

static void refuse_forgotten(struct store_op *op, const struct lmdb_client *client)
{
    op->code = STATED_FAILED_PRECONDITION;
    op->message = arena_format(
        op->arena,
        "sequence %" PRIu64 " of this client was acknowledged or forgotten, the lowest it may use "
        "is %" PRIu64 "; whether it was applied is not known here, read the keys",
        op->once.sequence, client->floor);
}

/* The number after it is the lowest that may be used once it is forgotten: there has to be one. */
static void refuse_last(struct store_op *op)
{
    op->code = STATED_INVALID_ARGUMENT;
    op->message = arena_format(op->arena,
                               "sequence %" PRIu64 " is the last of all, after which no number is "
                               "left; number a client's writes from 1 on",
                               op->once.sequence);
}

/* Gives op the answer that is stored in value. */
static void answer(struct store_op *op, const MDB_val *value)
{
    const uint8_t *bytes = value->mv_data;
    size_t message_bytes = get_u32(bytes + MESSAGE_BYTES_AT);
    if (get_u64(bytes + HASH_AT) != op->once.request_hash) {
        op->code = STATED_INVALID_ARGUMENT;
        op->message = arena_format(op->arena,
                                   "sequence %" PRIu64 " was used by this client for another "
                                   "request; number every write anew",
                                   op->once.sequence);
        return;
    }
    const char *message = arena_copy(op->arena, bytes + ANSWER_HEAD_BYTES, message_bytes);
    Stated__V1__WriteResponse *response = stated__v1__write_response__unpack(
        &op->arena->allocator, value->mv_size - ANSWER_HEAD_BYTES - message_bytes,
        bytes + ANSWER_HEAD_BYTES + message_bytes);
    if (message == NULL || response == NULL) {
        lmdb_trouble_arena(op);
        return;
    }
    *op->write_response = *response;
    op->code = (enum stated_code)get_u32(bytes + CODE_AT);
    op->message = message;
    op->replayed = true;
}

static void refuse_damaged(struct lmdb_run *run, struct store_op *op)
{
    op->code = STATED_DATA_LOSS;
    op->message = arena_format(op->arena,
                               "what %s remembers of this client is damaged; whether the write was "
                               "applied is not known",
                               run->store->data_path);
}

/* The operation's client as it is known, or a new one. *acknowledged: it has just said that it has
   answers that are kept; the floor has risen. */
static int meet_client(struct lmdb_run *run, const struct store_op *op, struct lmdb_client *client,
                       bool *acknowledged)
{
    int rc = lmdb_calls_get_client(run, op->once.client_id, client);
    if (rc == MDB_NOTFOUND) {
        *client = (struct lmdb_client){.floor = 1};
        rc = 0;
    }
    *acknowledged = rc == 0 && op->once.acked_below > client->floor;
    if (*acknowledged) {
        client->floor = op->once.acked_below;
    }
    return rc;
}

int lmdb_calls_find(struct lmdb_run *run, struct store_op *op, bool *answered)
{
    struct lmdb_client client;
    bool acknowledged;
    *answered = true;
    if (op->once.sequence == UINT64_MAX) {
        refuse_last(op);
        return 0;
    }
    int rc = meet_client(run, op, &client, &acknowledged);
    if (rc == LMDB_RECORD_DAMAGED) {
        refuse_damaged(run, op);
        return 0;
    }
    if (rc != 0) {
        return rc;
    }
    if (op->once.sequence < client.floor) {
        refuse_forgotten(op, &client);
        return 0;
    }
    struct lmdb_call_key key;
    MDB_val value;
    lmdb_calls_answer_key(&key, op->once.client_id, op->once.sequence);
    rc = op->once.sequence > client.highest
             ? MDB_NOTFOUND
             : mdb_get(run->txn, run->store->tables.calls, &key.val, &value);
    if (rc == MDB_NOTFOUND) {
        *answered = false;
        return 0;
    }
    if (rc == 0 && lmdb_calls_is_intact(&key.val, &value)) {
        answer(op, &value);
    } else if (rc == 0) {
        refuse_damaged(run, op);
    }
    return rc;
}

static int put_answer(struct lmdb_run *run, const struct store_op *op, struct lmdb_client *client)
{
    struct lmdb_call_key key;
    lmdb_calls_answer_key(&key, op->once.client_id, op->once.sequence);
    size_t message_bytes = strlen(op->message);
    size_t response_bytes = stated__v1__write_response__get_packed_size(op->write_response);
    MDB_val value = {.mv_size = ANSWER_HEAD_BYTES + message_bytes + response_bytes};
    run->put_bytes += value.mv_size;
    lmdb_space_prepare(run);
    int rc = mdb_put(run->txn, run->store->tables.calls, &key.val, &value, MDB_RESERVE);
    if (rc != 0) {
        return rc;
    }
    uint8_t *bytes = value.mv_data;
    put_u64(bytes + HASH_AT, op->once.request_hash);
    put_u32(bytes + CODE_AT, (uint32_t)op->code);
    put_u32(bytes + MESSAGE_BYTES_AT, (uint32_t)message_bytes);
    memcpy(bytes + ANSWER_HEAD_BYTES, op->message, message_bytes);
    stated__v1__write_response__pack(op->write_response, bytes + ANSWER_HEAD_BYTES + message_bytes);
    put_u64(bytes, lmdb_calls_checksum(&key.val, bytes, value.mv_size));
    client->answers++;
    client->bytes += value.mv_size;
    client->highest = op->once.sequence > client->highest ? op->once.sequence : client->highest;
    run->totals.answers++;
    run->totals.answer_bytes += value.mv_size;
    return 0;
}

int lmdb_calls_remember(struct lmdb_run *run, const struct store_op *op)
{
    const uint8_t *id = op->once.client_id;
    struct lmdb_client client;
    bool acknowledged;
    int rc = meet_client(run, op, &client, &acknowledged);
    if (rc != 0) {
        return rc;
    }
    const struct lmdb_client before = client;
    rc = put_answer(run, op, &client);
    if (rc == 0 && acknowledged && before.answers > 0) {
        rc = lmdb_calls_drop_acknowledged(run, id, &client);
    }
    if (rc == 0) {
        rc = lmdb_calls_drop_surplus(run, id, &client);
    }
    if (rc == 0) {
        rc = lmdb_calls_renew_place(run, id, &before, &client);
    }
    if (rc == 0) {
        rc = lmdb_calls_enforce_bounds(run, id, &client);
    }
    return rc == 0 ? lmdb_calls_put_client(run, id, &client) : rc;
}
