/* Which trees a file has, and what is in their entries. */
#include "engine/lmdb_pages.h"

#include "engine/errno_status.h"
#include "engine/lmdb_walk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    TABLE_NAME_BYTES = 32,
    MAX_TABLES = 16,
};

/* What the tree of tables names; the walk's argument. */
struct tables {
    struct lmdb_tree trees[MAX_TABLES];
    char names[MAX_TABLES][TABLE_NAME_BYTES];
    size_t n;
};

/* An entry of the tree of tables. */
static bool visit_table(struct lmdb_walk *self, const MDB_val *key,
                        const struct lmdb_node_head *node, const MDB_val *data)
{
    struct tables *tables = self->argument;
    bool is_table = node->flags == LMDB_NODE_TABLE && data->mv_size == sizeof(struct lmdb_tree) &&
                    key->mv_size < TABLE_NAME_BYTES && tables->n < MAX_TABLES;
    if (!is_table) {
        return lmdb_walk_find(self, 0, "there is something that is no table");
    }
    memcpy(tables->names[tables->n], key->mv_data, key->mv_size);
    memcpy(&tables->trees[tables->n], data->mv_data, data->mv_size);
    return tables->trees[tables->n++].flags == 0 ||
           lmdb_walk_find(self, 0, "a table is of a wrong kind");
}

/* An entry of a table: no duplicates, no tables within. */
static bool visit_record(struct lmdb_walk *self, const MDB_val *key,
                         const struct lmdb_node_head *node, const MDB_val *data)
{
    (void)key;
    (void)data;
    return (node->flags & ~LMDB_NODE_BIG) == 0 ||
           lmdb_walk_find(self, 0, "an entry is of an unknown kind");
}

/* A list of free pages: their number, then the pages, descending. */
static bool meet_free_pages(struct lmdb_walk *self, const uint8_t *list, size_t bytes)
{
    uint64_t n;
    memcpy(&n, list, sizeof(n));
    if (n > bytes / sizeof(n) - 1) {
        return lmdb_walk_find(self, 0, "a list of free pages is cut");
    }
    for (uint64_t i = 1; i <= n; i++) {
        uint64_t page;
        memcpy(&page, list + i * sizeof(page), sizeof(page));
        if (!lmdb_walk_mark(self, page, 1)) {
            return false;
        }
    }
    return true;
}

static bool visit_free_pages(struct lmdb_walk *self, const MDB_val *key,
                             const struct lmdb_node_head *node, const MDB_val *data)
{
    (void)key;
    size_t bytes = node->low | (size_t)node->high << 16;
    if (bytes < sizeof(uint64_t)) {
        return lmdb_walk_find(self, 0, "a list of free pages is cut");
    }
    if ((node->flags & LMDB_NODE_BIG) == 0) {
        return meet_free_pages(self, data->mv_data, bytes);
    }
    uint64_t page;
    memcpy(&page, data->mv_data, sizeof(page));
    size_t head_bytes = sizeof(struct lmdb_page_head);
    uint8_t *list = malloc(head_bytes + bytes);
    if (list == NULL) {
        self->code = errno_status_set(self->status, ENOMEM, self->path);
        return false;
    }
    bool is_fine = lmdb_walk_read(self, page, list, head_bytes + bytes) &&
                   meet_free_pages(self, list + head_bytes, bytes);
    free(list);
    return is_fine;
}

/* False: the walk is over. */
static bool walk_all(struct lmdb_walk *self, const struct lmdb_header *header,
                     enum lmdb_pages_depth depth)
{
    struct tables tables = {0};
    self->argument = &tables;
    bool is_fine = lmdb_walk_tree(self, "tables", &header->tables, LMDB_ORDER_BYTES, visit_table) &&
                   lmdb_walk_tree(self, "free pages", &header->free_pages, LMDB_ORDER_NUMBER,
                                  visit_free_pages);
    self->skips_leaves = depth == LMDB_PAGES_BRANCHES;
    for (size_t i = 0; is_fine && i < tables.n; i++) {
        is_fine =
            lmdb_walk_tree(self, tables.names[i], &tables.trees[i], LMDB_ORDER_BYTES, visit_record);
    }
    return is_fine;
}

/* The last page was used once: it still is, or it is free. */
static void check_last_page(struct lmdb_walk *self)
{
    bool is_met = (self->met[self->last_page / 8] & (1u << self->last_page % 8)) != 0;
    if (self->last_page >= LMDB_WALK_FIRST_PAGE && !is_met) {
        self->code = stated_status_set(self->status, STATED_DATA_LOSS,
                                       "%s is damaged: its header speaks of %" PRIu64
                                       " pages, the last one is not in use; restore a snapshot",
                                       self->path, self->last_page + 1);
    }
}

enum stated_code lmdb_pages_check(int fd, const char *path, const struct lmdb_header *header,
                                  enum lmdb_pages_depth depth, struct lmdb_task *task,
                                  struct stated_status *status)
{
    enum stated_code code = STATED_OK;
    struct stat file;
    if (fstat(fd, &file) != 0) {
        return errno_status_set(status, errno, path);
    }
    struct lmdb_walk *self = calloc(1, sizeof(*self));
    uint8_t *met = calloc(1, header->last_page / 8 + 1);
    uint8_t *pages = malloc(header->page_bytes * LMDB_WALK_BUFFER_PAGES);
    if (self == NULL || met == NULL || pages == NULL) {
        code = errno_status_set(status, ENOMEM, path);
    } else {
        *self = (struct lmdb_walk){.fd = fd,
                                   .path = path,
                                   .page_bytes = header->page_bytes,
                                   .last_page = header->last_page,
                                   .file_bytes = (uint64_t)file.st_size,
                                   .met = met,
                                   .branches = pages,
                                   .status = status,
                                   .task = task};
        if (walk_all(self, header, depth) && depth == LMDB_PAGES_ALL) {
            check_last_page(self);
        }
        code = self->code;
    }
    free(pages);
    free(met);
    free(self);
    return code;
}
