/* The generator's memory: one pool for a run, given back at once; running out ends the program. */
#ifndef STATED_GENERATOR_POOL_H
#define STATED_GENERATOR_POOL_H

#include "stated/status.h"

#include <stddef.h>

struct pool_block;

struct pool {
    struct pool_block *blocks;
};

/* Frees everything that came from the pool, which is empty then. */
void pool_deinit(struct pool *self);

/* Zeroed, aligned for any type; never NULL: the program ends with a message instead. */
void *pool_alloc(struct pool *self, size_t size);

/* A formatted string, printf style; never NULL. */
char *pool_printf(struct pool *self, const char *format, ...) STATED_PRINTF(2, 3);

/* Text that grows at its end. `data` is NUL-terminated, or NULL while nothing has been added. */
struct text {
    struct pool *pool;
    char *data;
    size_t length;
    size_t capacity;
};

/* Adds formatted text, printf style. */
void text_add(struct text *self, const char *format, ...) STATED_PRINTF(2, 3);

#endif
