#include "bare_tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECORD_BYTES = 32, CHANGE_BYTES = 48, KEY_BYTES = 64 };

static void check(const char *what, int rc)
{
    if (rc != 0) {
        fprintf(stderr, "LMDB alone: %s: %s\n", what, mdb_strerror(rc));
        exit(1);
    }
}

MDB_txn *bare_tables_begin(struct bare_tables *self, unsigned flags)
{
    MDB_txn *txn;
    check("begin", mdb_txn_begin(self->env, NULL, flags, &txn));
    return txn;
}

void bare_tables_open(struct bare_tables *self, const char *directory, unsigned flags)
{
    *self = (struct bare_tables){0};
    check("create", mdb_env_create(&self->env));
    check("map", mdb_env_set_mapsize(self->env, (size_t)4 << 30));
    check("readers", mdb_env_set_maxreaders(self->env, 4096));
    check("tables", mdb_env_set_maxdbs(self->env, 3));
    check("open", mdb_env_open(self->env, directory, flags, 0600));
    MDB_txn *txn = bare_tables_begin(self, 0);
    check("state", mdb_dbi_open(txn, "state", MDB_CREATE, &self->state));
    check("changes", mdb_dbi_open(txn, "changes", MDB_CREATE | MDB_INTEGERKEY, &self->changes));
    check("meta", mdb_dbi_open(txn, "meta", MDB_CREATE, &self->meta));
    check("commit", mdb_txn_commit(txn));
}

void bare_tables_close(struct bare_tables *self)
{
    mdb_env_close(self->env);
}

void bare_tables_commit(struct bare_tables *self, MDB_txn *txn)
{
    static char revision_name[] = "revision";
    uint64_t revision = self->revision;
    MDB_val name = {.mv_size = sizeof revision_name - 1, .mv_data = revision_name};
    MDB_val value = {.mv_size = sizeof revision, .mv_data = &revision};
    check("meta", mdb_put(txn, self->meta, &name, &value, 0));
    check("commit", mdb_txn_commit(txn));
}

void bare_tables_write(struct bare_tables *self, MDB_txn *txn, MDB_val key, MDB_val value)
{
    uint64_t number;
    MDB_val revision = {.mv_size = sizeof number, .mv_data = &number};
    MDB_val record = {.mv_size = RECORD_BYTES + value.mv_size};
    MDB_val change = {.mv_size = CHANGE_BYTES + key.mv_size + value.mv_size};
    if (value.mv_size > BARE_MAX_VALUE_BYTES || key.mv_size > KEY_BYTES) {
        fputs("LMDB alone: a key or value is too large for this\n", stderr);
        exit(1);
    }
    number = ++self->revision;
    check("put", mdb_put(txn, self->state, &key, &record, MDB_RESERVE));
    memset(record.mv_data, 0, RECORD_BYTES);
    memcpy((char *)record.mv_data + RECORD_BYTES, value.mv_data, value.mv_size);
    check("log", mdb_put(txn, self->changes, &revision, &change, MDB_RESERVE | MDB_APPEND));
    memset(change.mv_data, 0, CHANGE_BYTES);
    memcpy((char *)change.mv_data + CHANGE_BYTES, key.mv_data, key.mv_size);
    memcpy((char *)change.mv_data + CHANGE_BYTES + key.mv_size, value.mv_data, value.mv_size);
}

MDB_val bare_tables_read(struct bare_tables *self, MDB_txn *txn, MDB_val key)
{
    MDB_val record;
    int rc = mdb_get(txn, self->state, &key, &record);
    if (rc == MDB_NOTFOUND) {
        return (MDB_val){0};
    }
    check("get", rc);
    return (MDB_val){.mv_size = record.mv_size - RECORD_BYTES,
                     .mv_data = (char *)record.mv_data + RECORD_BYTES};
}
