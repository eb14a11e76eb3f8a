#include "engine/lmdb_changes.h"

#include "engine/lmdb_engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CHECKSUM_BYTES = LMDB_CHANGES_CHECKSUM_BYTES };

/* A part is logged once it has this much; one event may make it larger. */
#define PART_BYTES ((size_t)64 << 10)
/* What the writer keeps from one write to the next. */
#define KEPT_BYTES (2 * PART_BYTES)

/* Old revisions go at twice the rate that new ones come, and at least at this one. */
enum { MIN_TRIMMED_PARTS = 16 };

void lmdb_changes_begin(struct lmdb_run *run)
{
    run->changes.used = 0;
    run->changes.part = 0;
    run->changes.write_bytes = 0;
    run->changes.is_dropped = run->drops_log;
}

void lmdb_changes_free(struct lmdb_change_writer *self)
{
    free(self->bytes);
    *self = (struct lmdb_change_writer){0};
}

static bool reserve(struct lmdb_change_writer *self, size_t more)
{
    size_t needed = self->used + more;
    if (needed <= self->capacity) {
        return true;
    }
    size_t capacity = needed > PART_BYTES ? needed : PART_BYTES;
    uint8_t *bytes = realloc(self->bytes, capacity);
    if (bytes == NULL) {
        return false;
    }
    self->bytes = bytes;
    self->capacity = capacity;
    return true;
}

static int flush(struct lmdb_run *run)
{
    struct lmdb_change_writer *self = &run->changes;
    uint8_t key_bytes[LMDB_CHANGES_KEY_BYTES];
    lmdb_changes_make_key(key_bytes, run->revision + 1, self->part);
    MDB_val key = {.mv_size = sizeof(key_bytes), .mv_data = key_bytes};
    MDB_val part = {.mv_size = self->used, .mv_data = self->bytes};
    lmdb_changes_seal(key_bytes, self->bytes, self->used);
    run->put_bytes += part.mv_size;
    lmdb_space_prepare(run);
    int rc = mdb_put(run->txn, run->store->tables.changes, &key, &part, MDB_APPEND);
    if (rc == 0) {
        run->totals.change_bytes += key.mv_size + part.mv_size;
        self->logged_bytes += key.mv_size + part.mv_size;
        self->logged_parts++;
        self->part++;
        self->used = 0;
    }
    /* The log ends beyond its newest revision. */
    return rc == MDB_KEYEXIST ? MDB_CORRUPTED : rc;
}

/* Removes the write's parts that are in the table already. */
static int take_back(struct lmdb_run *run)
{
    struct lmdb_change_writer *self = &run->changes;
    int rc = 0;
    while (rc == 0 && self->part > 0) {
        uint8_t key_bytes[LMDB_CHANGES_KEY_BYTES];
        lmdb_changes_make_key(key_bytes, run->revision + 1, --self->part);
        MDB_val key = {.mv_size = sizeof(key_bytes), .mv_data = key_bytes};
        MDB_val part;
        rc = mdb_get(run->txn, run->store->tables.changes, &key, &part);
        if (rc == 0) {
            run->totals.change_bytes -= key.mv_size + part.mv_size;
            rc = mdb_del(run->txn, run->store->tables.changes, &key, NULL);
        }
    }
    self->used = 0;
    return rc;
}

int lmdb_changes_add(struct lmdb_run *run, const ProtobufCBinaryData *key,
                     const struct lmdb_record *record, const struct lmdb_record *previous)
{
    struct lmdb_change_writer *self = &run->changes;
    if (self->is_dropped) {
        return 0;
    }
    size_t bytes = LMDB_CHANGES_HEAD_BYTES + key->len + (record == NULL ? 0 : record->value_bytes) +
                   (previous == NULL ? 0 : previous->value_bytes);
    self->write_bytes += bytes;
    if (self->write_bytes > run->store->limits.max_change_bytes / 2) {
        self->is_dropped = true;
        return take_back(run);
    }
    if (self->used + bytes > PART_BYTES && self->used > CHECKSUM_BYTES) {
        int rc = flush(run);
        if (rc != 0) {
            return rc;
        }
    }
    if (!reserve(self, CHECKSUM_BYTES + bytes)) {
        return ENOMEM;
    }
    self->used = self->used == 0 ? CHECKSUM_BYTES : self->used;
    lmdb_changes_encode(self->bytes + self->used, key, record, previous);
    self->used += bytes;
    return 0;
}

static void shrink(struct lmdb_change_writer *self)
{
    if (self->capacity > KEPT_BYTES) {
        free(self->bytes);
        self->bytes = NULL;
        self->capacity = 0;
    }
}

/* The write is not logged, nor is what was before it: a log has no gap. */
static int restart_log(struct lmdb_run *run)
{
    run->totals.change_bytes = 0;
    run->oldest_revision = run->revision + 2;
    return mdb_drop(run->txn, run->store->tables.changes, 0);
}

int lmdb_changes_end(struct lmdb_run *run)
{
    struct lmdb_change_writer *self = &run->changes;
    if (self->is_dropped) {
        return restart_log(run);
    }
    /* A revision that changed nothing is in the log too. */
    if (self->used == 0 && self->part == 0) {
        if (!reserve(self, CHECKSUM_BYTES)) {
            return ENOMEM;
        }
        self->used = CHECKSUM_BYTES;
    }
    int rc = self->used == 0 ? 0 : flush(run);
    shrink(self);
    return rc;
}

int lmdb_changes_discard(struct lmdb_run *run)
{
    int rc = take_back(run);
    shrink(&run->changes);
    return rc;
}

/* The key at one end of the log. */
static int end_of_log(MDB_txn *txn, MDB_dbi changes_table, MDB_cursor_op end, MDB_val *key)
{
    MDB_cursor *cursor;
    MDB_val part;
    int rc = mdb_cursor_open(txn, changes_table, &cursor);
    if (rc != 0) {
        return rc;
    }
    rc = mdb_cursor_get(cursor, key, &part, end);
    mdb_cursor_close(cursor);
    return rc;
}

int lmdb_changes_check_newest(MDB_txn *txn, MDB_dbi changes_table, uint64_t newest)
{
    MDB_val key;
    uint32_t number;
    uint64_t revision;
    int rc = end_of_log(txn, changes_table, MDB_LAST, &key);
    if (rc != 0) {
        return rc == MDB_NOTFOUND ? 0 : rc;
    }
    bool fits = lmdb_changes_decode_key(&key, &revision, &number) && revision == newest;
    return fits ? 0 : LMDB_RECORD_DAMAGED;
}

int lmdb_changes_oldest(MDB_txn *txn, MDB_dbi changes_table, uint64_t newest, uint64_t *revision)
{
    MDB_val key;
    uint32_t number;
    int rc = end_of_log(txn, changes_table, MDB_FIRST, &key);
    if (rc == MDB_NOTFOUND) {
        *revision = newest + 1;
        return 0;
    }
    if (rc == 0 && !lmdb_changes_decode_key(&key, revision, &number)) {
        return LMDB_RECORD_DAMAGED;
    }
    /* Trimming goes by parts. */
    *revision += rc == 0 && number > 0;
    return rc;
}

static bool is_beyond_retention(const struct lmdb_run *run, uint64_t oldest)
{
    const struct lmdb_limits *limits = &run->store->limits;
    return oldest < run->revision && (run->revision - oldest >= limits->max_changes ||
                                      run->totals.change_bytes > limits->max_change_bytes);
}

static int trim(struct lmdb_run *run, MDB_cursor *cursor)
{
    const struct lmdb_change_writer *self = &run->changes;
    uint64_t parts = 0;
    uint64_t bytes = 0;
    for (;;) {
        MDB_val key;
        MDB_val part;
        uint32_t number;
        uint64_t revision;
        int rc = mdb_cursor_get(cursor, &key, &part, MDB_FIRST);
        if (rc != 0) {
            return rc == MDB_NOTFOUND ? 0 : rc;
        }
        if (!lmdb_changes_decode_key(&key, &revision, &number)) {
            return MDB_CORRUPTED;
        }
        run->oldest_revision = revision + (number > 0);
        bool is_enough =
            parts >= MIN_TRIMMED_PARTS + 2 * self->logged_parts && bytes >= 2 * self->logged_bytes;
        if (is_enough || !is_beyond_retention(run, revision)) {
            return 0;
        }
        parts++;
        bytes += key.mv_size + part.mv_size;
        run->totals.change_bytes -= key.mv_size + part.mv_size;
        rc = mdb_cursor_del(cursor, 0);
        if (rc != 0) {
            return rc;
        }
    }
}

int lmdb_changes_trim(struct lmdb_run *run)
{
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(run->txn, run->store->tables.changes, &cursor);
    if (rc != 0) {
        return rc;
    }
    rc = trim(run, cursor);
    mdb_cursor_close(cursor);
    return rc;
}
