/* An intrusive doubly linked list: no allocation, O(1) insert and remove. Not synchronised. */
#ifndef STATED_BASE_LIST_H
#define STATED_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* Embedded in the element. An unlinked node points at itself. */
struct list_node {
    struct list_node *next;
    struct list_node *prev;
};

/* The head is a node of its own; an empty list's head points at itself. */
struct list {
    struct list_node head;
};

/* The element that embeds `node` as its `member`. */
#define CONTAINER_OF(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

static inline void list_node_init(struct list_node *self)
{
    self->next = self;
    self->prev = self;
}

static inline void list_init(struct list *self)
{
    list_node_init(&self->head);
}

static inline bool list_is_empty(const struct list *self)
{
    return self->head.next == &self->head;
}

static inline bool list_node_is_linked(const struct list_node *self)
{
    return self->next != self;
}

/* `node` must be unlinked. */
static inline void list_push_back(struct list *self, struct list_node *node)
{
    node->prev = self->head.prev;
    node->next = &self->head;
    self->head.prev->next = node;
    self->head.prev = node;
}

/* Harmless on an unlinked node. */
static inline void list_remove(struct list_node *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_node_init(node);
}

/* NULL when empty. */
static inline struct list_node *list_first(const struct list *self)
{
    return list_is_empty(self) ? NULL : self->head.next;
}

/* NULL at the end. */
static inline struct list_node *list_after(const struct list *self, const struct list_node *node)
{
    return node->next == &self->head ? NULL : node->next;
}

/* Unlinks and gives the first node; NULL when empty. */
static inline struct list_node *list_pop_front(struct list *self)
{
    struct list_node *first = list_first(self);
    if (first != NULL) {
        list_remove(first);
    }
    return first;
}

/* Moves every node of `from`, which is left empty, into self, whose content is overwritten. */
static inline void list_take(struct list *self, struct list *from)
{
    list_init(self);
    if (!list_is_empty(from)) {
        self->head = from->head;
        self->head.next->prev = &self->head;
        self->head.prev->next = &self->head;
        list_init(from);
    }
}

/* Puts every node of `from`, which is left empty, in front of self's, in their order. */
static inline void list_prepend(struct list *self, struct list *from)
{
    if (!list_is_empty(from)) {
        from->head.prev->next = self->head.next;
        self->head.next->prev = from->head.prev;
        self->head.next = from->head.next;
        self->head.next->prev = &self->head;
        list_init(from);
    }
}

#endif
