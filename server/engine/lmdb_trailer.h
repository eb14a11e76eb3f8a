/* The end of a snapshot: what is in it, and a checksum over all before it. */
#ifndef STATED_ENGINE_LMDB_TRAILER_H
#define STATED_ENGINE_LMDB_TRAILER_H

#include "engine/lmdb_task.h"

#include <stdint.h>

/* A step of a task is so many bytes. */
enum { LMDB_TRAILER_STEP_BYTES = 4096 };

struct lmdb_trailer {
    uint64_t image_bytes; /* of the data file before it */
    uint64_t image_hash;  /* XXH64 of that */
    struct store_contents contents;
};

/* Where to write a copy, and what it is called. */
struct lmdb_copy {
    int fd;
    const char *path;
};

/* Hashes the first `bytes` of the file and, unless copy is NULL, writes them there as well.
   DATA_LOSS when the file is shorter; CANCELLED; or errno_status.h's codes. */
enum stated_code lmdb_trailer_hash(int fd, const char *path, uint64_t bytes,
                                   const struct lmdb_copy *copy, struct lmdb_task *task,
                                   uint64_t *hash, struct stated_status *status) STATED_MUST_USE;

/* Appends a trailer with these contents to the file, which is not synced. errno_status.h's codes.
 */
enum stated_code lmdb_trailer_append(int fd, const char *path,
                                     const struct store_contents *contents, struct lmdb_task *task,
                                     struct stated_status *status) STATED_MUST_USE;

/* Reads the trailer. DATA_LOSS when the file has none: it is no snapshot, or it was cut. */
enum stated_code lmdb_trailer_read(int fd, const char *path, struct lmdb_trailer *trailer,
                                   struct stated_status *status) STATED_MUST_USE;

#endif
