/* The `meta` table: whose file this is, its format, and where the state stands.

   `format` is our name and the version. `revision` is the revision, the LMDB transaction that wrote
   it, and a checksum. Every commit writes it: so a header that LMDB chose wrongly, or that was
   altered, does not go with the tree it leads to. */
#include "engine/lmdb_engine.h"

#include "engine/little_endian.h"

#include <string.h>
#include <xxhash.h>

static const char format_key[] = "format";
static const char revision_key[] = "revision";
static const char signature[8] = {'s', 't', 'a', 't', 'e', 'd', '\r', '\n'};

enum {
    FORMAT_BYTES = 16,
    REVISION_BYTES = 24,
};

static MDB_val text_val(const char *text)
{
    union {
        const char *read_only; /* LMDB does not write through keys */
        void *data;
    } pointer = {.read_only = text};
    return (MDB_val){.mv_size = strlen(text), .mv_data = pointer.data};
}

static int put_revision(MDB_txn *txn, MDB_dbi meta_table, uint64_t revision)
{
    uint8_t bytes[REVISION_BYTES];
    put_u64(bytes, revision);
    put_u64(bytes + 8, mdb_txn_id(txn));
    put_u64(bytes + 16, XXH64(bytes, 16, 0));
    MDB_val key = text_val(revision_key);
    MDB_val value = {.mv_size = sizeof(bytes), .mv_data = bytes};
    return mdb_put(txn, meta_table, &key, &value, 0);
}

static int put_format(MDB_txn *txn, MDB_dbi meta_table)
{
    uint8_t bytes[FORMAT_BYTES];
    memcpy(bytes, signature, sizeof(signature));
    put_u64(bytes + sizeof(signature), LMDB_FORMAT_VERSION);
    MDB_val key = text_val(format_key);
    MDB_val value = {.mv_size = sizeof(bytes), .mv_data = bytes};
    return mdb_put(txn, meta_table, &key, &value, 0);
}

int lmdb_meta_create(MDB_env *env)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(env, NULL, 0, &txn);
    if (rc != 0) {
        return rc;
    }
    MDB_dbi table;
    rc = mdb_dbi_open(txn, "state", MDB_CREATE, &table);
    if (rc == 0) {
        rc = mdb_dbi_open(txn, "meta", MDB_CREATE, &table);
    }
    if (rc == 0) {
        rc = put_format(txn, table);
    }
    if (rc == 0) {
        rc = put_revision(txn, table, 0);
    }
    if (rc == 0) {
        return mdb_txn_commit(txn);
    }
    mdb_txn_abort(txn);
    return rc;
}

static enum stated_code refuse_foreign(const struct lmdb_store *self, struct stated_status *status,
                                       const char *finding)
{
    return stated_status_set(status, STATED_DATA_LOSS,
                             "%s is an LMDB file, but none of this server's (%s); use another data "
                             "directory, or restore a snapshot",
                             self->data_path, finding);
}

static enum stated_code check_format(const struct lmdb_store *self, MDB_txn *txn,
                                     struct stated_status *status)
{
    MDB_val key = text_val(format_key);
    MDB_val value;
    int rc = mdb_get(txn, self->meta_table, &key, &value);
    if (rc != 0 || value.mv_size < FORMAT_BYTES ||
        memcmp(value.mv_data, signature, sizeof(signature)) != 0) {
        return refuse_foreign(self, status, "no format entry");
    }
    uint64_t version = get_u64((const uint8_t *)value.mv_data + sizeof(signature));
    if (version == LMDB_FORMAT_VERSION) {
        return STATED_OK;
    }
    return stated_status_set(
        status, STATED_FAILED_PRECONDITION,
        "%s has format %llu, this server reads format %d; the file is unchanged, use the server "
        "version that wrote it",
        self->data_path, (unsigned long long)version, LMDB_FORMAT_VERSION);
}

static int get_revision(MDB_txn *txn, MDB_dbi meta_table, uint64_t *revision)
{
    MDB_val key = text_val(revision_key);
    MDB_val value;
    int rc = mdb_get(txn, meta_table, &key, &value);
    if (rc != 0 && rc != MDB_NOTFOUND) {
        return rc;
    }
    const uint8_t *bytes = value.mv_data;
    if (rc == MDB_NOTFOUND || value.mv_size != REVISION_BYTES ||
        get_u64(bytes + 16) != XXH64(bytes, 16, 0)) {
        return LMDB_RECORD_DAMAGED;
    }
    *revision = get_u64(bytes);
    return get_u64(bytes + 8) == mdb_txn_id(txn) ? 0 : LMDB_RECORD_DAMAGED;
}

int lmdb_meta_get_revision(struct lmdb_run *run, uint64_t *revision)
{
    return get_revision(run->txn, run->store->meta_table, revision);
}

int lmdb_meta_put_revision(struct lmdb_run *run)
{
    return put_revision(run->txn, run->store->meta_table, run->revision);
}

static enum stated_code open_tables(struct lmdb_store *self, MDB_txn *txn,
                                    struct stated_status *status)
{
    if (mdb_dbi_open(txn, "meta", 0, &self->meta_table) != 0) {
        return refuse_foreign(self, status, "no meta table");
    }
    enum stated_code code = check_format(self, txn, status);
    if (code != STATED_OK) {
        return code;
    }
    if (mdb_dbi_open(txn, "state", 0, &self->state_table) != 0) {
        return refuse_foreign(self, status, "no state table");
    }
    uint64_t revision;
    MDB_stat stat;
    int rc = get_revision(txn, self->meta_table, &revision);
    if (rc == 0) {
        rc = mdb_stat(txn, self->state_table, &stat);
    }
    if (rc != 0) {
        return stated_status_set(status, STATED_DATA_LOSS,
                                 "%s is damaged: its header does not go with its contents; restore "
                                 "a snapshot",
                                 self->data_path);
    }
    self->newest.transaction = mdb_txn_id(txn);
    self->newest.revision = revision;
    self->newest.keys = stat.ms_entries;
    return STATED_OK;
}

enum stated_code lmdb_meta_open(struct lmdb_store *self, struct stated_status *status)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(self->env, NULL, MDB_RDONLY, &txn);
    if (rc != 0) {
        return stated_status_set(status, STATED_UNAVAILABLE, "%s: %s", self->data_path,
                                 mdb_strerror(rc));
    }
    enum stated_code code = open_tables(self, txn, status);
    if (code != STATED_OK) {
        mdb_txn_abort(txn);
        return code;
    }
    /* Committing keeps the tables open; a read-only transaction writes nothing. */
    rc = mdb_txn_commit(txn);
    return rc == 0 ? STATED_OK
                   : stated_status_set(status, STATED_UNAVAILABLE, "%s: %s", self->data_path,
                                       mdb_strerror(rc));
}
