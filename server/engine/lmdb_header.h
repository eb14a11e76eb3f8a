/* Reads the header of a data file before LMDB maps the file: LMDB trusts it, and a damaged one
   would end the process by a signal.

   Source: the layout of LMDB 0.9's meta pages (MDB_page, MDB_meta and MDB_db in mdb.c). */
#ifndef STATED_ENGINE_LMDB_HEADER_H
#define STATED_ENGINE_LMDB_HEADER_H

#include "stated/status.h"

#include <stdint.h>

/* A tree's root, as header pages and the table of tables hold it. */
struct lmdb_tree {
    uint32_t pad; /* of the tree of free pages: the page size */
    uint16_t flags;
    uint16_t depth;
    uint64_t branch_pages;
    uint64_t leaf_pages;
    uint64_t overflow_pages;
    uint64_t entries;
    uint64_t root; /* LMDB_NO_PAGE: the tree is empty */
};

#define LMDB_NO_PAGE UINT64_MAX

/* What the newer of the two header pages says. */
struct lmdb_header {
    uint64_t page_bytes;
    uint64_t last_page; /* used or free; the file may end before it if the last ones are free */
    uint64_t transaction;
    struct lmdb_tree free_pages;
    struct lmdb_tree tables;
};

/* Reads and checks the header of the file. NOT_FOUND when there is no such file; DATA_LOSS, with
   the finding, when it is none of LMDB's or is damaged or cut; PERMISSION_DENIED,
   RESOURCE_EXHAUSTED or UNAVAILABLE when it cannot be read. Changes nothing. */
enum stated_code lmdb_header_read(const char *path, struct lmdb_header *header,
                                  struct stated_status *status) STATED_MUST_USE;

/* The same for an open file; path is for messages only. */
enum stated_code lmdb_header_read_fd(int fd, const char *path, struct lmdb_header *header,
                                     struct stated_status *status) STATED_MUST_USE;

#endif
