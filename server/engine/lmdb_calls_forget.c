/* What is forgotten of the stored answers, and when. */
#include "engine/lmdb_engine.h"

#include "engine/lmdb_calls_parts.h"
#include "engine/numbers.h"

#include <string.h>

enum {
    ID_BYTES = LMDB_CLIENT_ID_BYTES,
    /* A client's place in the order of use is renewed when this share of the clients may have come
       after it: not at every write. */
    RENEW_SHARE = 8,
};

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
    struct lmdb_call_key from;
    int rc = mdb_cursor_open(run->txn, run->store->tables.calls, &cursor);
    if (rc != 0) {
        return rc;
    }
    lmdb_calls_answer_key(&from, id, 0);
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
    struct lmdb_call_key key;
    MDB_val nothing = {0};
    lmdb_calls_order_key(&key, kind, stamp, id);
    ++*count_of(run, kind);
    return mdb_put(run->txn, run->store->tables.calls, &key.val, &nothing, 0);
}

static int leave_place(struct lmdb_run *run, enum lmdb_call_kind kind, uint64_t stamp,
                       const uint8_t *id)
{
    struct lmdb_call_key key;
    lmdb_calls_order_key(&key, kind, stamp, id);
    --*count_of(run, kind);
    int rc = mdb_del(run->txn, run->store->tables.calls, &key.val, NULL);
    return rc == MDB_NOTFOUND ? MDB_CORRUPTED : rc;
}

/* Moves the client to the end of the order of use, unless it is near it already. */
int lmdb_calls_renew_place(struct lmdb_run *run, const uint8_t *id,
                           const struct lmdb_client *before, struct lmdb_client *client)
{
    uint64_t now = ++run->totals.stamp;
    bool is_known = before->stamp != 0;
    bool is_active = is_known && lmdb_calls_kind_of(before) == LMDB_CALL_ACTIVE;
    if (is_active && now - before->stamp <= run->store->limits.max_clients / RENEW_SHARE) {
        return 0;
    }
    client->stamp = now;
    int rc = is_known ? leave_place(run, lmdb_calls_kind_of(before), before->stamp, id) : 0;
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
    int rc = lmdb_calls_get_client(run, id, &client);
    if (rc == 0) {
        rc = leave_place(run, LMDB_CALL_ACTIVE, client.stamp, id);
    }
    if (rc == 0) {
        rc = drop_answers(run, id, &client, is_any);
    }
    if (rc == 0) {
        rc = lmdb_calls_put_client(run, id, &client);
    }
    return rc == 0 ? take_place(run, LMDB_CALL_FORGOTTEN, client.stamp, id) : rc;
}

/* Forgets a client altogether. */
static int forget_client(struct lmdb_run *run, const uint8_t *id)
{
    struct lmdb_client client;
    struct lmdb_call_key key;
    int rc = lmdb_calls_get_client(run, id, &client);
    if (rc == 0) {
        rc = leave_place(run, LMDB_CALL_FORGOTTEN, client.stamp, id);
    }
    lmdb_calls_client_key(&key, id);
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
int lmdb_calls_enforce_bounds(struct lmdb_run *run, const uint8_t *self, struct lmdb_client *client)
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

int lmdb_calls_drop_acknowledged(struct lmdb_run *run, const uint8_t *id,
                                 struct lmdb_client *client)
{
    return drop_answers(run, id, client, is_acknowledged);
}

int lmdb_calls_drop_surplus(struct lmdb_run *run, const uint8_t *id, struct lmdb_client *client)
{
    return client->answers > run->store->limits.max_client_answers
               ? drop_answers(run, id, client, is_one_too_many)
               : 0;
}
