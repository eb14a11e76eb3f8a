#include "order/config_set.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { FIRST_CAPACITY = 64 };

static bool config_same(const struct config *a, const struct config *b)
{
    return a->value.kind == b->value.kind && a->value.bits == b->value.bits &&
           memcmp(a->done, b->done, sizeof a->done) == 0;
}

static uint64_t config_hash(const struct config *self)
{
    return XXH3_64bits_withSeed(self->done, sizeof self->done,
                                self->value.bits * 31 + (uint64_t)self->value.kind);
}

/* The table has twice as many places as there may be members. */
static uint32_t *find(const struct config_set *self, const struct config *config)
{
    size_t mask = 2 * self->capacity - 1;
    size_t at = (size_t)config_hash(config) & mask;
    while (self->table[at] != 0 && !config_same(&self->members[self->table[at] - 1], config)) {
        at = (at + 1) & mask;
    }
    return &self->table[at];
}

static bool grow(struct config_set *self)
{
    size_t capacity = self->capacity == 0 ? FIRST_CAPACITY : 2 * self->capacity;
    struct config *members = realloc(self->members, capacity * sizeof *members);
    if (members == NULL) {
        return false;
    }
    self->members = members;
    uint32_t *table = calloc(2 * capacity, sizeof *table);
    if (table == NULL) {
        return false;
    }
    free(self->table);
    self->table = table;
    self->capacity = capacity;
    for (size_t i = 0; i < self->n; i++) {
        *find(self, &self->members[i]) = (uint32_t)i + 1;
    }
    return true;
}

bool config_set_add(struct config_set *self, const struct config *config)
{
    if (self->n == self->capacity && !grow(self)) {
        return false;
    }
    uint32_t *place = find(self, config);
    if (*place == 0) {
        self->members[self->n++] = *config;
        *place = (uint32_t)self->n;
    }
    return true;
}

void config_set_clear(struct config_set *self)
{
    if (self->capacity > 8 * self->n + FIRST_CAPACITY) {
        config_set_deinit(self); /* to empty a large table for a few members takes longer */
    } else if (self->n > 0) {
        memset(self->table, 0, 2 * self->capacity * sizeof *self->table);
    }
    self->n = 0;
}

void config_set_deinit(struct config_set *self)
{
    free(self->members);
    free(self->table);
    *self = (struct config_set){0};
}
