#include "kv_range.h"

#include "kv_request.h"

#include <string.h>

void kv_select_key(struct kv_selector *self, struct stated_bytes key)
{
    stated__v1__selector__init(&self->selector);
    self->selector.kind_case = STATED__V1__SELECTOR__KIND_KEY;
    self->selector.key = kv_data(key);
}

enum stated_code kv_select_range(struct kv_selector *self, const struct stated_kv_range *range,
                                 struct stated_status *status)
{
    static const struct stated_kv_range all;
    if (range == NULL) {
        range = &all;
    }
    enum stated_code code = kv_check_bytes(range->prefix, "range.prefix", status);
    code = code == STATED_OK ? kv_check_bytes(range->start, "range.start", status) : code;
    code = code == STATED_OK ? kv_check_bytes(range->end, "range.end", status) : code;
    if (code != STATED_OK) {
        return code;
    }
    stated__v1__selector__init(&self->selector);
    if (range->start.size == 0 && range->end.size == 0) {
        self->selector.kind_case = STATED__V1__SELECTOR__KIND_PREFIX;
        self->selector.prefix = kv_data(range->prefix);
        return STATED_OK;
    }
    if (range->prefix.size > 0) {
        return stated_status_set(status, STATED_INVALID_ARGUMENT,
                                 "the range has a prefix and a start or an end; leave one out");
    }
    stated__v1__range__init(&self->range);
    self->range.start = kv_data(range->start);
    self->range.end = kv_data(range->end);
    self->selector.kind_case = STATED__V1__SELECTOR__KIND_RANGE;
    self->selector.range = &self->range;
    return STATED_OK;
}

size_t kv_range_bytes(const struct stated_kv_range *range)
{
    return range == NULL ? 0 : range->prefix.size + range->start.size + range->end.size;
}

static uint8_t *keep(ProtobufCBinaryData *bytes, uint8_t *room)
{
    if (bytes->len > 0) {
        memcpy(room, bytes->data, bytes->len);
    }
    bytes->data = room;
    return room + bytes->len;
}

void kv_selector_copy(struct kv_selector *self, const struct kv_selector *from, uint8_t *room)
{
    *self = *from;
    if (self->selector.kind_case == STATED__V1__SELECTOR__KIND_PREFIX) {
        keep(&self->selector.prefix, room);
    } else {
        self->selector.range = &self->range;
        keep(&self->range.end, keep(&self->range.start, room));
    }
}
