#include "engine/lmdb_snapshot.h"

#include "engine/errno_status.h"
#include "engine/lmdb_calls.h"
#include "engine/lmdb_engine.h"
#include "engine/lmdb_trailer.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { PRIVATE_FILE = 0600, MAX_TABLES = 8 };

/* Written between two commits to the snapshot: bounds what LMDB keeps in memory. */
#define BATCH_BYTES ((size_t)16 << 20)
/* The map is larger than the file can become: a copy has no more pages than the original. */
#define SPARE_BYTES ((size_t)64 << 20)

/* The file that is being written. */
struct target {
    const char *path;
    MDB_env *env;
    MDB_txn *txn; /* NULL between batches */
    struct lmdb_tables tables;
    size_t batch_bytes;
    struct lmdb_task *task;
};

static enum stated_code fail(const char *path, int code, struct stated_status *status)
{
    struct statvfs disk;
    /* LMDB says EIO for a short write as well. */
    if (code == EIO && statvfs(path, &disk) == 0 &&
        (uint64_t)disk.f_bavail * disk.f_frsize < BATCH_BYTES) {
        code = ENOSPC;
    }
    return errno_status_set(status, code, path);
}

/* Commits what has been written, and goes on. LMDB's code. */
static int next_batch(struct target *self)
{
    int rc = self->txn != NULL ? mdb_txn_commit(self->txn) : 0;
    self->txn = NULL;
    self->batch_bytes = 0;
    return rc == 0 ? mdb_txn_begin(self->env, NULL, 0, &self->txn) : rc;
}

static int append(struct target *self, MDB_dbi table, MDB_val *key, MDB_val *value)
{
    if (self->batch_bytes > BATCH_BYTES) {
        int rc = next_batch(self);
        if (rc != 0) {
            return rc;
        }
    }
    self->batch_bytes += key->mv_size + value->mv_size;
    if (!lmdb_task_step(self->task, 1)) {
        return LMDB_TASK_STOPPED;
    }
    return mdb_put(self->txn, table, key, value, MDB_APPEND);
}

/* Whether a record is what its table says it is. */
typedef bool (*record_rule)(const MDB_val *key, const MDB_val *value);

static bool is_record(const MDB_val *key, const MDB_val *value)
{
    struct lmdb_record record;
    return lmdb_record_decode(key->mv_data, key->mv_size, value->mv_data, value->mv_size, &record);
}

static bool is_call(const MDB_val *key, const MDB_val *value)
{
    struct lmdb_client client;
    switch (*(const uint8_t *)key->mv_data) {
    case LMDB_CALL_ANSWER:
        return lmdb_calls_is_intact(key, value);
    case LMDB_CALL_CLIENT:
        return lmdb_calls_decode_client(key, value, &client);
    default:
        return key->mv_size == LMDB_PLACE_KEY_BYTES && value->mv_size == 0;
    }
}

static int copy_table(MDB_txn *from, MDB_dbi source, struct target *to, MDB_dbi table,
                      record_rule rule)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    int rc = mdb_cursor_open(from, source, &cursor);
    if (rc != 0) {
        return rc;
    }
    rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    while (rc == 0) {
        rc = rule(&key, &value) ? append(to, table, &key, &value) : LMDB_RECORD_DAMAGED;
        if (rc == 0) {
            rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
        }
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int count_entries(MDB_txn *txn, const struct lmdb_tables *tables, uint64_t *entries)
{
    const MDB_dbi counted[] = {tables->state, tables->changes, tables->calls};
    *entries = 0;
    for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++) {
        MDB_stat stat;
        int rc = mdb_stat(txn, counted[i], &stat);
        if (rc != 0) {
            return rc;
        }
        *entries += stat.ms_entries;
    }
    return 0;
}

static int copy_tables(const struct lmdb_store *store, MDB_txn *from, struct target *to)
{
    const struct lmdb_tables *tables = &store->tables;
    uint64_t entries;
    int rc = count_entries(from, tables, &entries);
    if (rc != 0) {
        return rc;
    }
    lmdb_task_phase(to->task, 800, entries);
    rc = copy_table(from, tables->state, to, to->tables.state, is_record);
    if (rc == 0) {
        rc = copy_table(from, tables->changes, to, to->tables.changes, lmdb_changes_is_intact);
    }
    return rc == 0 ? copy_table(from, tables->calls, to, to->tables.calls, is_call) : rc;
}

static int copy_totals(const struct lmdb_store *store, MDB_txn *from, struct target *to,
                       struct store_contents *contents)
{
    struct lmdb_totals totals;
    MDB_stat stat;
    int rc = lmdb_meta_get_totals(from, store->tables.meta, &totals);
    if (rc == 0) {
        rc = mdb_stat(from, store->tables.state, &stat);
    }
    if (rc == 0) {
        contents->revision = totals.revision;
        contents->keys = stat.ms_entries;
        contents->stored_replies = totals.answers;
        rc = lmdb_changes_oldest(from, store->tables.changes, totals.revision,
                                 &contents->oldest_revision);
    }
    return rc == 0 ? lmdb_meta_put(to->txn, to->tables.meta, &totals) : rc;
}

static enum stated_code refuse_damaged(const struct lmdb_store *store, struct stated_status *status)
{
    return stated_status_set(status, STATED_DATA_LOSS,
                             "%s is damaged, no snapshot was made: run a check to know where",
                             store->data_path);
}

/* Fills the new, empty file of `to`. */
static enum stated_code copy_all(const struct lmdb_store *store, MDB_txn *from, struct target *to,
                                 struct store_contents *contents, struct stated_status *status)
{
    int rc = lmdb_meta_create(to->env);
    if (rc == 0) {
        rc = next_batch(to);
    }
    enum stated_code code =
        rc == 0 ? lmdb_meta_open_tables(to->txn, to->path, &to->tables, status) : STATED_OK;
    if (rc == 0 && code == STATED_OK) {
        rc = copy_tables(store, from, to);
        if (rc == 0) {
            rc = copy_totals(store, from, to, contents);
        }
        if (rc == 0) {
            rc = mdb_txn_commit(to->txn);
            to->txn = NULL;
        }
    }
    mdb_txn_abort(to->txn);
    if (rc == LMDB_RECORD_DAMAGED) {
        return refuse_damaged(store, status);
    }
    return rc == 0 ? code : fail(to->path, rc, status);
}

static enum stated_code write_image(struct lmdb_store *store, MDB_txn *from, const char *path,
                                    struct lmdb_task *task, struct store_contents *contents,
                                    struct stated_status *status)
{
    struct target to = {.path = path, .task = task};
    MDB_envinfo info;
    int rc = mdb_env_create(&to.env);
    if (rc != 0) {
        return fail(path, rc, status);
    }
    (void)mdb_env_info(store->env, &info);
    (void)mdb_env_set_maxdbs(to.env, MAX_TABLES);
    rc = mdb_env_set_mapsize(to.env, info.me_mapsize + SPARE_BYTES);
    if (rc == 0) {
        rc = mdb_env_open(to.env, path, MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC, PRIVATE_FILE);
    }
    enum stated_code code =
        rc == 0 ? copy_all(store, from, &to, contents, status) : fail(path, rc, status);
    mdb_env_close(to.env);
    return code;
}

static enum stated_code write_snapshot(struct lmdb_store *store, int fd, const char *path,
                                       struct lmdb_task *task, struct store_contents *contents,
                                       struct stated_status *status)
{
    MDB_txn *from = NULL;
    uint64_t revision;
    int rc = lmdb_reader_begin(store, &from, &revision);
    if (rc != 0) {
        mdb_txn_abort(from);
        return rc == LMDB_RECORD_DAMAGED ? refuse_damaged(store, status)
                                         : errno_status_set(status, rc, store->data_path);
    }
    enum stated_code code = write_image(store, from, path, task, contents, status);
    mdb_txn_abort(from);
    return code == STATED_OK ? lmdb_trailer_append(fd, path, contents, task, status) : code;
}

enum stated_code lmdb_snapshot_save(struct store *self, const char *path,
                                    const struct store_task *asker, struct store_contents *contents,
                                    struct stated_status *status)
{
    struct lmdb_store *store = (struct lmdb_store *)self;
    struct stat file;
    struct lmdb_task task;
    lmdb_task_init(&task, asker);
    *contents = (struct store_contents){0};
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, PRIVATE_FILE);
    if (fd < 0) {
        return errno_status_set(status, errno, path);
    }
    enum stated_code code = write_snapshot(store, fd, path, &task, contents, status);
    contents->file_bytes = fstat(fd, &file) == 0 ? (uint64_t)file.st_size : 0;
    (void)close(fd);
    if (code != STATED_OK) {
        (void)unlink(path);
    }
    return code;
}
