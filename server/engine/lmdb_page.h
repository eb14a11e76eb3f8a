/* One page of an LMDB file, taken apart without trusting it. All of this is pure.

   Source: LMDB 0.9's MDB_page and MDB_node in mdb.c, on a 64-bit little-endian machine. */
#ifndef STATED_ENGINE_LMDB_PAGE_H
#define STATED_ENGINE_LMDB_PAGE_H

#include <lmdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The head of a page. */
struct lmdb_page_head {
    uint64_t number;
    uint16_t pad;
    uint16_t flags;
    uint16_t lower; /* end of the node pointers; of an overflow page, lower and upper are a count */
    uint16_t upper; /* start of the nodes */
};

/* The head of an entry in a page. */
struct lmdb_node_head {
    uint16_t low; /* data size or page number, in 16-bit pieces */
    uint16_t high;
    uint16_t flags; /* of a leaf's node; of a branch's, more of the page number */
    uint16_t key_bytes;
};

enum {
    LMDB_PAGE_BRANCH = 0x01,
    LMDB_PAGE_LEAF = 0x02,
    LMDB_PAGE_OVERFLOW = 0x04,
    LMDB_NODE_BIG = 0x01,   /* the data is the number of an overflow page */
    LMDB_NODE_TABLE = 0x02, /* the data is a tree's root */
    LMDB_MAX_KEY_BYTES = 511,
};

enum lmdb_key_order { LMDB_ORDER_BYTES, LMDB_ORDER_NUMBER };

/* A branch or leaf in memory. */
struct lmdb_page {
    const uint8_t *bytes;
    uint64_t page_bytes;
    struct lmdb_page_head head;
    size_t n_nodes;
    size_t node_bytes; /* counted so far */
};

/* Takes the page's head apart. NULL, or what is wrong: it is not page `number`, not of this kind,
   its bounds leave it, or it is empty. */
const char *lmdb_page_open(struct lmdb_page *self, uint64_t number, uint16_t flags,
                           const uint8_t *bytes, uint64_t page_bytes);

/* The node and its key, behind which its data begins; false when it does not lie in the page. */
bool lmdb_page_node(const struct lmdb_page *self, size_t index, struct lmdb_node_head *node,
                    MDB_val *key);

/* Counts a node's bytes: together, the nodes fill the page's upper part without overlap or gap.
   False when they overlap. */
bool lmdb_page_count(struct lmdb_page *self, const struct lmdb_node_head *node, size_t data_bytes);

/* True when the nodes counted leave no gap. */
bool lmdb_page_is_filled(const struct lmdb_page *self);

/* The page a branch's node leads to. */
uint64_t lmdb_page_child(const struct lmdb_node_head *node);

/* Negative, 0 or positive. With LMDB_ORDER_NUMBER, both keys have 8 bytes. */
int lmdb_page_compare_keys(enum lmdb_key_order order, const MDB_val *a, const MDB_val *b);

#endif
