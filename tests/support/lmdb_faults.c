#include "lmdb_faults.h"

#include <lmdb.h>
#include <stddef.h>

static bool counting;
static unsigned long planned;
static int planned_code;
static unsigned long seen;
static const char *hit;

void lmdb_faults_plan(unsigned long nth, int code)
{
    planned = nth;
    planned_code = code;
    seen = 0;
    hit = NULL;
    counting = true;
}

void lmdb_faults_stop(void)
{
    counting = false;
}

unsigned long lmdb_faults_seen(void)
{
    return seen;
}

const char *lmdb_faults_hit(void)
{
    return hit;
}

static int next(const char *name)
{
    if (!counting || ++seen != planned) {
        return 0;
    }
    hit = name;
    return planned_code;
}

/* The linker gives calls of NAME to __wrap_NAME, and what it was as __real_NAME. */
#define WRAP(name, parameters, arguments)                                                          \
    int __real_##name parameters;                                                                  \
    int __wrap_##name parameters;                                                                  \
    int __wrap_##name parameters                                                                   \
    {                                                                                              \
        int code = next(#name);                                                                    \
        return code != 0 ? code : __real_##name arguments;                                         \
    }

WRAP(mdb_get, (MDB_txn * txn, MDB_dbi dbi, MDB_val *key, MDB_val *data), (txn, dbi, key, data))
WRAP(mdb_put, (MDB_txn * txn, MDB_dbi dbi, MDB_val *key, MDB_val *data, unsigned flags),
     (txn, dbi, key, data, flags))
WRAP(mdb_del, (MDB_txn * txn, MDB_dbi dbi, MDB_val *key, MDB_val *data), (txn, dbi, key, data))
WRAP(mdb_stat, (MDB_txn * txn, MDB_dbi dbi, MDB_stat *stat), (txn, dbi, stat))
WRAP(mdb_drop, (MDB_txn * txn, MDB_dbi dbi, int del), (txn, dbi, del))
WRAP(mdb_dbi_open, (MDB_txn * txn, const char *name, unsigned flags, MDB_dbi *dbi),
     (txn, name, flags, dbi))
WRAP(mdb_cursor_open, (MDB_txn * txn, MDB_dbi dbi, MDB_cursor **cursor), (txn, dbi, cursor))
WRAP(mdb_cursor_renew, (MDB_txn * txn, MDB_cursor *cursor), (txn, cursor))
WRAP(mdb_cursor_get, (MDB_cursor * cursor, MDB_val *key, MDB_val *data, MDB_cursor_op op),
     (cursor, key, data, op))
WRAP(mdb_cursor_del, (MDB_cursor * cursor, unsigned flags), (cursor, flags))
WRAP(mdb_txn_begin, (MDB_env * env, MDB_txn *parent, unsigned flags, MDB_txn **txn),
     (env, parent, flags, txn))
WRAP(mdb_txn_renew, (MDB_txn * txn), (txn))
WRAP(mdb_env_create, (MDB_env * *env), (env))
WRAP(mdb_env_set_maxdbs, (MDB_env * env, MDB_dbi dbs), (env, dbs))
WRAP(mdb_env_set_mapsize, (MDB_env * env, size_t size), (env, size))
WRAP(mdb_env_open, (MDB_env * env, const char *path, unsigned flags, mdb_mode_t mode),
     (env, path, flags, mode))
WRAP(mdb_env_sync, (MDB_env * env, int force), (env, force))

/* A commit that fails has thrown the transaction away. */
int __real_mdb_txn_commit(MDB_txn *txn);
int __wrap_mdb_txn_commit(MDB_txn *txn);
int __wrap_mdb_txn_commit(MDB_txn *txn)
{
    int code = next("mdb_txn_commit");
    if (code == 0) {
        return __real_mdb_txn_commit(txn);
    }
    mdb_txn_abort(txn);
    return code;
}
