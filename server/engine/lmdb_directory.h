/* The data directory: making it, and holding it against other servers. */
#ifndef STATED_ENGINE_LMDB_DIRECTORY_H
#define STATED_ENGINE_LMDB_DIRECTORY_H

#include "stated/status.h"

/* Makes the directory with its parents, mode 0700, if it is not there. errno_status.h's codes. May
   block on disk. */
enum stated_code lmdb_directory_make(const char *path,
                                     struct stated_status *status) STATED_MUST_USE;

/* Takes DIRECTORY/lock for this process and writes the pid into it; LMDB itself would let a second
   server in. *fd is the caller's, for lmdb_directory_unlock. FAILED_PRECONDITION when another
   process holds it, with its pid; else errno_status.h's codes. Does not wait. */
enum stated_code lmdb_directory_lock(const char *path, int *fd,
                                     struct stated_status *status) STATED_MUST_USE;

/* Gives the lock back. The file stays: removing it would let two servers lock two files. */
void lmdb_directory_unlock(int fd);

/* DIRECTORY/NAME on the heap; NULL when memory is out. */
char *lmdb_directory_join(const char *path, const char *name) STATED_MUST_USE;

/* Syncs the directory itself, so that a new or renamed file in it survives a power loss. */
enum stated_code lmdb_directory_sync(const char *path,
                                     struct stated_status *status) STATED_MUST_USE;

#endif
