/* What a request of the state service must look like before any engine sees it. */
#ifndef STATED_STATE_VALIDATE_H
#define STATED_STATE_VALIDATE_H

#include "rpc/arena.h"

#include "stated/status.h"
#include "stated/v1/state.pb-c.h"

#include <stdbool.h>

/* Bounds of the contract and of one request. */
enum {
    VALIDATE_MAX_KEY_BYTES = 480,
    /* One more, so that a range can end right behind the longest key. */
    VALIDATE_MAX_BOUND_BYTES = VALIDATE_MAX_KEY_BYTES + 1,
    VALIDATE_MAX_SELECTORS = 4096,
    VALIDATE_MAX_GUARDS = 4096,
    VALIDATE_MAX_MUTATIONS = 4096,
    VALIDATE_MAX_LIGHT_SELECTORS = 16,
};

/* OK when the engine may run the read; else INVALID_ARGUMENT and *message (in the arena, or static)
   says which part is wrong, with the value and the bound. Refused: no or too many selectors, a
   selector without kind, keys out of bounds, a range that ends before it starts, an unknown
   consistency, and `after` unless it continues exactly one prefix or range: with several selectors
   it could not say which one it means. Any thread; does not block. */
enum stated_code validate_read(const Stated__V1__ReadRequest *request, struct arena *arena,
                               const char **message) STATED_MUST_USE;

/* The same for a write. Refused: too many guards or mutations, a guard without condition, a
   mutation without kind or with a malformed key or selector, and two mutations that touch a same
   key: what such a write should mean would depend on their order. Several guards on one key are
   fine. A write without mutations is a check of its guards. RESOURCE_EXHAUSTED when the arena gives
   out. Any thread; does not block; O(n log n). */
enum stated_code validate_write(const Stated__V1__WriteRequest *request, struct arena *arena,
                                const char **message) STATED_MUST_USE;

/* The same for a watch: one well-formed selector. */
enum stated_code validate_watch(const Stated__V1__WatchRequest *request, struct arena *arena,
                                const char **message) STATED_MUST_USE;

/* True for a read whose cost is small and bounded: a few keys by name, no prefix, no range. */
bool validate_read_is_light(const Stated__V1__ReadRequest *request) STATED_MUST_USE;

#endif
