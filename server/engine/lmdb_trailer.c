#include "engine/lmdb_trailer.h"

#include "engine/errno_status.h"
#include "engine/numbers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

static const char signature[16] = "stated snapshot\n";

enum {
    VERSION = 1,
    VERSION_AT = 16,
    IMAGE_BYTES_AT = 24,
    IMAGE_HASH_AT = 32,
    REVISION_AT = 40,
    KEYS_AT = 48,
    OLDEST_AT = 56,
    REPLIES_AT = 64,
    CHECKSUM_AT = 72,
    TRAILER_BYTES = 80,
};

#define BUFFER_BYTES ((size_t)1 << 20)

static enum stated_code refuse_cut(const char *path, struct stated_status *status)
{
    return stated_status_set(status, STATED_DATA_LOSS,
                             "%s is no snapshot, or it was cut: it does not end as one", path);
}

static bool write_all(int fd, const uint8_t *bytes, size_t length)
{
    while (length > 0) {
        ssize_t n = write(fd, bytes, length);
        if (n < 0 && errno != EINTR) {
            return false;
        }
        bytes += n > 0 ? n : 0;
        length -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* One buffer's worth from the place. *n: bytes read. 0, or errno. */
static int read_some(int fd, uint8_t *buffer, uint64_t at, uint64_t left, size_t *n)
{
    size_t wanted = left < BUFFER_BYTES ? (size_t)left : BUFFER_BYTES;
    ssize_t got;
    do {
        got = pread(fd, buffer, wanted, (off_t)at);
    } while (got < 0 && errno == EINTR);
    *n = got > 0 ? (size_t)got : 0;
    return got < 0 ? errno : 0;
}

static enum stated_code hash_with(XXH64_state_t *state, uint8_t *buffer, int fd, const char *path,
                                  uint64_t bytes, const struct lmdb_copy *copy,
                                  struct lmdb_task *task, struct stated_status *status)
{
    for (uint64_t at = 0; at < bytes;) {
        size_t n;
        int error = read_some(fd, buffer, at, bytes - at, &n);
        if (error != 0) {
            return errno_status_set(status, error, path);
        }
        if (n == 0) {
            return refuse_cut(path, status);
        }
        if (copy != NULL && !write_all(copy->fd, buffer, n)) {
            return errno_status_set(status, errno, copy->path);
        }
        (void)XXH64_update(state, buffer, n);
        at += n;
        if (!lmdb_task_step(task, n / LMDB_TRAILER_STEP_BYTES)) {
            return errno_status_set(status, LMDB_TASK_STOPPED, path);
        }
    }
    return STATED_OK;
}

enum stated_code lmdb_trailer_hash(int fd, const char *path, uint64_t bytes,
                                   const struct lmdb_copy *copy, struct lmdb_task *task,
                                   uint64_t *hash, struct stated_status *status)
{
    XXH64_state_t *state = XXH64_createState();
    uint8_t *buffer = malloc(BUFFER_BYTES);
    enum stated_code code;
    if (state == NULL || buffer == NULL) {
        code = errno_status_set(status, ENOMEM, path);
    } else {
        (void)XXH64_reset(state, 0);
        code = hash_with(state, buffer, fd, path, bytes, copy, task, status);
        *hash = XXH64_digest(state);
    }
    free(buffer);
    (void)XXH64_freeState(state);
    return code;
}

static void encode(uint8_t out[TRAILER_BYTES], const struct lmdb_trailer *trailer)
{
    memcpy(out, signature, sizeof(signature));
    put_u64(out + VERSION_AT, VERSION);
    put_u64(out + IMAGE_BYTES_AT, trailer->image_bytes);
    put_u64(out + IMAGE_HASH_AT, trailer->image_hash);
    put_u64(out + REVISION_AT, trailer->contents.revision);
    put_u64(out + KEYS_AT, trailer->contents.keys);
    put_u64(out + OLDEST_AT, trailer->contents.oldest_revision);
    put_u64(out + REPLIES_AT, trailer->contents.stored_replies);
    put_u64(out + CHECKSUM_AT, XXH64(out, CHECKSUM_AT, 0));
}

enum stated_code lmdb_trailer_append(int fd, const char *path,
                                     const struct store_contents *contents, struct lmdb_task *task,
                                     struct stated_status *status)
{
    struct stat file;
    uint8_t bytes[TRAILER_BYTES];
    if (fstat(fd, &file) != 0) {
        return errno_status_set(status, errno, path);
    }
    struct lmdb_trailer trailer = {.image_bytes = (uint64_t)file.st_size, .contents = *contents};
    lmdb_task_phase(task, 1000, trailer.image_bytes / LMDB_TRAILER_STEP_BYTES);
    enum stated_code code =
        lmdb_trailer_hash(fd, path, trailer.image_bytes, NULL, task, &trailer.image_hash, status);
    if (code != STATED_OK) {
        return code;
    }
    encode(bytes, &trailer);
    if (lseek(fd, 0, SEEK_END) < 0 || !write_all(fd, bytes, sizeof(bytes))) {
        return errno_status_set(status, errno, path);
    }
    return STATED_OK;
}

enum stated_code lmdb_trailer_read(int fd, const char *path, struct lmdb_trailer *trailer,
                                   struct stated_status *status)
{
    struct stat file;
    uint8_t bytes[TRAILER_BYTES];
    if (fstat(fd, &file) != 0) {
        return errno_status_set(status, errno, path);
    }
    ssize_t n = file.st_size < TRAILER_BYTES
                    ? 0
                    : pread(fd, bytes, sizeof(bytes), file.st_size - TRAILER_BYTES);
    if (n < 0) {
        return errno_status_set(status, errno, path);
    }
    if (n != TRAILER_BYTES || memcmp(bytes, signature, sizeof(signature)) != 0 ||
        get_u64(bytes + CHECKSUM_AT) != XXH64(bytes, CHECKSUM_AT, 0)) {
        return refuse_cut(path, status);
    }
    if (get_u64(bytes + VERSION_AT) != VERSION) {
        return stated_status_set(status, STATED_FAILED_PRECONDITION,
                                 "%s is a snapshot of format %" PRIu64
                                 ", this version reads format %d",
                                 path, get_u64(bytes + VERSION_AT), VERSION);
    }
    *trailer = (struct lmdb_trailer){
        .image_bytes = get_u64(bytes + IMAGE_BYTES_AT),
        .image_hash = get_u64(bytes + IMAGE_HASH_AT),
        .contents = {.revision = get_u64(bytes + REVISION_AT),
                     .keys = get_u64(bytes + KEYS_AT),
                     .oldest_revision = get_u64(bytes + OLDEST_AT),
                     .stored_replies = get_u64(bytes + REPLIES_AT),
                     .file_bytes = (uint64_t)file.st_size},
    };
    return trailer->image_bytes + TRAILER_BYTES == (uint64_t)file.st_size
               ? STATED_OK
               : refuse_cut(path, status);
}
