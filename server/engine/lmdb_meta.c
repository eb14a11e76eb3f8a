/* The `meta` table: whose file this is, its format, and where the state stands.

   `format` is our name and the version. `totals` is the LMDB transaction that wrote it, struct
   lmdb_totals, and a checksum. Every commit writes it: so a header that LMDB chose wrongly, or that
   was altered, does not go with the tree it leads to. */
#include "engine/lmdb_engine.h"

#include "engine/errno_status.h"
#include "engine/numbers.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

static const char format_key[] = "format";
static const char totals_key[] = "totals";
static const char signature[8] = {'s', 't', 'a', 't', 'e', 'd', '\r', '\n'};

enum {
    FORMAT_BYTES = 16,
    TRANSACTION_AT = 0,
    REVISION_AT = 8,
    CHANGE_BYTES_AT = 16,
    ANSWERS_AT = 24,
    ANSWER_BYTES_AT = 32,
    CLIENTS_AT = 40,
    FORGOTTEN_AT = 48,
    STAMP_AT = 56,
    CHECKSUM_AT = 64,
    TOTALS_BYTES = 72,
};

static MDB_val text_val(const char *text)
{
    union {
        const char *read_only; /* LMDB does not write through keys */
        void *data;
    } pointer = {.read_only = text};
    return (MDB_val){.mv_size = strlen(text), .mv_data = pointer.data};
}

int lmdb_meta_put(MDB_txn *txn, MDB_dbi meta_table, const struct lmdb_totals *totals)
{
    uint8_t bytes[TOTALS_BYTES];
    put_u64(bytes + TRANSACTION_AT, mdb_txn_id(txn));
    put_u64(bytes + REVISION_AT, totals->revision);
    put_u64(bytes + CHANGE_BYTES_AT, totals->change_bytes);
    put_u64(bytes + ANSWERS_AT, totals->answers);
    put_u64(bytes + ANSWER_BYTES_AT, totals->answer_bytes);
    put_u64(bytes + CLIENTS_AT, totals->clients);
    put_u64(bytes + FORGOTTEN_AT, totals->forgotten);
    put_u64(bytes + STAMP_AT, totals->stamp);
    put_u64(bytes + CHECKSUM_AT, XXH64(bytes, CHECKSUM_AT, 0));
    MDB_val key = text_val(totals_key);
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

static const char *const table_names[] = {"state", "changes", "calls", "meta"};
enum { N_TABLES = sizeof(table_names) / sizeof(table_names[0]) };

static int make_tables(MDB_txn *txn)
{
    static const struct lmdb_totals nothing;
    MDB_dbi table = 0; /* ends as `meta` */
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < N_TABLES; i++) {
        rc = mdb_dbi_open(txn, table_names[i], MDB_CREATE, &table);
    }
    if (rc == 0) {
        rc = put_format(txn, table);
    }
    return rc == 0 ? lmdb_meta_put(txn, table, &nothing) : rc;
}

int lmdb_meta_create(MDB_env *env)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(env, NULL, 0, &txn);
    if (rc != 0) {
        return rc;
    }
    rc = make_tables(txn);
    if (rc == 0) {
        return mdb_txn_commit(txn);
    }
    mdb_txn_abort(txn);
    return rc;
}

static enum stated_code refuse_foreign(const char *path, struct stated_status *status,
                                       const char *finding)
{
    return stated_status_set(status, STATED_DATA_LOSS,
                             "%s is an LMDB file, but none of this server's (%s); use another data "
                             "directory, or restore a snapshot",
                             path, finding);
}

static enum stated_code check_format(MDB_txn *txn, MDB_dbi meta_table, const char *path,
                                     struct stated_status *status)
{
    MDB_val key = text_val(format_key);
    MDB_val value;
    int rc = mdb_get(txn, meta_table, &key, &value);
    if (rc != 0 || value.mv_size < FORMAT_BYTES ||
        memcmp(value.mv_data, signature, sizeof(signature)) != 0) {
        return refuse_foreign(path, status, "no format entry");
    }
    uint64_t version = get_u64((const uint8_t *)value.mv_data + sizeof(signature));
    if (version == LMDB_FORMAT_VERSION) {
        return STATED_OK;
    }
    return stated_status_set(
        status, STATED_FAILED_PRECONDITION,
        "%s has format %llu, this server reads format %d; the file is unchanged, use the server "
        "version that wrote it",
        path, (unsigned long long)version, LMDB_FORMAT_VERSION);
}

int lmdb_meta_get_totals(MDB_txn *txn, MDB_dbi meta_table, struct lmdb_totals *totals)
{
    MDB_val key = text_val(totals_key);
    MDB_val value;
    int rc = mdb_get(txn, meta_table, &key, &value);
    if (rc != 0) {
        return rc == MDB_NOTFOUND ? LMDB_RECORD_DAMAGED : rc;
    }
    const uint8_t *bytes = value.mv_data;
    if (value.mv_size != TOTALS_BYTES ||
        get_u64(bytes + CHECKSUM_AT) != XXH64(bytes, CHECKSUM_AT, 0)) {
        return LMDB_RECORD_DAMAGED;
    }
    *totals = (struct lmdb_totals){
        .revision = get_u64(bytes + REVISION_AT),
        .change_bytes = get_u64(bytes + CHANGE_BYTES_AT),
        .answers = get_u64(bytes + ANSWERS_AT),
        .answer_bytes = get_u64(bytes + ANSWER_BYTES_AT),
        .clients = get_u64(bytes + CLIENTS_AT),
        .forgotten = get_u64(bytes + FORGOTTEN_AT),
        .stamp = get_u64(bytes + STAMP_AT),
    };
    return get_u64(bytes + TRANSACTION_AT) == mdb_txn_id(txn) ? 0 : LMDB_RECORD_DAMAGED;
}

int lmdb_meta_put_totals(struct lmdb_run *run)
{
    run->totals.revision = run->revision;
    return lmdb_meta_put(run->txn, run->store->tables.meta, &run->totals);
}

static enum stated_code open_table(MDB_txn *txn, const char *path, const char *name, MDB_dbi *table,
                                   struct stated_status *status)
{
    char finding[32];
    int rc = mdb_dbi_open(txn, name, 0, table);
    if (rc == MDB_NOTFOUND || rc == MDB_INCOMPATIBLE) {
        snprintf(finding, sizeof(finding), "no %s table", name);
        return refuse_foreign(path, status, finding);
    }
    return rc == 0 ? STATED_OK : errno_status_set(status, rc, path);
}

enum stated_code lmdb_meta_open_tables(MDB_txn *txn, const char *path, struct lmdb_tables *tables,
                                       struct stated_status *status)
{
    MDB_dbi *const each[N_TABLES] = {&tables->state, &tables->changes, &tables->calls,
                                     &tables->meta};
    enum stated_code code = open_table(txn, path, "meta", &tables->meta, status);
    if (code == STATED_OK) {
        code = check_format(txn, tables->meta, path, status);
    }
    for (size_t i = 0; code == STATED_OK && i < N_TABLES; i++) {
        code = open_table(txn, path, table_names[i], each[i], status);
    }
    return code;
}

static int read_figures(struct lmdb_store *self, MDB_txn *txn)
{
    MDB_stat stat;
    uint64_t oldest = 0;
    int rc = lmdb_meta_get_totals(txn, self->tables.meta, &self->totals);
    if (rc == 0) {
        rc = mdb_stat(txn, self->tables.state, &stat);
    }
    if (rc == 0) {
        rc = lmdb_changes_oldest(txn, self->tables.changes, self->totals.revision, &oldest);
    }
    if (rc == 0) {
        rc = lmdb_changes_check_newest(txn, self->tables.changes, self->totals.revision);
    }
    if (rc == 0) {
        self->newest.transaction = mdb_txn_id(txn);
        self->newest.revision = self->totals.revision;
        self->newest.keys = stat.ms_entries;
        self->newest.oldest_revision = oldest;
    }
    return rc;
}

static enum stated_code open_and_read(struct lmdb_store *self, MDB_txn *txn,
                                      struct stated_status *status)
{
    enum stated_code code = lmdb_meta_open_tables(txn, self->data_path, &self->tables, status);
    if (code != STATED_OK) {
        return code;
    }
    int rc = read_figures(self, txn);
    if (rc != 0 && lmdb_trouble_of(self, rc) == LMDB_TROUBLE_DAMAGE) {
        return stated_status_set(status, STATED_DATA_LOSS,
                                 "%s is damaged: its header does not go with its contents; restore "
                                 "a snapshot",
                                 self->data_path);
    }
    return rc == 0 ? STATED_OK : errno_status_set(status, rc, self->data_path);
}

enum stated_code lmdb_meta_open(struct lmdb_store *self, struct stated_status *status)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(self->env, NULL, MDB_RDONLY, &txn);
    if (rc != 0) {
        return errno_status_set(status, rc, self->data_path);
    }
    enum stated_code code = open_and_read(self, txn, status);
    if (code != STATED_OK) {
        mdb_txn_abort(txn);
        return code;
    }
    /* Committing keeps the tables open; a read-only transaction writes nothing. */
    rc = mdb_txn_commit(txn);
    return rc == 0 ? STATED_OK : errno_status_set(status, rc, self->data_path);
}
