/* What is done with snapshots and data directories while no server has them open. */
#include "engine/lmdb_snapshot.h"

#include "engine/errno_status.h"
#include "engine/lmdb_check.h"
#include "engine/lmdb_directory.h"
#include "engine/lmdb_file.h"
#include "engine/lmdb_trailer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PRIVATE_FILE = 0600 };

static enum stated_code open_file(const char *path, int *fd, struct stated_status *status)
{
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    return *fd < 0 ? errno_status_set(status, errno, path) : STATED_OK;
}

enum stated_code lmdb_snapshot_info(const char *path, struct store_contents *contents,
                                    struct stated_status *status)
{
    struct lmdb_trailer trailer = {0};
    int fd;
    enum stated_code code = open_file(path, &fd, status);
    if (code == STATED_OK) {
        code = lmdb_trailer_read(fd, path, &trailer, status);
        (void)close(fd);
    }
    *contents = trailer.contents;
    return code;
}

/* Compares the snapshot with its checksum, and copies its data file unless copy is NULL. The phase
   ends at `to` permille. */
static enum stated_code check_bytes(const char *path, const struct lmdb_copy *copy,
                                    struct lmdb_task *task, unsigned to,
                                    struct store_contents *contents, struct stated_status *status)
{
    struct lmdb_trailer trailer = {0};
    uint64_t hash = 0;
    int fd;
    enum stated_code code = open_file(path, &fd, status);
    if (code != STATED_OK) {
        return code;
    }
    code = lmdb_trailer_read(fd, path, &trailer, status);
    if (code == STATED_OK) {
        lmdb_task_phase(task, to, trailer.image_bytes / LMDB_TRAILER_STEP_BYTES);
        code = lmdb_trailer_hash(fd, path, trailer.image_bytes, copy, task, &hash, status);
    }
    if (code == STATED_OK && hash != trailer.image_hash) {
        code = stated_status_set(status, STATED_DATA_LOSS,
                                 "%s was altered: it does not match its checksum", path);
    }
    (void)close(fd);
    *contents = trailer.contents;
    return code;
}

static enum stated_code verify(const char *path, struct lmdb_task *task,
                               struct store_contents *contents, struct stated_status *status)
{
    struct store_contents found;
    enum stated_code code = check_bytes(path, NULL, task, 300, contents, status);
    return code == STATED_OK ? lmdb_check_file(path, task, &found, status) : code;
}

enum stated_code lmdb_snapshot_verify(const char *path, const struct store_task *asker,
                                      struct store_contents *contents, struct stated_status *status)
{
    struct lmdb_task task;
    lmdb_task_init(&task, asker);
    return verify(path, &task, contents, status);
}

/* What an interrupted restore may have left does not count. */
static bool is_ours_to_replace(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "lock") == 0 ||
           strcmp(name, LMDB_FILE_UNFINISHED) == 0;
}

static enum stated_code check_empty(const char *directory, struct stated_status *status)
{
    DIR *entries = opendir(directory);
    if (entries == NULL) {
        return errno_status_set(status, errno, directory);
    }
    enum stated_code code = STATED_OK;
    for (struct dirent *entry = readdir(entries); code == STATED_OK && entry != NULL;
         entry = readdir(entries)) {
        if (!is_ours_to_replace(entry->d_name)) {
            code = stated_status_set(status, STATED_FAILED_PRECONDITION,
                                     "%s is not empty (it has %s); restore into a new directory",
                                     directory, entry->d_name);
        }
    }
    (void)closedir(entries);
    return code;
}

/* Copies the verified snapshot's data file to `unfinished`, synced. */
static enum stated_code copy_image(const char *path, const char *unfinished, struct lmdb_task *task,
                                   struct store_contents *contents, struct stated_status *status)
{
    int fd = open(unfinished, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, PRIVATE_FILE);
    if (fd < 0) {
        return errno_status_set(status, errno, unfinished);
    }
    const struct lmdb_copy copy = {.fd = fd, .path = unfinished};
    enum stated_code code = check_bytes(path, &copy, task, 1000, contents, status);
    if (code == STATED_OK && fsync(fd) != 0) {
        code = errno_status_set(status, errno, unfinished);
    }
    (void)close(fd);
    return code;
}

static enum stated_code install(const char *path, const char *directory, struct lmdb_task *task,
                                struct store_contents *contents, struct stated_status *status)
{
    char *unfinished = lmdb_directory_join(directory, LMDB_FILE_UNFINISHED);
    char *final = lmdb_directory_join(directory, LMDB_FILE_DURABLE);
    enum stated_code code = unfinished == NULL || final == NULL
                                ? errno_status_set(status, ENOMEM, directory)
                                : copy_image(path, unfinished, task, contents, status);
    if (code == STATED_OK && rename(unfinished, final) != 0) {
        code = errno_status_set(status, errno, final);
    }
    if (code == STATED_OK) {
        code = lmdb_directory_sync(directory, status);
    } else if (unfinished != NULL) {
        (void)unlink(unfinished);
    }
    free(final);
    free(unfinished);
    return code;
}

enum stated_code lmdb_snapshot_restore(const char *path, const char *directory,
                                       const struct store_task *asker,
                                       struct store_contents *contents,
                                       struct stated_status *status)
{
    int lock;
    struct lmdb_task task;
    lmdb_task_init(&task, asker);
    lmdb_task_enter(&task, 700);
    enum stated_code code = verify(path, &task, contents, status);
    if (code == STATED_OK) {
        code = lmdb_directory_make(directory, status);
    }
    if (code == STATED_OK) {
        code = lmdb_directory_lock(directory, &lock, status);
    }
    if (code != STATED_OK) {
        return code;
    }
    code = check_empty(directory, status);
    if (code == STATED_OK) {
        lmdb_task_enter(&task, 1000);
        code = install(path, directory, &task, contents, status);
    }
    lmdb_directory_unlock(lock);
    return code;
}

enum stated_code lmdb_directory_check(const char *directory, const struct store_task *asker,
                                      struct store_contents *contents, struct stated_status *status)
{
    int lock;
    struct lmdb_task task;
    lmdb_task_init(&task, asker);
    *contents = (struct store_contents){0};
    char *path = lmdb_directory_join(directory, LMDB_FILE_DURABLE);
    if (path == NULL) {
        return errno_status_set(status, ENOMEM, directory);
    }
    /* Before the lock, whose file would be made in any directory. */
    enum stated_code code =
        access(path, F_OK) == 0 ? STATED_OK : errno_status_set(status, errno, path);
    if (code == STATED_OK) {
        code = lmdb_directory_lock(directory, &lock, status);
    }
    if (code == STATED_OK) {
        code = lmdb_check_file(path, &task, contents, status);
        lmdb_directory_unlock(lock);
    }
    free(path);
    return code;
}
