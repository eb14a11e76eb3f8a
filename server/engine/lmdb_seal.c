#include "engine/lmdb_seal.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

enum { SEAL_BYTES = 256 };

static int64_t to_ns(const struct timespec *time)
{
    return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

struct lmdb_seal lmdb_seal_of(const struct stat *file, uint64_t transaction)
{
    return (struct lmdb_seal){
        .transaction = transaction,
        .file_bytes = (uint64_t)file->st_size,
        .inode = file->st_ino,
        .modified_ns = to_ns(&file->st_mtim),
        .changed_ns = to_ns(&file->st_ctim),
    };
}

static size_t format(char text[SEAL_BYTES], const struct lmdb_seal *seal)
{
    int length = snprintf(text, SEAL_BYTES,
                          "closed at transaction %" PRIu64 " bytes %" PRIu64 " inode %" PRIu64
                          " modified %" PRId64 " changed %" PRId64,
                          seal->transaction, seal->file_bytes, seal->inode, seal->modified_ns,
                          seal->changed_ns);
    int end = snprintf(text + length, SEAL_BYTES - (size_t)length, " checksum %016" PRIx64 "\n",
                       (uint64_t)XXH64(text, (size_t)length, 0));
    return (size_t)length + (size_t)end;
}

void lmdb_seal_write(const char *path, const struct lmdb_seal *seal)
{
    char text[SEAL_BYTES];
    size_t length = format(text, seal);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return;
    }
    bool is_whole = write(fd, text, length) == (ssize_t)length;
    if (close(fd) != 0 || !is_whole) {
        (void)unlink(path);
    }
}

bool lmdb_seal_read(const char *path, struct lmdb_seal *seal)
{
    char found[SEAL_BYTES] = "";
    char expected[SEAL_BYTES];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    ssize_t n = read(fd, found, sizeof(found) - 1);
    (void)close(fd);
    *seal = (struct lmdb_seal){0};
    if (n <= 0 || sscanf(found,
                         "closed at transaction %" SCNu64 " bytes %" SCNu64 " inode %" SCNu64
                         " modified %" SCNd64 " changed %" SCNd64,
                         &seal->transaction, &seal->file_bytes, &seal->inode, &seal->modified_ns,
                         &seal->changed_ns) != 5) {
        return false;
    }
    format(expected, seal);
    return strcmp(found, expected) == 0;
}
