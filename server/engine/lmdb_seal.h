/* The note that a server leaves beside its data file when it has closed it in order: how far the
   file goes, and how to tell that nobody has touched it since.

   A file that is as it was closed need not be looked through when it is opened again; and one whose
   header leads to less than what was closed has lost something, which nothing else could tell. */
#ifndef STATED_ENGINE_LMDB_SEAL_H
#define STATED_ENGINE_LMDB_SEAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct lmdb_seal {
    uint64_t transaction; /* LMDB's number of the last commit */
    uint64_t file_bytes;
    uint64_t inode;
    int64_t modified_ns; /* contents, and what the system knows of the file */
    int64_t changed_ns;
};

/* What a seal of this file says at this moment. Pure. */
struct lmdb_seal lmdb_seal_of(const struct stat *file, uint64_t transaction);

/* Writes the seal; without one, the next start looks through the file. */
void lmdb_seal_write(const char *path, const struct lmdb_seal *seal);

/* False when there is none that can be read. */
bool lmdb_seal_read(const char *path, struct lmdb_seal *seal);

#endif
