/* LMDB gives a reader first its number, then, without a lock, the root of the state that goes with
   it, from a page that the commit after next writes again. A reader that is held up in between sees
   a newer state than its number says, or parts of two roots. So a begun transaction counts only
   once what it sees carries its number. */
#include "engine/lmdb_engine.h"

/* Each further try needs two commits within the few instructions of a begin. */
#define MAX_TRIES 100

/* The newest commit's revision if this transaction sees just that, without a look into the file:
   a number that is still the newest has not been overtaken. */
static int find_revision(struct lmdb_store *self, MDB_txn *txn, uint64_t *revision)
{
    uint64_t wanted = mdb_txn_id(txn);
    uint64_t before = self->newest.transaction;
    *revision = self->newest.revision;
    if (before == wanted && self->newest.transaction == wanted) {
        return 0;
    }
    struct lmdb_totals totals = {0};
    int rc = lmdb_meta_get_totals(txn, self->tables.meta, &totals);
    *revision = totals.revision;
    return rc;
}

int lmdb_reader_begin(struct lmdb_store *self, MDB_txn **txn, uint64_t *revision)
{
    int rc = LMDB_RECORD_DAMAGED;
    for (int i = 0; i < MAX_TRIES && rc == LMDB_RECORD_DAMAGED; i++) {
        rc = *txn != NULL ? mdb_txn_renew(*txn) : mdb_txn_begin(self->env, NULL, MDB_RDONLY, txn);
        if (rc != 0) {
            return rc;
        }
        rc = find_revision(self, *txn, revision);
        if (rc != 0) {
            mdb_txn_reset(*txn);
        }
    }
    return rc;
}
