/* The state against the change log. The log is read backwards: the first event met of a key is its
   last, and says what the state must hold. So a key of the log is right or wrong at once, and every
   key that changed within the log's reach must have been met. */
#include "engine/hash_set.h"
#include "engine/lmdb_check.h"

#include "escape.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <xxhash.h>

struct comparing {
    struct lmdb_check *check;
    struct hash_set met; /* keys of the log */
    uint64_t change_bytes;
    uint64_t revision; /* of the part met last */
    uint32_t part;
    bool is_first;
};

static uint64_t hash_of(const void *key, size_t key_bytes)
{
    return XXH64(key, key_bytes, 0);
}

/* The state's record of the key. LMDB's code. */
static int look_up(struct lmdb_check *check, const ProtobufCBinaryData *key,
                   struct lmdb_record *record)
{
    MDB_val wanted = {.mv_size = key->len, .mv_data = key->data};
    MDB_val data;
    int rc = mdb_get(check->txn, check->tables->state, &wanted, &data);
    if (rc == 0 && !lmdb_record_decode(key->data, key->len, data.mv_data, data.mv_size, record)) {
        rc = LMDB_RECORD_DAMAGED;
    }
    return rc;
}

static bool is_same(const struct lmdb_record *a, const struct lmdb_record *b)
{
    return a->create_revision == b->create_revision && a->mod_revision == b->mod_revision &&
           a->version == b->version && a->value_bytes == b->value_bytes &&
           memcmp(a->value, b->value, a->value_bytes) == 0;
}

static bool compare_last_event(struct lmdb_check *check, const struct lmdb_change *change)
{
    struct lmdb_record record;
    char shown[ESCAPE_BYTES];
    int rc = look_up(check, &change->key, &record);
    if (rc != 0 && rc != MDB_NOTFOUND && rc != LMDB_RECORD_DAMAGED) {
        return lmdb_check_stop(check, rc);
    }
    bool fits =
        change->is_delete ? rc == MDB_NOTFOUND : rc == 0 && is_same(&record, &change->record);
    return fits || lmdb_check_find(check,
                                   "the state of \"%s\" is not what the change log of revision "
                                   "%" PRIu64 " left there",
                                   escape_bytes(shown, change->key.data, change->key.len),
                                   change->record.mod_revision);
}

static bool compare_part(struct comparing *self, const MDB_val *key, const MDB_val *part)
{
    struct lmdb_change change;
    size_t at = 0;
    enum stated_code code = lmdb_changes_decode(key, part, &at, &change);
    while (code == STATED_OK) {
        bool is_new;
        if (!hash_set_add(&self->met, hash_of(change.key.data, change.key.len), &is_new)) {
            return lmdb_check_stop(self->check, ENOMEM);
        }
        if (is_new && !compare_last_event(self->check, &change)) {
            return false;
        }
        code = lmdb_changes_decode(key, part, &at, &change);
    }
    return code == STATED_NOT_FOUND ||
           lmdb_check_find(self->check, "the change log of revision %" PRIu64 " is damaged",
                           self->revision);
}

/* The part met before this one is the next: no revision and no part is missing. */
static bool follows(const struct comparing *self, uint64_t revision, uint32_t part)
{
    if (self->is_first) {
        return revision == self->check->totals.revision;
    }
    return self->part > 0 ? revision == self->revision && part == self->part - 1
                          : revision == self->revision - 1;
}

static bool check_part(struct comparing *self, const MDB_val *key, const MDB_val *part)
{
    uint64_t revision;
    uint32_t number;
    if (!lmdb_changes_decode_key(key, &revision, &number) || !follows(self, revision, number)) {
        return lmdb_check_find(self->check, "the change log has a gap before revision %" PRIu64,
                               self->is_first ? self->check->totals.revision + 1 : self->revision);
    }
    self->is_first = false;
    self->revision = revision;
    self->part = number;
    self->change_bytes += key->mv_size + part->mv_size;
    if (!lmdb_changes_is_intact(key, part)) {
        return lmdb_check_find(self->check, "the change log of revision %" PRIu64 " is damaged",
                               revision);
    }
    /* Of the oldest revision, parts may have been trimmed. */
    return revision < self->check->oldest_revision || compare_part(self, key, part);
}

static bool check_log(struct comparing *self)
{
    struct lmdb_check *check = self->check;
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val part;
    int rc = mdb_cursor_open(check->txn, check->tables->changes, &cursor);
    if (rc != 0) {
        return lmdb_check_stop(check, rc);
    }
    rc = mdb_cursor_get(cursor, &key, &part, MDB_LAST);
    while (rc == 0 && lmdb_check_step(check) && check_part(self, &key, &part)) {
        rc = mdb_cursor_get(cursor, &key, &part, MDB_PREV);
    }
    mdb_cursor_close(cursor);
    if (check->code != STATED_OK) {
        return false;
    }
    if (rc != MDB_NOTFOUND) {
        return lmdb_check_stop(check, rc);
    }
    return self->change_bytes == check->totals.change_bytes ||
           lmdb_check_find(check, "the change log has %" PRIu64 " bytes, it should have %" PRIu64,
                           self->change_bytes, check->totals.change_bytes);
}

static bool check_record(struct comparing *self, const MDB_val *key, const MDB_val *data)
{
    struct lmdb_check *check = self->check;
    struct lmdb_record record;
    char shown[ESCAPE_BYTES];
    escape_bytes(shown, key->mv_data, key->mv_size);
    if (!lmdb_record_decode(key->mv_data, key->mv_size, data->mv_data, data->mv_size, &record)) {
        return lmdb_check_find(check, "the record of \"%s\" does not match its checksum", shown);
    }
    if (record.create_revision == 0 || record.create_revision > record.mod_revision ||
        record.mod_revision > check->totals.revision || record.version == 0) {
        return lmdb_check_find(check, "the revisions of \"%s\" make no sense", shown);
    }
    return record.mod_revision < check->oldest_revision ||
           hash_set_has(&self->met, hash_of(key->mv_data, key->mv_size)) ||
           lmdb_check_find(check, "the change log does not know of \"%s\" at revision %" PRIu64,
                           shown, record.mod_revision);
}

static bool check_state(struct comparing *self)
{
    struct lmdb_check *check = self->check;
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val data;
    int rc = mdb_cursor_open(check->txn, check->tables->state, &cursor);
    if (rc != 0) {
        return lmdb_check_stop(check, rc);
    }
    rc = mdb_cursor_get(cursor, &key, &data, MDB_FIRST);
    while (rc == 0 && lmdb_check_step(check) && check_record(self, &key, &data)) {
        rc = mdb_cursor_get(cursor, &key, &data, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    return check->code == STATED_OK && (rc == MDB_NOTFOUND || lmdb_check_stop(check, rc));
}

bool lmdb_check_state_and_log(struct lmdb_check *check)
{
    struct comparing self = {.check = check, .is_first = true};
    bool is_fine = check_log(&self) && check_state(&self);
    hash_set_free(&self.met);
    return is_fine;
}
