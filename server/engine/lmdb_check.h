/* Looks at everything a state consists of: each record, and what the tables say of each other.

   The pages have been checked before (lmdb_pages.h), so that LMDB can be trusted with them. */
#ifndef STATED_ENGINE_LMDB_CHECK_H
#define STATED_ENGINE_LMDB_CHECK_H

#include "engine/lmdb_engine.h"
#include "engine/lmdb_task.h"

/* A check under way. */
struct lmdb_check {
    MDB_txn *txn;
    const struct lmdb_tables *tables;
    const char *path; /* for messages */
    struct lmdb_totals totals;
    uint64_t oldest_revision; /* of the change log */
    struct lmdb_task *task;   /* a step: a record; NULL: nobody wants to know */
    struct stated_status *status;
    enum stated_code code; /* not OK: the check is over */
};

/* Checks what the transaction sees, which ends with the caller; it is the task's last phase.
   *contents tells what was there. OK;
   DATA_LOSS and the first finding; RESOURCE_EXHAUSTED without memory; CANCELLED; UNAVAILABLE for
   LMDB's other codes. Blocks on disk, long. */
enum stated_code lmdb_check_contents(MDB_txn *txn, const struct lmdb_tables *tables,
                                     const char *path, struct lmdb_task *task,
                                     struct store_contents *contents,
                                     struct stated_status *status) STATED_MUST_USE;

/* Checks a file that nobody has open, from its first page to its last record. Changes nothing.
   Codes as above, and those of lmdb_header_read and lmdb_meta. */
enum stated_code lmdb_check_file(const char *path, struct lmdb_task *task,
                                 struct store_contents *contents,
                                 struct stated_status *status) STATED_MUST_USE;

/* The vtable's member. */
enum stated_code lmdb_check_store(struct store *store, const struct store_task *asker,
                                  struct store_contents *contents, struct stated_status *status);

/* The parts. False: the check is over. */
bool lmdb_check_state_and_log(struct lmdb_check *self);
bool lmdb_check_calls(struct lmdb_check *self);

/* Ends the check with a finding (printf style); always false. */
bool lmdb_check_find(struct lmdb_check *self, const char *format, ...) STATED_PRINTF(2, 3);

/* Ends the check with LMDB's code; always false. */
bool lmdb_check_stop(struct lmdb_check *self, int code);

/* Counts a record. False: the check is over, its task was stopped. */
bool lmdb_check_step(struct lmdb_check *self);

#endif
