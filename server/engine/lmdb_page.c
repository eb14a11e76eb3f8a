#include "engine/lmdb_page.h"

#include <string.h>

_Static_assert(sizeof(struct lmdb_page_head) == 16 && sizeof(struct lmdb_node_head) == 8,
               "LMDB's layout");

const char *lmdb_page_open(struct lmdb_page *self, uint64_t number, uint16_t flags,
                           const uint8_t *bytes, uint64_t page_bytes)
{
    *self = (struct lmdb_page){.bytes = bytes, .page_bytes = page_bytes};
    memcpy(&self->head, bytes, sizeof(self->head));
    const struct lmdb_page_head *head = &self->head;
    if (head->number != number || head->flags != flags) {
        return "it is a page of another kind or place";
    }
    if (head->lower < sizeof(*head) || head->lower % 2 != 0 || head->lower > head->upper ||
        head->upper > page_bytes) {
        return "its bounds make no sense";
    }
    self->n_nodes = (head->lower - sizeof(*head)) / 2;
    return self->n_nodes > 0 ? NULL : "it is empty";
}

bool lmdb_page_node(const struct lmdb_page *self, size_t index, struct lmdb_node_head *node,
                    MDB_val *key)
{
    uint16_t offset;
    memcpy(&offset, self->bytes + sizeof(self->head) + 2 * index, sizeof(offset));
    if (offset < self->head.upper || offset > self->page_bytes - sizeof(*node)) {
        return false;
    }
    memcpy(node, self->bytes + offset, sizeof(*node));
    union {
        const uint8_t *read_only;
        void *data;
    } at = {.read_only = self->bytes + offset + sizeof(*node)};
    *key = (MDB_val){.mv_size = node->key_bytes, .mv_data = at.data};
    return node->key_bytes <= LMDB_MAX_KEY_BYTES &&
           node->key_bytes <= self->page_bytes - offset - sizeof(*node);
}

bool lmdb_page_count(struct lmdb_page *self, const struct lmdb_node_head *node, size_t data_bytes)
{
    size_t bytes = sizeof(*node) + node->key_bytes + data_bytes;
    self->node_bytes += bytes + bytes % 2;
    return self->node_bytes <= self->page_bytes - self->head.upper;
}

bool lmdb_page_is_filled(const struct lmdb_page *self)
{
    return self->node_bytes == self->page_bytes - self->head.upper;
}

uint64_t lmdb_page_child(const struct lmdb_node_head *node)
{
    return node->low | (uint64_t)node->high << 16 | (uint64_t)node->flags << 32;
}

int lmdb_page_compare_keys(enum lmdb_key_order order, const MDB_val *a, const MDB_val *b)
{
    if (order == LMDB_ORDER_NUMBER) {
        uint64_t left;
        uint64_t right;
        memcpy(&left, a->mv_data, sizeof(left));
        memcpy(&right, b->mv_data, sizeof(right));
        return (left > right) - (left < right);
    }
    size_t common = a->mv_size < b->mv_size ? a->mv_size : b->mv_size;
    int result = memcmp(a->mv_data, b->mv_data, common);
    return result != 0 ? result : (a->mv_size > b->mv_size) - (a->mv_size < b->mv_size);
}
