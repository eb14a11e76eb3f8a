/* What a batch is made of: the request it becomes, with everything that points at in one arena. */
#ifndef STATED_CLIENT_KV_BATCH_H
#define STATED_CLIENT_KV_BATCH_H

#include "kv_arena.h"

#include "stated/kv.h"
#include "stated/v1/state.pb-c.h"

#include <stddef.h>

struct stated_kv_batch {
    struct kv_arena arena; /* of the request; but its two lists are malloc's */
    Stated__V1__WriteRequest request;
    size_t guards_room;
    size_t mutations_room;
    struct stated_status failure; /* the first thing that went wrong while it was filled */

    struct kv_arena current_arena; /* of what follows */
    struct stated_kv_entry **current;
    size_t n_current;
};

/* Forgets how the guarded keys were found. */
void kv_batch_forget_current(struct stated_kv_batch *self);

#endif
