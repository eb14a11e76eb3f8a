/* Every key that a log of calls names or shows, sorted: the universe the order oracle replays in.
 */
#ifndef STATED_ORDER_KEY_SET_H
#define STATED_ORDER_KEY_SET_H

#include "order/call_log.h"

#include "stated/status.h"

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Owns the array; the bytes stay the log's. */
struct key_set {
    ProtobufCBinaryData *keys;
    size_t n;
};

/* Byte order, a prefix first: below, equal to or above 0 as with memcmp. Any thread. */
int binary_compare(ProtobufCBinaryData left, ProtobufCBinaryData right);

/* Whether the bytes are the same. Any thread. */
bool binary_equal(ProtobufCBinaryData left, ProtobufCBinaryData right);

/* The keys of the log, each once. False when memory is out. */
bool key_set_init(struct key_set *self, const struct call_log *log) STATED_MUST_USE;

/* Frees the array. */
void key_set_deinit(struct key_set *self);

/* The index of a key that is in the set. Any thread. */
uint32_t key_set_find(const struct key_set *self, ProtobufCBinaryData key);

#endif
