/* The walk through a tree of LMDB's, page by page as they lie in the file: that each is what it
   should be, that keys ascend, and that the tree is as large as its root says. For lmdb_pages.c,
   which says what is in the entries. */
#ifndef STATED_ENGINE_LMDB_WALK_H
#define STATED_ENGINE_LMDB_WALK_H

#include "engine/lmdb_header.h"
#include "engine/lmdb_page.h"
#include "engine/lmdb_task.h"

#include "stated/status.h"

#include <lmdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LMDB_WALK_MAX_DEPTH = 32,
    LMDB_WALK_FIRST_PAGE = 2, /* behind the header's */
    LMDB_WALK_LEAF_RUN = 32,  /* pages read at once */
    LMDB_WALK_BUFFER_PAGES = LMDB_WALK_MAX_DEPTH + LMDB_WALK_LEAF_RUN,
};

struct lmdb_walk;

/* Looks at an entry of a leaf. False: the walk is over, with a finding. */
typedef bool (*lmdb_walk_visitor)(struct lmdb_walk *walk, const MDB_val *key,
                                  const struct lmdb_node_head *node, const MDB_val *data);

/* A key that outlives its page. */
struct lmdb_key_copy {
    MDB_val val; /* without data: none */
    uint8_t bytes[LMDB_MAX_KEY_BYTES];
};

/* The caller sets the first group; the rest begins as zeroes. One thread. */
struct lmdb_walk {
    int fd;
    const char *path;
    uint64_t page_bytes;
    uint64_t last_page;
    uint64_t file_bytes;
    uint8_t *met;      /* a bit per page: in a tree, or free */
    uint8_t *branches; /* a page for each level, then LEAF_RUN pages: LMDB_WALK_BUFFER_PAGES */
    bool skips_leaves;
    void *argument; /* the visitors' */
    struct stated_status *status;
    struct lmdb_task *task; /* may be NULL */

    enum stated_code code; /* not OK: the walk is over */
    uint64_t first_leaf;   /* of those that have been read at once */
    uint64_t n_leaves;

    /* The tree in hand. */
    const char *tree_name;
    enum lmdb_key_order order;
    lmdb_walk_visitor visit;
    struct lmdb_key_copy last_key;
    struct lmdb_key_copy floor; /* until the first key behind it: that key is not lower */
    struct lmdb_tree counted;
};

/* Walks through the tree. False: the walk is over. Blocks on disk. */
bool lmdb_walk_tree(struct lmdb_walk *self, const char *name, const struct lmdb_tree *tree,
                    enum lmdb_key_order order, lmdb_walk_visitor visit) STATED_MUST_USE;

/* Ends the walk with a finding; always false. */
bool lmdb_walk_find(struct lmdb_walk *self, uint64_t page, const char *finding);

/* Reads from a page on. False: the walk is over. */
bool lmdb_walk_read(struct lmdb_walk *self, uint64_t page, void *out,
                    size_t length) STATED_MUST_USE;

/* Notes that these pages have been met, each for the first time. False: the walk is over. */
bool lmdb_walk_mark(struct lmdb_walk *self, uint64_t page, uint64_t count) STATED_MUST_USE;

#endif
