/* Looks at the pages of a data file without trusting any of them: LMDB itself follows whatever a
   damaged page says, out of the file if need be.

   The file is read, not mapped, so that an error of the disk is an error and no signal.
   Source: the layout of LMDB 0.9's pages (MDB_page, MDB_node and MDB_db in mdb.c). */
#ifndef STATED_ENGINE_LMDB_PAGES_H
#define STATED_ENGINE_LMDB_PAGES_H

#include "engine/lmdb_header.h"
#include "engine/lmdb_task.h"

#include "stated/status.h"

#include <stdint.h>

/* What of the tables is looked at. */
enum lmdb_pages_depth {
    LMDB_PAGES_BRANCHES, /* not the leaves, which are nearly all of a file */
    LMDB_PAGES_ALL,
};

/* Checks every page of every tree: that it is what it should be, lies within the file, belongs to
   one tree only and is not free as well, that its entries do not leave it, that keys ascend and
   that each tree has as many pages and entries as its root says. Values are not looked at. A
   step of the task, which may be NULL, is a page. OK;
   DATA_LOSS and the finding with its page; UNAVAILABLE or RESOURCE_EXHAUSTED when it cannot be
   done; CANCELLED. The header must have been read from the same file, and stay true: nobody writes,
   or a read transaction holds what it leads to. Any thread; blocks on disk. */
enum stated_code lmdb_pages_check(int fd, const char *path, const struct lmdb_header *header,
                                  enum lmdb_pages_depth depth, struct lmdb_task *task,
                                  struct stated_status *status) STATED_MUST_USE;

#endif
