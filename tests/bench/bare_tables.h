/* The three tables of a state in LMDB and nothing around them: what a write and a read cost when
   nothing is checked. Any error of LMDB ends the program. */
#ifndef STATED_BENCH_BARE_TABLES_H
#define STATED_BENCH_BARE_TABLES_H

#include <lmdb.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum { BARE_MAX_VALUE_BYTES = 1024 };

struct bare_tables {
    MDB_env *env;
    MDB_dbi state;   /* key -> what is known of it, and its value */
    MDB_dbi changes; /* revision -> key and value */
    MDB_dbi meta;
    atomic_uint_least64_t revision; /* written under LMDB's lock of writers */
};

/* Opens or makes them. flags: LMDB's, such as MDB_NOSYNC. */
void bare_tables_open(struct bare_tables *self, const char *directory, unsigned flags);

/* Nothing is committed any more, and no transaction is open. */
void bare_tables_close(struct bare_tables *self);

/* A transaction; flags: 0 to write, MDB_RDONLY to read. */
MDB_txn *bare_tables_begin(struct bare_tables *self, unsigned flags);

/* Notes the revision and commits. */
void bare_tables_commit(struct bare_tables *self, MDB_txn *txn);

/* value: of at most BARE_MAX_VALUE_BYTES. */
void bare_tables_write(struct bare_tables *self, MDB_txn *txn, MDB_val key, MDB_val value);

/* The value, in the map until the transaction ends; of 0 bytes when there is no such key. */
MDB_val bare_tables_read(struct bare_tables *self, MDB_txn *txn, MDB_val key);

#endif
