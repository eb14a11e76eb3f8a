/* What a failed system call on a path means to the one who started the server. */
#ifndef STATED_ENGINE_ERRNO_STATUS_H
#define STATED_ENGINE_ERRNO_STATUS_H

#include "stated/status.h"

/* Sets code and message "PATH: reason" from an errno or LMDB code. NOT_FOUND, PERMISSION_DENIED,
   RESOURCE_EXHAUSTED, INVALID_ARGUMENT (the path cannot be one) or UNAVAILABLE; returns it. */
enum stated_code errno_status_set(struct stated_status *status, int error, const char *path);

#endif
