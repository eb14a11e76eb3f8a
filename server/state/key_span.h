/* The keys a selector selects, as bounds in key order: plain bytes, the shorter of two first when
   one continues the other. */
#ifndef STATED_STATE_KEY_SPAN_H
#define STATED_STATE_KEY_SPAN_H

#include "stated/v1/state.pb-c.h"

#include <stdbool.h>

enum key_span_end {
    KEY_SPAN_POINT,  /* start alone */
    KEY_SPAN_PREFIX, /* what begins with start */
    KEY_SPAN_BEFORE, /* up to, without, `end` */
    KEY_SPAN_OPEN,   /* to the last key */
};

/* Borrows the selector's bytes. */
struct key_span {
    ProtobufCBinaryData start;
    ProtobufCBinaryData end; /* with KEY_SPAN_BEFORE */
    enum key_span_end kind;
};

/* Key order: negative, 0 or positive. */
int key_compare(const ProtobufCBinaryData *a, const ProtobufCBinaryData *b);

/* The span of one key. */
struct key_span key_span_of_key(ProtobufCBinaryData key);

/* The span of a selector, which must be valid (validate.h). */
struct key_span key_span_of_selector(const Stated__V1__Selector *selector);

/* True when no key can be in it: a range that ends where it starts. */
bool key_span_is_empty(const struct key_span *self);

/* True when `key`, which is not before the span's start, is in the span. */
bool key_span_reaches(const struct key_span *self, const ProtobufCBinaryData *key);

#endif
