#include "engine/hash_set.h"

#include <stdlib.h>

enum { FIRST_SLOTS = 1024 };

/* 0 marks a free slot. */
static uint64_t as_stored(uint64_t hash)
{
    return hash == 0 ? 1 : hash;
}

/* The slot that has the hash, or the free one where it belongs. */
static uint64_t *find(const struct hash_set *self, uint64_t stored)
{
    size_t i = (size_t)stored & (self->n_slots - 1);
    while (self->slots[i] != 0 && self->slots[i] != stored) {
        i = (i + 1) & (self->n_slots - 1);
    }
    return &self->slots[i];
}

static bool grow(struct hash_set *self)
{
    struct hash_set larger = {.n_slots = self->n_slots == 0 ? FIRST_SLOTS : 2 * self->n_slots,
                              .n = self->n};
    larger.slots = calloc(larger.n_slots, sizeof(*larger.slots));
    if (larger.slots == NULL) {
        return false;
    }
    for (size_t i = 0; i < self->n_slots; i++) {
        if (self->slots[i] != 0) {
            *find(&larger, self->slots[i]) = self->slots[i];
        }
    }
    free(self->slots);
    *self = larger;
    return true;
}

bool hash_set_add(struct hash_set *self, uint64_t hash, bool *is_new)
{
    if (2 * self->n >= self->n_slots && !grow(self)) {
        return false;
    }
    uint64_t *slot = find(self, as_stored(hash));
    *is_new = *slot == 0;
    *slot = as_stored(hash);
    self->n += *is_new;
    return true;
}

bool hash_set_has(const struct hash_set *self, uint64_t hash)
{
    return self->n_slots > 0 && *find(self, as_stored(hash)) != 0;
}

void hash_set_free(struct hash_set *self)
{
    free(self->slots);
    *self = (struct hash_set){0};
}
