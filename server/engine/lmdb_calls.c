#include "engine/lmdb_calls.h"

#include "engine/lmdb_engine.h"
#include "engine/numbers.h"

#include <inttypes.h>
#include <string.h>
#include <xxhash.h>

enum {
    ID_BYTES = LMDB_CLIENT_ID_BYTES,

    CHECKSUM_BYTES = 8,
    HASH_AT = 8,
    CODE_AT = 16,
    MESSAGE_BYTES_AT = 20,
    ANSWER_HEAD_BYTES = 24,

    FLOOR_AT = 8,
    HIGHEST_AT = 16,
    STAMP_AT = 24,
    ANSWERS_AT = 32,
    BYTES_AT = 40,
    CLIENT_BYTES = 48,

    /* A client's place in the order of use is renewed when this share of the clients may have come
       after it: not at every write. */
    RENEW_SHARE = 8,
};

static uint64_t checksum(const MDB_val *key, const void *value, size_t bytes)
{
    return XXH64((const uint8_t *)value + CHECKSUM_BYTES, bytes - CHECKSUM_BYTES,
                 XXH64(key->mv_data, key->mv_size, 0));
}

/* A key of the table with the room for its bytes. */
struct call_key {
    uint8_t bytes[LMDB_PLACE_KEY_BYTES];
    MDB_val val;
};

static void make_answer_key(struct call_key *self, const uint8_t *id, uint64_t sequence)
{
    self->bytes[0] = LMDB_CALL_ANSWER;
    memcpy(self->bytes + 1, id, ID_BYTES);
    put_key_u64(self->bytes + 1 + ID_BYTES, sequence);
    self->val = (MDB_val){.mv_size = LMDB_ANSWER_KEY_BYTES, .mv_data = self->bytes};
}

static void make_client_key(struct call_key *self, const uint8_t *id)
{
    self->bytes[0] = LMDB_CALL_CLIENT;
    memcpy(self->bytes + 1, id, ID_BYTES);
    self->val = (MDB_val){.mv_size = LMDB_CLIENT_KEY_BYTES, .mv_data = self->bytes};
}

static void make_order_key(struct call_key *self, enum lmdb_call_kind kind, uint64_t stamp,
                           const uint8_t *id)
{
    self->bytes[0] = (uint8_t)kind;
    put_key_u64(self->bytes + 1, stamp);
    memcpy(self->bytes + 9, id, ID_BYTES);
    self->val = (MDB_val){.mv_size = LMDB_PLACE_KEY_BYTES, .mv_data = self->bytes};
}

/* The client's place in the order of use: of those with answers once it has one. */
static enum lmdb_call_kind order_kind(const struct lmdb_client *client)
{
    return client->answers > 0 ? LMDB_CALL_ACTIVE : LMDB_CALL_FORGOTTEN;
}

void lmdb_calls_place_key(uint8_t out[LMDB_PLACE_KEY_BYTES], const struct lmdb_client *client,
                          const uint8_t *id)
{
    struct call_key key;
    make_order_key(&key, order_kind(client), client->stamp, id);
    memcpy(out, key.bytes, LMDB_PLACE_KEY_BYTES);
}

bool lmdb_calls_decode_client(const MDB_val *key, const MDB_val *value, struct lmdb_client *client)
{
    const uint8_t *bytes = value->mv_data;
    if (value->mv_size != CLIENT_BYTES || get_u64(bytes) != checksum(key, bytes, value->mv_size)) {
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
    return value->mv_size >= ANSWER_HEAD_BYTES &&
           get_u64(value->mv_data) == checksum(key, value->mv_data, value->mv_size) &&
           get_u32((const uint8_t *)value->mv_data + MESSAGE_BYTES_AT) <=
               value->mv_size - ANSWER_HEAD_BYTES;
}

/* Reads a client that must be there; MDB_NOTFOUND otherwise. */
static int get_client(struct lmdb_run *run, const uint8_t *id, struct lmdb_client *client)
{
    struct call_key key;
    MDB_val value;
    make_client_key(&key, id);
    int rc = mdb_get(run->txn, run->store->tables.calls, &key.val, &value);
    if (rc == 0 && !lmdb_calls_decode_client(&key.val, &value, client)) {
        rc = LMDB_RECORD_DAMAGED;
    }
    return rc;
}

static int put_client(struct lmdb_run *run, const uint8_t *id, const struct lmdb_client *client)
{
    struct call_key key;
    uint8_t bytes[CLIENT_BYTES];
    make_client_key(&key, id);
    put_u64(bytes + FLOOR_AT, client->floor);
    put_u64(bytes + HIGHEST_AT, client->highest);
    put_u64(bytes + STAMP_AT, client->stamp);
    put_u64(bytes + ANSWERS_AT, client->answers);
    put_u64(bytes + BYTES_AT, client->bytes);
    put_u64(bytes, checksum(&key.val, bytes, sizeof(bytes)));
    MDB_val value = {.mv_size = sizeof(bytes), .mv_data = bytes};
    return mdb_put(run->txn, run->store->tables.calls, &key.val, &value, 0);
}

static void refuse_forgotten(struct store_op *op, const struct lmdb_client *client)
{
    op->code = STATED_FAILED_PRECONDITION;
    op->message = arena_format(
        op->arena,
        "sequence %" PRIu64 " of this client was acknowledged or forgotten, the lowest it may use "
        "is %" PRIu64 "; whether it was applied is not known here, read the keys",
        op->once.sequence, client->floor);
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
    int rc = get_client(run, op->once.client_id, client);
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
    int rc = meet_client(run, op, &client, &acknowledged);
    *answered = true;
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
    struct call_key key;
    MDB_val value;
    make_answer_key(&key, op->once.client_id, op->once.sequence);
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
    struct call_key key;
    make_answer_key(&key, op->once.client_id, op->once.sequence);
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
    put_u64(bytes, checksum(&key.val, bytes, value.mv_size));
    client->answers++;
    client->bytes += value.mv_size;
    client->highest = op->once.sequence > client->highest ? op->once.sequence : client->highest;
    run->totals.answers++;
    run->totals.answer_bytes += value.mv_size;
    return 0;
}

/* Whether the client's answer of this sequence has to go. */
typedef bool (*drop_rule)(const struct lmdb_run *run, const struct lmdb_client *client,
                          uint64_t sequence);

static bool is_acknowledged(const struct lmdb_run *run, const struct lmdb_client *client,
                            uint64_t sequence)
{
    (void)run;
    return sequence < client->floor;
}

static bool is_one_too_many(const struct lmdb_run *run, const struct lmdb_client *client,
                            uint64_t sequence)
{
    (void)sequence;
    return client->answers > run->store->limits.max_client_answers;
}

static bool is_any(const struct lmdb_run *run, const struct lmdb_client *client, uint64_t sequence)
{
    (void)run;
    (void)client;
    (void)sequence;
    return true;
}

static bool is_too_much(const struct lmdb_run *run, const struct lmdb_client *client,
                        uint64_t sequence)
{
    (void)sequence;
    return client->answers > 1 && run->totals.answer_bytes > run->store->limits.max_answer_bytes;
}

/* Drops the client's answers, lowest first, while the rule says so; the floor rises with them. */
static int drop_answers(struct lmdb_run *run, const uint8_t *id, struct lmdb_client *client,
                        drop_rule rule)
{
    MDB_cursor *cursor;
    struct call_key from;
    int rc = mdb_cursor_open(run->txn, run->store->tables.calls, &cursor);
    if (rc != 0) {
        return rc;
    }
    make_answer_key(&from, id, 0);
    MDB_val key = from.val;
    MDB_val value;
    rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    while (rc == 0 && key.mv_size == LMDB_ANSWER_KEY_BYTES &&
           memcmp(key.mv_data, from.bytes, LMDB_CLIENT_KEY_BYTES) == 0) {
        uint64_t sequence = get_key_u64((const uint8_t *)key.mv_data + LMDB_CLIENT_KEY_BYTES);
        if (!rule(run, client, sequence)) {
            break;
        }
        client->answers--;
        client->bytes -= value.mv_size;
        client->floor = sequence >= client->floor ? sequence + 1 : client->floor;
        run->totals.answers--;
        run->totals.answer_bytes -= value.mv_size;
        rc = mdb_cursor_del(cursor, 0);
        if (rc == 0) {
            rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
        }
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static uint64_t *count_of(struct lmdb_run *run, enum lmdb_call_kind kind)
{
    return kind == LMDB_CALL_ACTIVE ? &run->totals.clients : &run->totals.forgotten;
}

static int take_place(struct lmdb_run *run, enum lmdb_call_kind kind, uint64_t stamp,
                      const uint8_t *id)
{
    struct call_key key;
    MDB_val nothing = {0};
    make_order_key(&key, kind, stamp, id);
    ++*count_of(run, kind);
    return mdb_put(run->txn, run->store->tables.calls, &key.val, &nothing, 0);
}

static int leave_place(struct lmdb_run *run, enum lmdb_call_kind kind, uint64_t stamp,
                       const uint8_t *id)
{
    struct call_key key;
    make_order_key(&key, kind, stamp, id);
    --*count_of(run, kind);
    int rc = mdb_del(run->txn, run->store->tables.calls, &key.val, NULL);
    return rc == MDB_NOTFOUND ? MDB_CORRUPTED : rc;
}

/* Moves the client to the end of the order of use, unless it is near it already. */
static int renew_place(struct lmdb_run *run, const uint8_t *id, const struct lmdb_client *before,
                       struct lmdb_client *client)
{
    uint64_t now = ++run->totals.stamp;
    bool is_known = before->stamp != 0;
    bool is_active = is_known && order_kind(before) == LMDB_CALL_ACTIVE;
    if (is_active && now - before->stamp <= run->store->limits.max_clients / RENEW_SHARE) {
        return 0;
    }
    client->stamp = now;
    int rc = is_known ? leave_place(run, order_kind(before), before->stamp, id) : 0;
    return rc == 0 ? take_place(run, LMDB_CALL_ACTIVE, now, id) : rc;
}

/* The id of the client of this kind that has been silent longest; MDB_NOTFOUND when none is. */
static int find_oldest(struct lmdb_run *run, enum lmdb_call_kind kind, uint8_t id[ID_BYTES])
{
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(run->txn, run->store->tables.calls, &cursor);
    if (rc != 0) {
        return rc;
    }
    uint8_t first = (uint8_t)kind;
    MDB_val key = {.mv_size = 1, .mv_data = &first};
    MDB_val value;
    rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    mdb_cursor_close(cursor);
    if (rc != 0) {
        return rc;
    }
    const uint8_t *bytes = key.mv_data;
    if (key.mv_size != LMDB_PLACE_KEY_BYTES || bytes[0] != first) {
        return MDB_NOTFOUND;
    }
    memcpy(id, bytes + 9, ID_BYTES);
    return 0;
}

/* Forgets a client's answers; the number it may go on with stays. */
static int forget_answers(struct lmdb_run *run, const uint8_t *id)
{
    struct lmdb_client client;
    int rc = get_client(run, id, &client);
    if (rc == 0) {
        rc = leave_place(run, LMDB_CALL_ACTIVE, client.stamp, id);
    }
    if (rc == 0) {
        rc = drop_answers(run, id, &client, is_any);
    }
    if (rc == 0) {
        rc = put_client(run, id, &client);
    }
    return rc == 0 ? take_place(run, LMDB_CALL_FORGOTTEN, client.stamp, id) : rc;
}

/* Forgets a client altogether. */
static int forget_client(struct lmdb_run *run, const uint8_t *id)
{
    struct lmdb_client client;
    struct call_key key;
    int rc = get_client(run, id, &client);
    if (rc == 0) {
        rc = leave_place(run, LMDB_CALL_FORGOTTEN, client.stamp, id);
    }
    make_client_key(&key, id);
    return rc == 0 ? mdb_del(run->txn, run->store->tables.calls, &key.val, NULL) : rc;
}

static bool is_crowded(const struct lmdb_run *run)
{
    const struct lmdb_limits *limits = &run->store->limits;
    return run->totals.clients > limits->max_clients ||
           run->totals.answer_bytes > limits->max_answer_bytes;
}

/* Forgets the clients that have been silent longest until all is within bounds; never `self`, the
   one that has just written: of its answers, the lowest go. */
static int enforce_bounds(struct lmdb_run *run, const uint8_t *self, struct lmdb_client *client)
{
    uint8_t id[ID_BYTES];
    int rc = 0;
    while (rc == 0 && is_crowded(run)) {
        rc = find_oldest(run, LMDB_CALL_ACTIVE, id);
        if (rc == 0 && memcmp(id, self, ID_BYTES) == 0) {
            rc = drop_answers(run, self, client, is_too_much);
            break;
        }
        rc = rc == 0 ? forget_answers(run, id) : rc;
    }
    while (rc == 0 && run->totals.forgotten > run->store->limits.max_forgotten) {
        rc = find_oldest(run, LMDB_CALL_FORGOTTEN, id);
        rc = rc == 0 ? forget_client(run, id) : rc;
    }
    return rc;
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
        rc = drop_answers(run, id, &client, is_acknowledged);
    }
    if (rc == 0 && client.answers > run->store->limits.max_client_answers) {
        rc = drop_answers(run, id, &client, is_one_too_many);
    }
    if (rc == 0) {
        rc = renew_place(run, id, &before, &client);
    }
    if (rc == 0) {
        rc = enforce_bounds(run, id, &client);
    }
    return rc == 0 ? put_client(run, id, &client) : rc;
}
