/* The lock on a unix socket's path: two servers never listen on one, and what a crashed one left
   there is cleared away. */
#ifndef STATED_NET_IPC_LOCK_H
#define STATED_NET_IPC_LOCK_H

#include "stated/status.h"

/* Takes PATH.lock (flock; the holder's pid as text in it) and removes a socket at PATH that nobody
   listens on any more. OK and *fd, to be given back with ipc_lock_release; else *fd is -1 and:
   FAILED_PRECONDITION (held by another process, named; something that is not ours is at PATH),
   NOT_FOUND (no such directory), PERMISSION_DENIED, UNAVAILABLE. Does not block. */
enum stated_code ipc_lock_acquire(const char *path, int *fd,
                                  struct stated_status *status) STATED_MUST_USE;

/* Makes the directory of the default endpoint's path, for this user alone, unless it exists. OK for
   any other path, which is its owner's to prepare; PERMISSION_DENIED when the directory cannot be
   made or is not this user's own. Does not block. */
enum stated_code ipc_prepare_default(const char *path,
                                     struct stated_status *status) STATED_MUST_USE;

/* Lets go of the lock; the lock file stays, so that it never is two files. -1 is allowed. */
void ipc_lock_release(int fd);

#endif
