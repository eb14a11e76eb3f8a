/* A set of configurations: each a way in which a key's calls may have taken effect so far. */
#ifndef STATED_ORDER_CONFIG_SET_H
#define STATED_ORDER_CONFIG_SET_H

#include "order/oracle.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CONFIG_WORDS = 4, CONFIG_SLOTS = 64 * CONFIG_WORDS };

/* What the key holds, and which of the pending calls, by slot, have already taken effect. Has no
   padding that differs: always made from a zeroed one. */
struct config {
    struct oracle_value value;
    uint64_t done[CONFIG_WORDS];
};

/* Members in the order in which they came. Zeroed memory is an empty set. */
struct config_set {
    struct config *members;
    size_t n;
    size_t capacity;
    uint32_t *table; /* 1 + index of a member, by hash; 0 = nobody */
};

/* Adds the configuration unless it is there. False when memory is out. One thread at a time. */
bool config_set_add(struct config_set *self, const struct config *config);

/* Empties the set; it keeps its memory when that is in proportion. */
void config_set_clear(struct config_set *self);

/* Frees what it holds. */
void config_set_deinit(struct config_set *self);

/* Whether the call in this slot has taken effect. */
static inline bool config_has(const struct config *self, size_t slot)
{
    return (self->done[slot / 64] >> (slot % 64) & 1) != 0;
}

/* Notes that it has. */
static inline void config_set_done(struct config *self, size_t slot)
{
    self->done[slot / 64] |= UINT64_C(1) << (slot % 64);
}

/* Forgets it, so that the slot can be another call's. */
static inline void config_clear_done(struct config *self, size_t slot)
{
    self->done[slot / 64] &= ~(UINT64_C(1) << (slot % 64));
}

#endif
