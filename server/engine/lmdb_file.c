#include "engine/lmdb_file.h"

#include "engine/errno_status.h"
#include "engine/lmdb_directory.h"
#include "engine/lmdb_engine.h"
#include "engine/lmdb_header.h"
#include "engine/lmdb_pages.h"
#include "engine/lmdb_seal.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char durable_name[] = LMDB_FILE_DURABLE;
static const char ephemeral_name[] = "ephemeral.mdb";
static const char new_name[] = LMDB_FILE_UNFINISHED;
static const char lock_suffix[] = "-lock";
static const char seal_name[] = "closed";

enum {
    PRIVATE_FILE = 0600,
    MAX_TABLES = 8,
    /* LMDB's lock file has 64 bytes per reader; this is room for a thousand read transactions. */
    READER_FILE_BYTES = 64 << 10,
};

/* A larger file is looked through only by a check that is asked for: starting must not take
   minutes. */
#define MAX_CHECKED_BYTES (UINT64_C(1) << 30)

/* LMDB ends a broken invariant by abort(); a message and a status do as well. */
static void stop_on_assertion(MDB_env *env, const char *message)
{
    const char *path = "?";
    (void)mdb_env_get_path(env, &path);
    log_error("%s is damaged, stopping: %s", path, message);
    _exit(EXIT_FAILURE);
}

static enum stated_code open_environment(const char *path, unsigned flags, uint64_t map_bytes,
                                         MDB_env **env, struct stated_status *status)
{
    int rc = mdb_env_create(env);
    if (rc != 0) {
        return errno_status_set(status, rc, path);
    }
    (void)mdb_env_set_maxdbs(*env, MAX_TABLES);
    (void)mdb_env_set_assert(*env, stop_on_assertion);
    rc = mdb_env_set_mapsize(*env, map_bytes);
    if (rc == 0) {
        rc = mdb_env_open(*env, path, flags | MDB_NOSUBDIR | MDB_NOTLS, PRIVATE_FILE);
    }
    if (rc == 0) {
        return STATED_OK;
    }
    mdb_env_close(*env);
    *env = NULL;
    if (rc == ENOMEM) {
        return stated_status_set(status, STATED_RESOURCE_EXHAUSTED,
                                 "%s: no address space for a size limit of %llu bytes; lower the "
                                 "limit",
                                 path, (unsigned long long)map_bytes);
    }
    return errno_status_set(status, rc, path);
}

/* Gives LMDB's lock file its disk space: LMDB writes it through a map, where a full disk is a
   signal. */
static enum stated_code prepare_reader_file(const char *path, struct stated_status *status)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, PRIVATE_FILE);
    if (fd < 0) {
        return errno_status_set(status, errno, path);
    }
    int error = posix_fallocate(fd, 0, READER_FILE_BYTES);
    (void)close(fd);
    return error == 0 ? STATED_OK : errno_status_set(status, error, path);
}

static void remove_with_suffix(const char *path)
{
    char *lock = NULL;
    (void)unlink(path);
    if (asprintf(&lock, "%s%s", path, lock_suffix) >= 0) {
        (void)unlink(lock);
        free(lock);
    }
}

/* Makes a complete, synced file with empty tables at path. Nobody else looks at it: no lock. */
static enum stated_code make_file(const char *path, struct stated_status *status)
{
    MDB_env *env;
    (void)unlink(path);
    enum stated_code code =
        open_environment(path, MDB_NOLOCK, LMDB_SPACE_MIN_LIMIT_BYTES, &env, status);
    if (code != STATED_OK) {
        return code;
    }
    int rc = lmdb_meta_create(env);
    mdb_env_close(env);
    if (rc != 0) {
        code = errno_status_set(status, rc, path);
        (void)unlink(path);
    }
    return code;
}

static enum stated_code make_durable_file(const char *directory, const char *path,
                                          struct stated_status *status)
{
    char *unfinished = lmdb_directory_join(directory, new_name);
    if (unfinished == NULL) {
        return errno_status_set(status, ENOMEM, path);
    }
    enum stated_code code = make_file(unfinished, status);
    if (code == STATED_OK && rename(unfinished, path) != 0) {
        code = errno_status_set(status, errno, path);
        (void)unlink(unfinished);
    }
    free(unfinished);
    return code == STATED_OK ? lmdb_directory_sync(directory, status) : code;
}

/* Makes room for LMDB's lock file, and opens. */
static enum stated_code open_prepared(const char *path, unsigned flags, uint64_t limit_bytes,
                                      const struct lmdb_header *header, MDB_env **env,
                                      struct stated_status *status)
{
    char *lock = NULL;
    if (asprintf(&lock, "%s%s", path, lock_suffix) < 0) {
        return errno_status_set(status, ENOMEM, path);
    }
    enum stated_code code = prepare_reader_file(lock, status);
    free(lock);
    if (code != STATED_OK) {
        return code;
    }
    uint64_t used_bytes = (header->last_page + 1) * header->page_bytes;
    return open_environment(path, flags, lmdb_space_map_bytes(limit_bytes, used_bytes), env,
                            status);
}

/* How much of the file is to be looked at: little when it is as it was closed. */
static enum stated_code choose_depth(const char *path, const char *seal_path, int fd,
                                     const struct lmdb_header *header, enum lmdb_pages_depth *depth,
                                     struct stated_status *status)
{
    struct stat file;
    struct lmdb_seal seal;
    uint64_t used_bytes = (header->last_page + 1) * header->page_bytes;
    if (fstat(fd, &file) != 0) {
        return errno_status_set(status, errno, path);
    }
    bool is_cut = (uint64_t)file.st_size < used_bytes;
    *depth = used_bytes > MAX_CHECKED_BYTES && !is_cut ? LMDB_PAGES_BRANCHES : LMDB_PAGES_ALL;
    if (!lmdb_seal_read(seal_path, &seal)) {
        return STATED_OK;
    }
    if (seal.transaction > header->transaction) {
        return stated_status_set(status, STATED_DATA_LOSS,
                                 "%s shows less than when it was closed: its header is damaged, or "
                                 "it is an older copy; restore a snapshot, or remove %s to use it",
                                 path, seal_path);
    }
    struct lmdb_seal now = lmdb_seal_of(&file, header->transaction);
    if (memcmp(&seal, &now, sizeof(seal)) == 0) {
        *depth = LMDB_PAGES_BRANCHES;
    }
    return STATED_OK;
}

/* Looks at the file before LMDB does. */
static enum stated_code check_file(const char *path, const char *seal_path,
                                   struct lmdb_header *header, struct stated_status *status)
{
    enum lmdb_pages_depth depth = LMDB_PAGES_ALL;
    enum stated_code code = lmdb_header_read(path, header, status);
    if (code != STATED_OK) {
        return code;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno_status_set(status, errno, path);
    }
    code = choose_depth(path, seal_path, fd, header, &depth, status);
    if (code == STATED_OK) {
        code = lmdb_pages_check(fd, path, header, depth, NULL, status);
    }
    (void)close(fd);
    return code;
}

static enum stated_code open_sealed(const struct lmdb_store_options *options, const char *path,
                                    const char *seal_path, MDB_env **env,
                                    struct stated_status *status)
{
    struct lmdb_header header;
    unsigned flags = options->durability == STORE_RELAXED ? MDB_NOMETASYNC : 0;
    enum stated_code code = check_file(path, seal_path, &header, status);
    if (code == STATED_OK) {
        code = open_prepared(path, flags, options->size_limit_bytes, &header, env, status);
    }
    return code;
}

static enum stated_code open_durable(const struct lmdb_store_options *options, const char *path,
                                     MDB_env **env, struct stated_status *status)
{
    char *seal_path = lmdb_directory_join(options->directory, seal_name);
    if (seal_path == NULL) {
        return errno_status_set(status, ENOMEM, path);
    }
    enum stated_code code = STATED_OK;
    if (access(path, F_OK) != 0 && errno == ENOENT) {
        (void)unlink(seal_path); /* of a file that is gone */
        code = make_durable_file(options->directory, path, status);
    }
    if (code == STATED_OK) {
        code = open_sealed(options, path, seal_path, env, status);
    }
    free(seal_path);
    return code;
}

void lmdb_file_seal(const char *directory, const char *path)
{
    char *seal_path = lmdb_directory_join(directory, seal_name);
    struct lmdb_header header;
    struct stat file;
    if (seal_path != NULL && lmdb_header_read(path, &header, NULL) == STATED_OK &&
        stat(path, &file) == 0) {
        struct lmdb_seal seal = lmdb_seal_of(&file, header.transaction);
        lmdb_seal_write(seal_path, &seal);
    }
    free(seal_path);
}

void lmdb_file_unseal(const char *directory)
{
    char *seal_path = lmdb_directory_join(directory, seal_name);
    if (seal_path != NULL) {
        (void)unlink(seal_path);
        free(seal_path);
    }
}

/* The thread sanitizer does not see how LMDB's library, which is not instrumented, keeps readers
   off the pages that it changes: every one of them would look like a race. */
#ifdef __SANITIZE_THREAD__
enum { MAP_FLAGS = 0 };
#else
enum { MAP_FLAGS = MDB_WRITEMAP };
#endif

/* A file that is gone after a stop may be changed through the map, which spares each commit the
   system calls and copies of its pages. Where the file system cannot promise space for it, a full
   disk would be a signal instead of an error, and it is not. */
static unsigned map_flags(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    struct stat file;
    bool promises = fd >= 0 && fstat(fd, &file) == 0 && fallocate(fd, 0, 0, file.st_size) == 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return promises ? MAP_FLAGS : 0;
}

static enum stated_code open_ephemeral(const struct lmdb_store_options *options, const char *path,
                                       MDB_env **env, struct stated_status *status)
{
    char *durable = lmdb_directory_join(options->directory, durable_name);
    if (durable == NULL) {
        return errno_status_set(status, ENOMEM, path);
    }
    bool is_durable = access(durable, F_OK) == 0;
    free(durable);
    if (is_durable) {
        return stated_status_set(status, STATED_FAILED_PRECONDITION,
                                 "%s holds a durable state, which ephemeral mode would not show; "
                                 "use another data directory or another durability",
                                 options->directory);
    }
    struct lmdb_header header;
    enum stated_code code = make_file(path, status);
    if (code == STATED_OK) {
        code = lmdb_header_read(path, &header, status);
    }
    if (code == STATED_OK) {
        code = open_prepared(path, MDB_NOSYNC | map_flags(path), options->size_limit_bytes, &header,
                             env, status);
    }
    remove_with_suffix(path);
    return code;
}

/* What a server that was killed while it started may have left. */
static void remove_leftovers(const char *directory)
{
    const char *const names[] = {new_name, ephemeral_name};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char *path = lmdb_directory_join(directory, names[i]);
        if (path != NULL) {
            remove_with_suffix(path);
            free(path);
        }
    }
}

enum stated_code lmdb_file_open(const struct lmdb_store_options *options, MDB_env **env,
                                char **path, struct stated_status *status)
{
    bool is_ephemeral = options->durability == STORE_EPHEMERAL;
    *env = NULL;
    *path = lmdb_directory_join(options->directory, is_ephemeral ? ephemeral_name : durable_name);
    if (*path == NULL) {
        return errno_status_set(status, ENOMEM, options->directory);
    }
    remove_leftovers(options->directory);
    enum stated_code code = is_ephemeral ? open_ephemeral(options, *path, env, status)
                                         : open_durable(options, *path, env, status);
    if (code != STATED_OK) {
        free(*path);
        *path = NULL;
    }
    return code;
}
