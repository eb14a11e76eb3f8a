/* Snapshots: a state in a file of its own, to keep, to move, and to start from.

   A snapshot is a complete data file, written record by record, so that it has no free pages,
   nothing of deleted keys, and each record has been looked at; and then a trailer with a checksum
   over all of it. So a snapshot that is cut or altered anywhere is told from a whole one. */
#ifndef STATED_ENGINE_LMDB_SNAPSHOT_H
#define STATED_ENGINE_LMDB_SNAPSHOT_H

#include "state/store.h"

/* The vtable's member. */
enum stated_code lmdb_snapshot_save(struct store *self, const char *path,
                                    const struct store_task *asker, struct store_contents *contents,
                                    struct stated_status *status);

/* What the snapshot's trailer says. DATA_LOSS when it is none, or cut; NOT_FOUND; or the codes of
   errno_status.h. Quick. */
enum stated_code lmdb_snapshot_info(const char *path, struct store_contents *contents,
                                    struct stated_status *status) STATED_MUST_USE;

/* Checks every byte and every record. As above, or CANCELLED: the task, which may be NULL, wanted
   it so. Blocks long. */
enum stated_code lmdb_snapshot_verify(const char *path, const struct store_task *asker,
                                      struct store_contents *contents,
                                      struct stated_status *status) STATED_MUST_USE;

/* Verifies the snapshot and makes a data directory of it. FAILED_PRECONDITION when the directory
   has anything in it, or is held by a server; CANCELLED as above. Interrupted at any moment, the
   directory has either no state or all of it. */
enum stated_code lmdb_snapshot_restore(const char *path, const char *directory,
                                       const struct store_task *asker,
                                       struct store_contents *contents,
                                       struct stated_status *status) STATED_MUST_USE;

/* Checks the state in a data directory that no server holds (FAILED_PRECONDITION), every page,
   every record and what the tables say of each other. Changes nothing. CANCELLED as
   above. Blocks long. */
enum stated_code lmdb_directory_check(const char *directory, const struct store_task *asker,
                                      struct store_contents *contents,
                                      struct stated_status *status) STATED_MUST_USE;

#endif
