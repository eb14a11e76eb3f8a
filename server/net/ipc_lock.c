#include "net/ipc_lock.h"

#include "paths.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static enum stated_code explain(const char *path, struct stated_status *status)
{
    int error = errno;
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return stated_status_set(status, STATED_NOT_FOUND,
                                 "cannot listen on %s: its directory does not exist; make it first",
                                 path);
    case EACCES:
    case EPERM:
    case EROFS:
        return stated_status_set(status, STATED_PERMISSION_DENIED,
                                 "cannot listen on %s: %s; choose a path that may be written", path,
                                 strerror(error));
    default:
        return stated_status_set(status, STATED_UNAVAILABLE, "cannot listen on %s: %s", path,
                                 strerror(error));
    }
}

static enum stated_code explain_held(int fd, const char *path, struct stated_status *status)
{
    char text[32] = "";
    ssize_t length = pread(fd, text, sizeof(text) - 1, 0);
    long pid = length > 0 ? strtol(text, NULL, 10) : 0;
    if (pid <= 0) {
        return stated_status_set(status, STATED_FAILED_PRECONDITION,
                                 "another process listens on %s already; choose another path",
                                 path);
    }
    return stated_status_set(status, STATED_FAILED_PRECONDITION,
                             "process %ld listens on %s already; stop it or choose another path",
                             pid, path);
}

/* Whether a socket at path answers; asked only under the lock, so never of a server of ours. */
static enum stated_code clear_stale(const char *path, struct stated_status *status)
{
    struct stat found;
    if (lstat(path, &found) != 0) {
        return errno == ENOENT ? STATED_OK : explain(path, status);
    }
    if (!S_ISSOCK(found.st_mode)) {
        return stated_status_set(status, STATED_FAILED_PRECONDITION,
                                 "%s exists and is not a socket; remove it or choose another path",
                                 path);
    }
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return explain(path, status);
    }
    bool refused = connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 &&
                   errno == ECONNREFUSED;
    close(fd);
    if (!refused) {
        return stated_status_set(status, STATED_FAILED_PRECONDITION,
                                 "another program listens on %s; choose another path", path);
    }
    return unlink(path) == 0 || errno == ENOENT ? STATED_OK : explain(path, status);
}

enum stated_code ipc_lock_acquire(const char *path, int *fd, struct stated_status *status)
{
    *fd = -1;
    char lock_path[sizeof(((struct sockaddr_un *)NULL)->sun_path) + sizeof(".lock")];
    snprintf(lock_path, sizeof(lock_path), "%s.lock", path);
    int lock = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock < 0) {
        return explain(path, status);
    }
    enum stated_code code;
    if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
        code = errno == EWOULDBLOCK ? explain_held(lock, path, status) : explain(path, status);
        goto close_lock;
    }
    code = clear_stale(path, status);
    if (code != STATED_OK) {
        goto close_lock;
    }
    if (ftruncate(lock, 0) != 0 || dprintf(lock, "%ld\n", (long)getpid()) < 0) {
        code = explain(path, status);
        goto close_lock;
    }
    *fd = lock;
    return STATED_OK;

close_lock:
    close(lock);
    return code;
}

enum stated_code ipc_prepare_default(const char *path, struct stated_status *status)
{
    char directory[PATHS_BYTES];
    const char *scheme = "ipc://";
    size_t length = stated_default_endpoint(directory, sizeof(directory));
    if (length >= sizeof(directory) || strcmp(directory + strlen(scheme), path) != 0) {
        return STATED_OK;
    }
    snprintf(directory, sizeof(directory), "%s", path);
    *strrchr(directory, '/') = '\0';
    struct stat found;
    if (mkdir(directory, 0700) != 0 && errno != EEXIST) {
        return stated_status_set(status, STATED_PERMISSION_DENIED, "cannot make %s: %s", directory,
                                 strerror(errno));
    }
    /* Below /tmp somebody else may have been first. */
    if (lstat(directory, &found) != 0 || !S_ISDIR(found.st_mode) || found.st_uid != geteuid() ||
        (found.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return stated_status_set(status, STATED_PERMISSION_DENIED,
                                 "%s is not a directory that only you may write; remove it or "
                                 "listen elsewhere",
                                 directory);
    }
    return STATED_OK;
}

void ipc_lock_release(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}
