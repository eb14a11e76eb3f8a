/* The stored answers against what is known of their clients, and both against the totals. */
#include "engine/lmdb_calls.h"
#include "engine/lmdb_check.h"
#include "engine/numbers.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { ID_BYTES = LMDB_CLIENT_ID_BYTES, N_KINDS = 256 };

/* A client in text. */
struct shown_id {
    char text[2 * ID_BYTES + 1];
};

static struct shown_id show(const uint8_t *id)
{
    struct shown_id shown;
    for (size_t i = 0; i < ID_BYTES; i++) {
        snprintf(shown.text + 2 * i, 3, "%02x", id[i]);
    }
    return shown;
}

/* The number of entries whose key begins with each byte. LMDB's code. */
static bool count_kinds(struct lmdb_check *self, uint64_t counts[N_KINDS])
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    int rc = mdb_cursor_open(self->txn, self->tables->calls, &cursor);
    if (rc != 0) {
        return lmdb_check_stop(self, rc);
    }
    rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    while (rc == 0) {
        counts[*(const uint8_t *)key.mv_data]++;
        rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND || lmdb_check_stop(self, rc);
}

static bool check_answer(struct lmdb_check *self, const uint8_t *id, const MDB_val *key,
                         const MDB_val *value, const struct lmdb_client *client)
{
    uint64_t sequence = get_key_u64((const uint8_t *)key->mv_data + LMDB_CLIENT_KEY_BYTES);
    if (!lmdb_calls_is_intact(key, value)) {
        return lmdb_check_find(self, "the answer to sequence %" PRIu64 " of client %s is damaged",
                               sequence, show(id).text);
    }
    return (sequence >= client->floor && sequence <= client->highest) ||
           lmdb_check_find(self,
                           "client %s has an answer to sequence %" PRIu64
                           ", which is not between %" PRIu64 " and %" PRIu64,
                           show(id).text, sequence, client->floor, client->highest);
}

/* Counts a client's answers. */
static bool check_answers(struct lmdb_check *self, const uint8_t *id, MDB_cursor *cursor,
                          const struct lmdb_client *client)
{
    uint8_t prefix[LMDB_CLIENT_KEY_BYTES] = {LMDB_CALL_ANSWER};
    memcpy(prefix + 1, id, ID_BYTES);
    MDB_val key = {.mv_size = sizeof(prefix), .mv_data = prefix};
    MDB_val value;
    struct lmdb_client counted = {0};
    int rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    while (rc == 0 && key.mv_size == LMDB_ANSWER_KEY_BYTES &&
           memcmp(key.mv_data, prefix, sizeof(prefix)) == 0) {
        counted.answers++;
        counted.bytes += value.mv_size;
        if (!check_answer(self, id, &key, &value, client)) {
            return false;
        }
        rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    if (rc != 0 && rc != MDB_NOTFOUND) {
        return lmdb_check_stop(self, rc);
    }
    return (counted.answers == client->answers && counted.bytes == client->bytes) ||
           lmdb_check_find(self,
                           "client %s has %" PRIu64 " answers of %" PRIu64
                           " bytes, it should have %" PRIu64 " of %" PRIu64,
                           show(id).text, counted.answers, counted.bytes, client->answers,
                           client->bytes);
}

static bool check_place(struct lmdb_check *self, const uint8_t *id,
                        const struct lmdb_client *client)
{
    uint8_t place[LMDB_PLACE_KEY_BYTES];
    lmdb_calls_place_key(place, client, id);
    MDB_val key = {.mv_size = sizeof(place), .mv_data = place};
    MDB_val value;
    int rc = mdb_get(self->txn, self->tables->calls, &key, &value);
    if (rc != 0 && rc != MDB_NOTFOUND) {
        return lmdb_check_stop(self, rc);
    }
    return (rc == 0 && client->stamp <= self->totals.stamp) ||
           lmdb_check_find(self, "client %s has no place in the order of use", show(id).text);
}

static bool check_client(struct lmdb_check *self, const MDB_val *key, const MDB_val *value,
                         MDB_cursor *answers, struct lmdb_totals *counted)
{
    struct lmdb_client client;
    if (key->mv_size != LMDB_CLIENT_KEY_BYTES || !lmdb_calls_decode_client(key, value, &client)) {
        return lmdb_check_find(self, "the record of a client is damaged");
    }
    const uint8_t *id = (const uint8_t *)key->mv_data + 1;
    counted->clients += client.answers > 0;
    counted->forgotten += client.answers == 0;
    counted->answers += client.answers;
    counted->answer_bytes += client.bytes;
    return check_place(self, id, &client) && check_answers(self, id, answers, &client);
}

static bool check_clients(struct lmdb_check *self, MDB_cursor *clients, MDB_cursor *answers,
                          struct lmdb_totals *counted)
{
    uint8_t first = LMDB_CALL_CLIENT;
    MDB_val key = {.mv_size = 1, .mv_data = &first};
    MDB_val value;
    int rc = mdb_cursor_get(clients, &key, &value, MDB_SET_RANGE);
    while (rc == 0 && *(const uint8_t *)key.mv_data == LMDB_CALL_CLIENT) {
        if (!check_client(self, &key, &value, answers, counted)) {
            return false;
        }
        rc = mdb_cursor_get(clients, &key, &value, MDB_NEXT);
    }
    return rc == 0 || rc == MDB_NOTFOUND || lmdb_check_stop(self, rc);
}

static bool compare_totals(struct lmdb_check *self, const struct lmdb_totals *counted,
                           const uint64_t counts[N_KINDS])
{
    const struct lmdb_totals *totals = &self->totals;
    MDB_stat stat;
    int rc = mdb_stat(self->txn, self->tables->calls, &stat);
    if (rc != 0) {
        return lmdb_check_stop(self, rc);
    }
    uint64_t of_clients = counted->clients + counted->forgotten;
    bool fits =
        counted->clients == totals->clients && counted->forgotten == totals->forgotten &&
        counted->answers == totals->answers && counted->answer_bytes == totals->answer_bytes &&
        counts[LMDB_CALL_ACTIVE] == totals->clients &&
        counts[LMDB_CALL_FORGOTTEN] == totals->forgotten &&
        counts[LMDB_CALL_ANSWER] == totals->answers && counts[LMDB_CALL_CLIENT] == of_clients &&
        stat.ms_entries == totals->answers + 2 * of_clients;
    return fits || lmdb_check_find(self,
                                   "%" PRIu64 " answers of %" PRIu64 " clients are stored, it "
                                   "should be %" PRIu64 " of %" PRIu64,
                                   counts[LMDB_CALL_ANSWER], counted->clients, totals->answers,
                                   totals->clients);
}

bool lmdb_check_calls(struct lmdb_check *self)
{
    uint64_t counts[N_KINDS] = {0};
    struct lmdb_totals counted = {0};
    MDB_cursor *clients;
    MDB_cursor *answers;
    int rc = mdb_cursor_open(self->txn, self->tables->calls, &clients);
    if (rc != 0) {
        return lmdb_check_stop(self, rc);
    }
    rc = mdb_cursor_open(self->txn, self->tables->calls, &answers);
    bool is_fine =
        rc == 0 ? check_clients(self, clients, answers, &counted) : lmdb_check_stop(self, rc);
    if (rc == 0) {
        mdb_cursor_close(answers);
    }
    mdb_cursor_close(clients);
    return is_fine && count_kinds(self, counts) && compare_totals(self, &counted, counts);
}
