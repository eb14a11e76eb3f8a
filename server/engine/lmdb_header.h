/* Looks at a data file before LMDB maps it: LMDB trusts its header, and a file that is shorter than
   the header says, or whose header is damaged, would end the process by a signal.

   Source: the layout of LMDB 0.9's meta pages (MDB_page, MDB_meta and MDB_db in mdb.c). */
#ifndef STATED_ENGINE_LMDB_HEADER_H
#define STATED_ENGINE_LMDB_HEADER_H

#include "stated/status.h"

#include <stdint.h>

/* What the newer of the two meta pages says. */
struct lmdb_header {
    uint64_t page_bytes;
    uint64_t last_page; /* the file has at least this page */
    uint64_t transaction;
};

/* Reads and checks the header of the file. NOT_FOUND when there is no such file; DATA_LOSS, with
   the finding, when it is none of LMDB's or is damaged or truncated; PERMISSION_DENIED,
   RESOURCE_EXHAUSTED or UNAVAILABLE when it cannot be read. Changes nothing. */
enum stated_code lmdb_header_read(const char *path, struct lmdb_header *header,
                                  struct stated_status *status) STATED_MUST_USE;

#endif
