#include "engine/lmdb_walk.h"

#include "engine/errno_status.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

bool lmdb_walk_find(struct lmdb_walk *self, uint64_t page, const char *finding)
{
    self->code =
        stated_status_set(self->status, STATED_DATA_LOSS,
                          "%s is damaged: page %" PRIu64 ", in the tree of %s: %s; restore "
                          "a snapshot",
                          self->path, page, self->tree_name, finding);
    return false;
}

static bool find_cut(struct lmdb_walk *self, uint64_t page)
{
    self->code = stated_status_set(self->status, STATED_DATA_LOSS,
                                   "%s is truncated: it has %" PRIu64 " bytes, page %" PRIu64
                                   " of the tree of %s is missing; restore a snapshot",
                                   self->path, self->file_bytes, page, self->tree_name);
    return false;
}

bool lmdb_walk_read(struct lmdb_walk *self, uint64_t page, void *out, size_t length)
{
    ssize_t n;
    do {
        n = pread(self->fd, out, length, (off_t)(page * self->page_bytes));
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        self->code = errno_status_set(self->status, errno, self->path);
        return false;
    }
    return (size_t)n == length || find_cut(self, page);
}

bool lmdb_walk_mark(struct lmdb_walk *self, uint64_t page, uint64_t count)
{
    if (page < LMDB_WALK_FIRST_PAGE || page > self->last_page ||
        count > self->last_page - page + 1) {
        return lmdb_walk_find(self, page, "the file has no such page");
    }
    for (uint64_t i = page; i < page + count; i++) {
        if ((self->met[i / 8] & (1u << i % 8)) != 0) {
            return lmdb_walk_find(self, i, "it is in use twice");
        }
        self->met[i / 8] |= (uint8_t)(1u << i % 8);
    }
    if (!lmdb_task_step(self->task, count)) {
        self->code = errno_status_set(self->status, LMDB_TASK_STOPPED, self->path);
        return false;
    }
    return true;
}

/* Notes that these pages are in use. Pages that are free may lie behind the end of the file. */
static bool meet(struct lmdb_walk *self, uint64_t page, uint64_t count)
{
    return lmdb_walk_mark(self, page, count) &&
           ((page + count) * self->page_bytes <= self->file_bytes || find_cut(self, page));
}

static bool open_page(struct lmdb_walk *self, struct lmdb_page *page, uint64_t number,
                      const uint8_t *bytes, uint16_t flags)
{
    const char *finding = lmdb_page_open(page, number, flags, bytes, self->page_bytes);
    return finding == NULL || lmdb_walk_find(self, number, finding);
}

static bool count_node(struct lmdb_walk *self, struct lmdb_page *page,
                       const struct lmdb_node_head *node, size_t data_bytes)
{
    return lmdb_page_count(page, node, data_bytes) ||
           lmdb_walk_find(self, page->head.number, "its entries overlap");
}

static bool close_page(struct lmdb_walk *self, const struct lmdb_page *page)
{
    return lmdb_page_is_filled(page) ||
           lmdb_walk_find(self, page->head.number, "its entries leave gaps");
}

static bool open_node(struct lmdb_walk *self, const struct lmdb_page *page, size_t index,
                      struct lmdb_node_head *node, MDB_val *key)
{
    return lmdb_page_node(page, index, node, key) ||
           lmdb_walk_find(self, page->head.number, "an entry lies outside of it");
}

/* The pages that hold a value too large for a leaf. */
static bool walk_overflow(struct lmdb_walk *self, const struct lmdb_page *leaf,
                          const MDB_val *reference, uint32_t value_bytes)
{
    uint64_t number;
    struct lmdb_page_head head;
    if (reference->mv_size != sizeof(number)) {
        return lmdb_walk_find(self, leaf->head.number, "a value's page is not named");
    }
    memcpy(&number, reference->mv_data, sizeof(number));
    if (number < LMDB_WALK_FIRST_PAGE || number > self->last_page) {
        return lmdb_walk_find(self, leaf->head.number, "a value's page is not in the file");
    }
    if (!lmdb_walk_read(self, number, &head, sizeof(head))) {
        return false;
    }
    uint32_t count = head.lower | (uint32_t)head.upper << 16;
    if (head.number != number || head.flags != LMDB_PAGE_OVERFLOW ||
        (uint64_t)value_bytes + sizeof(head) > count * self->page_bytes) {
        return lmdb_walk_find(self, number, "it is not the page of a value, or too small");
    }
    self->counted.overflow_pages += count;
    return meet(self, number, count);
}

static void copy_key(struct lmdb_key_copy *copy, const MDB_val *key)
{
    memcpy(copy->bytes, key->mv_data, key->mv_size);
    copy->val = (MDB_val){.mv_size = key->mv_size, .mv_data = copy->bytes};
}

static bool is_above(const struct lmdb_walk *self, const MDB_val *key, const MDB_val *before)
{
    return before->mv_data == NULL || lmdb_page_compare_keys(self->order, key, before) > 0;
}

/* before: the key before this one, in this leaf or an earlier one. */
static bool check_key(struct lmdb_walk *self, const struct lmdb_page *page, const MDB_val *key,
                      const MDB_val *before)
{
    if (key->mv_size == 0 ||
        (self->order == LMDB_ORDER_NUMBER && key->mv_size != sizeof(uint64_t))) {
        return lmdb_walk_find(self, page->head.number, "a key has a wrong length");
    }
    if (!is_above(self, key, before)) {
        return lmdb_walk_find(self, page->head.number, "its keys are out of order");
    }
    if (self->floor.val.mv_data != NULL &&
        lmdb_page_compare_keys(self->order, key, &self->floor.val) < 0) {
        return lmdb_walk_find(self, page->head.number, "its keys belong elsewhere");
    }
    self->floor.val.mv_data = NULL;
    return true;
}

/* An entry's data, or the reference to it, as it lies in the leaf. */
static bool open_data(struct lmdb_walk *self, struct lmdb_page *page,
                      const struct lmdb_node_head *node, const MDB_val *key, MDB_val *data)
{
    uint32_t value_bytes = node->low | (uint32_t)node->high << 16;
    bool is_big = (node->flags & LMDB_NODE_BIG) != 0;
    *data = (MDB_val){.mv_size = is_big ? sizeof(uint64_t) : value_bytes,
                      .mv_data = (uint8_t *)key->mv_data + key->mv_size};
    size_t room = self->page_bytes - (size_t)((const uint8_t *)data->mv_data - page->bytes);
    if (data->mv_size > room) {
        return lmdb_walk_find(self, page->head.number, "a value leaves it");
    }
    return count_node(self, page, node, data->mv_size) &&
           (!is_big || walk_overflow(self, page, data, value_bytes));
}

static bool walk_leaf_page(struct lmdb_walk *self, struct lmdb_page *page)
{
    MDB_val before = self->last_key.val;
    for (size_t i = 0; i < page->n_nodes; i++) {
        struct lmdb_node_head node;
        MDB_val key;
        MDB_val data;
        if (!open_node(self, page, i, &node, &key) || !check_key(self, page, &key, &before) ||
            !open_data(self, page, &node, &key, &data) || !self->visit(self, &key, &node, &data)) {
            return false;
        }
        before = key;
    }
    copy_key(&self->last_key, &before);
    return close_page(self, page);
}

static uint8_t *leaves_of(struct lmdb_walk *self)
{
    return self->branches + LMDB_WALK_MAX_DEPTH * self->page_bytes;
}

/* Reads this leaf and `more` that follow it in the file, unless that has been done. */
static bool load_leaves(struct lmdb_walk *self, uint64_t number, uint64_t more)
{
    if (number >= self->first_leaf && number - self->first_leaf < self->n_leaves) {
        return true;
    }
    self->n_leaves = 0;
    if (!lmdb_walk_read(self, number, leaves_of(self), (1 + more) * self->page_bytes)) {
        return false;
    }
    self->first_leaf = number;
    self->n_leaves = 1 + more;
    return true;
}

static bool walk_leaf(struct lmdb_walk *self, uint64_t number, uint64_t more)
{
    struct lmdb_page page;
    if (!meet(self, number, 1)) {
        return false;
    }
    self->counted.leaf_pages++;
    if (self->skips_leaves) {
        return true;
    }
    if (!load_leaves(self, number, more)) {
        return false;
    }
    const uint8_t *bytes = leaves_of(self) + (number - self->first_leaf) * self->page_bytes;
    if (!open_page(self, &page, number, bytes, LMDB_PAGE_LEAF)) {
        return false;
    }
    self->counted.entries += page.n_nodes;
    return walk_leaf_page(self, &page);
}

/* The key before a child is above all keys met so far, and not above any in the child. */
static bool enter_child(struct lmdb_walk *self, const struct lmdb_page *page, const MDB_val *key)
{
    bool has_length =
        key->mv_size > 0 && (self->order == LMDB_ORDER_BYTES || key->mv_size == sizeof(uint64_t));
    if (!has_length || !is_above(self, key, &self->last_key.val)) {
        return lmdb_walk_find(self, page->head.number, "its keys are out of order");
    }
    copy_key(&self->floor, key);
    return true;
}

/* How many of the children behind this one lie behind it in the file as well. */
static uint64_t count_following(struct lmdb_walk *self, struct lmdb_page *page, size_t index,
                                uint64_t child)
{
    uint64_t n = 0;
    struct lmdb_node_head node;
    MDB_val key;
    while (n < LMDB_WALK_LEAF_RUN - 1 && index + n + 1 < page->n_nodes &&
           child + n < self->last_page && lmdb_page_node(page, index + n + 1, &node, &key) &&
           lmdb_page_child(&node) == child + n + 1) {
        n++;
    }
    return n;
}

static bool walk_branch(struct lmdb_walk *self, uint64_t number, unsigned depth, unsigned levels)
{
    struct lmdb_page page;
    uint8_t *bytes = self->branches + depth * self->page_bytes;
    if (!meet(self, number, 1) || !lmdb_walk_read(self, number, bytes, self->page_bytes) ||
        !open_page(self, &page, number, bytes, LMDB_PAGE_BRANCH)) {
        return false;
    }
    self->counted.branch_pages++;
    if (page.n_nodes < 2) {
        return lmdb_walk_find(self, number, "it has a single child");
    }
    bool has_leaves = depth + 2 == levels;
    for (size_t i = 0; i < page.n_nodes; i++) {
        struct lmdb_node_head node;
        MDB_val key;
        if (!open_node(self, &page, i, &node, &key) || !count_node(self, &page, &node, 0) ||
            (i > 0 && !enter_child(self, &page, &key))) {
            return false;
        }
        uint64_t child = lmdb_page_child(&node);
        bool is_fine = has_leaves ? walk_leaf(self, child, count_following(self, &page, i, child))
                                  : walk_branch(self, child, depth + 1, levels);
        if (!is_fine) {
            return false;
        }
    }
    return close_page(self, &page);
}

bool lmdb_walk_tree(struct lmdb_walk *self, const char *name, const struct lmdb_tree *tree,
                    enum lmdb_key_order order, lmdb_walk_visitor visit)
{
    self->tree_name = name;
    self->order = order;
    self->visit = visit;
    self->last_key.val.mv_data = NULL;
    self->floor.val.mv_data = NULL;
    self->counted = (struct lmdb_tree){0};
    if (tree->root != LMDB_NO_PAGE) {
        if (tree->depth == 0 || tree->depth > LMDB_WALK_MAX_DEPTH) {
            return lmdb_walk_find(self, tree->root, "its depth makes no sense");
        }
        bool is_fine = tree->depth == 1 ? walk_leaf(self, tree->root, 0)
                                        : walk_branch(self, tree->root, 0, tree->depth);
        if (!is_fine) {
            return false;
        }
    }
    const struct lmdb_tree *counted = &self->counted;
    bool is_whole =
        counted->branch_pages == tree->branch_pages && counted->leaf_pages == tree->leaf_pages &&
        (self->skips_leaves ||
         (counted->overflow_pages == tree->overflow_pages && counted->entries == tree->entries));
    return is_whole ||
           lmdb_walk_find(self, tree->root, "it does not have the pages and entries it should");
}
