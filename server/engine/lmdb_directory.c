#include "engine/lmdb_directory.h"

#include "engine/errno_status.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PRIVATE_DIRECTORY = 0700, PRIVATE_FILE = 0600 };

/* Makes each parent in turn; one that exists is fine, whatever it is: the last mkdir or the lock
   will say so. */
static int make_with_parents(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int rc = mkdir(path, PRIVATE_DIRECTORY);
        int error = errno;
        *slash = '/';
        if (rc != 0 && error != EEXIST) {
            return error;
        }
    }
    return mkdir(path, PRIVATE_DIRECTORY) == 0 || errno == EEXIST ? 0 : errno;
}

enum stated_code lmdb_directory_make(const char *path, struct stated_status *status)
{
    struct stat found;
    if (stat(path, &found) == 0) {
        return S_ISDIR(found.st_mode) ? STATED_OK : errno_status_set(status, ENOTDIR, path);
    }
    char *copy = strdup(path);
    if (copy == NULL) {
        return errno_status_set(status, ENOMEM, path);
    }
    int error = make_with_parents(copy);
    free(copy);
    return error == 0 ? STATED_OK : errno_status_set(status, error, path);
}

char *lmdb_directory_join(const char *path, const char *name)
{
    char *joined = NULL;
    return asprintf(&joined, "%s/%s", path, name) < 0 ? NULL : joined;
}

static enum stated_code refuse_held(int fd, const char *path, struct stated_status *status)
{
    char text[32];
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    long pid = strtol(text, NULL, 10);
    if (pid <= 0) {
        return stated_status_set(status, STATED_FAILED_PRECONDITION,
                                 "data directory %s is held by another process; stop it, or use "
                                 "another directory",
                                 path);
    }
    return stated_status_set(status, STATED_FAILED_PRECONDITION,
                             "data directory %s is held by process %ld; stop it, or use another "
                             "directory",
                             path, pid);
}

static bool clear(int fd)
{
    return ftruncate(fd, 0) == 0;
}

/* The pid is for people: on a full disk the lock holds without it. */
static void write_pid(int fd)
{
    char text[32];
    int length = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    if (clear(fd) && pwrite(fd, text, (size_t)length, 0) != length) {
        (void)clear(fd);
    }
}

enum stated_code lmdb_directory_lock(const char *path, int *fd, struct stated_status *status)
{
    char *file = lmdb_directory_join(path, "lock");
    if (file == NULL) {
        return errno_status_set(status, ENOMEM, path);
    }
    *fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, PRIVATE_FILE);
    int error = *fd < 0 ? errno : flock(*fd, LOCK_EX | LOCK_NB) != 0 ? errno : 0;
    enum stated_code code = STATED_OK;
    if (error == EWOULDBLOCK) {
        code = refuse_held(*fd, path, status);
    } else if (error != 0) {
        code = errno_status_set(status, error, file);
    } else {
        write_pid(*fd);
    }
    if (code != STATED_OK && *fd >= 0) {
        (void)close(*fd);
    }
    free(file);
    return code;
}

void lmdb_directory_unlock(int fd)
{
    (void)clear(fd);
    (void)close(fd);
}

enum stated_code lmdb_directory_sync(const char *path, struct stated_status *status)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return errno_status_set(status, errno, path);
    }
    int error = fsync(fd) == 0 ? 0 : errno;
    (void)close(fd);
    return error == 0 ? STATED_OK : errno_status_set(status, error, path);
}
