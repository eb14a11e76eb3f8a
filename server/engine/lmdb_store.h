/* The LMDB engine: the state in one memory-mapped B+tree file, one transaction and one sync per
 * run. */
#ifndef STATED_ENGINE_LMDB_STORE_H
#define STATED_ENGINE_LMDB_STORE_H

#include "state/store.h"

#include <stdint.h>

enum store_durability {
    STORE_SYNC,      /* acknowledged means on disk */
    STORE_RELAXED,   /* a sync at least every 100 ms; the file is never corrupt */
    STORE_EPHEMERAL, /* no disk promised: the state is gone after a stop */
};

/* The change log may have this share of the size limit, one part in: */
enum { LMDB_STORE_LOG_SHARE = 4 };

struct lmdb_store_options {
    const char *directory; /* made when absent, mode 0700 */
    enum store_durability durability;
    uint64_t size_limit_bytes; /* of the data file */
    uint32_t max_entries;      /* of one reply */
    /* What is kept beside the state; 0: the default. Bytes are at most a share of the size limit.
     */
    uint64_t max_changes;        /* revisions in the change log; 100,000 */
    uint64_t max_change_bytes;   /* 256 MiB, at most a quarter of the limit */
    uint64_t max_clients;        /* whose answers are remembered; 10,000 */
    uint64_t max_client_answers; /* of each; 1,024 */
    uint64_t max_answer_bytes;   /* of all; 64 MiB, at most a sixteenth of the limit */
    uint64_t max_forgotten;      /* clients of which only the next number is remembered; 100,000 */
};

/* Opens or makes the store in the directory and takes its lock (flock on DIRECTORY/lock, which
   holds the owner's pid as text). On failure *store is NULL and status names the file and the
   finding: FAILED_PRECONDITION (held by another server, with its pid; a newer format), DATA_LOSS
   (not ours, corrupt or truncated), NOT_FOUND, PERMISSION_DENIED, RESOURCE_EXHAUSTED, UNAVAILABLE
   (I/O). */
enum stated_code lmdb_store_open(const struct lmdb_store_options *options, struct store **store,
                                 struct stated_status *status) STATED_MUST_USE;

#endif
