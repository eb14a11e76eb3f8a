#include "state/key_span.h"

#include <string.h>

int key_compare(const ProtobufCBinaryData *a, const ProtobufCBinaryData *b)
{
    size_t common = a->len < b->len ? a->len : b->len;
    int order = common == 0 ? 0 : memcmp(a->data, b->data, common);
    if (order != 0) {
        return order;
    }
    return (a->len > b->len) - (a->len < b->len);
}

struct key_span key_span_of_key(ProtobufCBinaryData key)
{
    return (struct key_span){.start = key, .kind = KEY_SPAN_POINT};
}

struct key_span key_span_of_selector(const Stated__V1__Selector *selector)
{
    if (selector->kind_case == STATED__V1__SELECTOR__KIND_KEY) {
        return key_span_of_key(selector->key);
    }
    if (selector->kind_case == STATED__V1__SELECTOR__KIND_PREFIX) {
        return (struct key_span){.start = selector->prefix, .kind = KEY_SPAN_PREFIX};
    }
    const Stated__V1__Range *range = selector->range;
    return (struct key_span){
        .start = range->start,
        .end = range->end,
        .kind = range->end.len == 0 ? KEY_SPAN_OPEN : KEY_SPAN_BEFORE,
    };
}

bool key_span_is_empty(const struct key_span *self)
{
    return self->kind == KEY_SPAN_BEFORE && key_compare(&self->start, &self->end) >= 0;
}

bool key_span_reaches(const struct key_span *self, const ProtobufCBinaryData *key)
{
    switch (self->kind) {
    case KEY_SPAN_POINT:
        return key_compare(key, &self->start) == 0;
    case KEY_SPAN_PREFIX:
        return key->len >= self->start.len &&
               (self->start.len == 0 || memcmp(key->data, self->start.data, self->start.len) == 0);
    case KEY_SPAN_BEFORE:
        return key_compare(key, &self->end) < 0;
    case KEY_SPAN_OPEN:
        return true;
    }
    return false;
}
