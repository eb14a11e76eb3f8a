#include "engine/errno_status.h"

#include "engine/lmdb_task.h"

#include <errno.h>
#include <lmdb.h>

static enum stated_code code_of(int error)
{
    switch (error) {
    case ENOENT:
        return STATED_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return STATED_PERMISSION_DENIED;
    case ENOSPC:
    case EDQUOT:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case EFBIG:
    case MDB_MAP_FULL:
        return STATED_RESOURCE_EXHAUSTED;
    case ENOTDIR:
    case EISDIR:
    case ENAMETOOLONG:
    case ELOOP:
    case EEXIST:
        return STATED_INVALID_ARGUMENT;
    default:
        return STATED_UNAVAILABLE;
    }
}

enum stated_code errno_status_set(struct stated_status *status, int error, const char *path)
{
    if (error == LMDB_TASK_STOPPED) {
        return stated_status_set(status, STATED_CANCELLED, "%s: stopped half way", path);
    }
    return stated_status_set(status, code_of(error), "%s: %s", path, mdb_strerror(error));
}
