/* A set of 64-bit hashes that grows. */
#ifndef STATED_ENGINE_HASH_SET_H
#define STATED_ENGINE_HASH_SET_H

#include "stated/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed: empty. */
struct hash_set {
    uint64_t *slots; /* 0: free */
    size_t n_slots;  /* a power of two */
    size_t n;
};

/* Adds the hash; *is_new tells whether it was not there. False when memory is out. */
bool hash_set_add(struct hash_set *self, uint64_t hash, bool *is_new) STATED_MUST_USE;

/* Whether the hash was added. */
bool hash_set_has(const struct hash_set *self, uint64_t hash);

/* Frees its memory; it is empty again. */
void hash_set_free(struct hash_set *self);

#endif
