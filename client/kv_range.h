/* Which keys a request is about. */
#ifndef STATED_CLIENT_KV_RANGE_H
#define STATED_CLIENT_KV_RANGE_H

#include "stated/kv.h"
#include "stated/v1/state.pb-c.h"

#include <stddef.h>
#include <stdint.h>

/* A selector and what it points at; not to be moved once filled. */
struct kv_selector {
    Stated__V1__Selector selector;
    Stated__V1__Range range;
};

/* Selects one key. */
void kv_select_key(struct kv_selector *self, struct stated_bytes key);

/* Selects a range; NULL: every key. INVALID_ARGUMENT for one of both kinds, and for bytes without
   data. */
enum stated_code kv_select_range(struct kv_selector *self, const struct stated_kv_range *range,
                                 struct stated_status *status) STATED_MUST_USE;

/* What the bytes of a range, which may be NULL, take. */
size_t kv_range_bytes(const struct stated_kv_range *range);

/* Becomes a copy of a selector of a range that points to copies of its bytes, for which there is
   room. */
void kv_selector_copy(struct kv_selector *self, const struct kv_selector *from, uint8_t *room);

#endif
