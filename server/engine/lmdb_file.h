/* The data file in its directory: found or made, checked, and opened as an LMDB environment. */
#ifndef STATED_ENGINE_LMDB_FILE_H
#define STATED_ENGINE_LMDB_FILE_H

#include "engine/lmdb_store.h"

#include <lmdb.h>

/* Names in a data directory: the state, and one that is not complete yet. */
#define LMDB_FILE_DURABLE "state.mdb"
#define LMDB_FILE_UNFINISHED "new.mdb"

/* Opens the directory's data file, which is locked for this process, with a map for the size limit.
   A new file is made under another name and renamed when it is complete: so a data file that is
   empty or half made is a damaged one. In ephemeral mode the file has no name once it is open.
   On success *env and *path (on the heap) are the caller's. Codes as of lmdb_store_open. */
enum stated_code lmdb_file_open(const struct lmdb_store_options *options, MDB_env **env,
                                char **path, struct stated_status *status) STATED_MUST_USE;

/* After the environment at path has been closed in order: notes what the file is, so that it need
   not be looked through at the next start. */
void lmdb_file_seal(const char *directory, const char *path);

/* Once the file has been opened with success: the note is not true any more. */
void lmdb_file_unseal(const char *directory);

#endif
