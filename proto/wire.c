#include "wire.h"

#include <stdbool.h>

#define MAX_TAG_BYTES 5
#define MAX_VARINT_BYTES 10

static bool read_varint(struct wire_reader *self, size_t max_bytes, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < max_bytes && self->next < self->end; i++) {
        uint8_t byte = *self->next++;
        *value |= (uint64_t)(byte & 0x7F) << (7 * i);
        if (byte < 0x80) {
            return true;
        }
    }
    return false;
}

static bool skip(struct wire_reader *self, uint64_t length)
{
    if (length > (uint64_t)(self->end - self->next)) {
        return false;
    }
    self->next += length;
    return true;
}

static bool read_fixed64(struct wire_reader *self, uint64_t *value)
{
    const uint8_t *data = self->next;
    if (!skip(self, 8)) {
        return false;
    }
    *value = 0;
    for (int i = 0; i < 8; i++) {
        *value |= (uint64_t)data[i] << (8 * i);
    }
    return true;
}

static bool read_content(struct wire_reader *self, struct wire_field *field)
{
    uint64_t value;
    switch (field->type) {
    case WIRE_VARINT:
        return read_varint(self, MAX_VARINT_BYTES, &field->value);
    case WIRE_FIXED64:
        return read_fixed64(self, &field->value);
    case WIRE_FIXED32:
        return skip(self, 4);
    case WIRE_BYTES:
        if (!read_varint(self, MAX_TAG_BYTES, &value)) {
            return false;
        }
        field->data = self->next;
        field->length = (size_t)value;
        return skip(self, value);
    }
    return false;
}

enum wire_result wire_next(struct wire_reader *self, struct wire_field *field)
{
    if (self->next == self->end) {
        return WIRE_END;
    }
    uint64_t tag;
    *field = (struct wire_field){.offset = (size_t)(self->next - self->start)};
    if (!read_varint(self, MAX_TAG_BYTES, &tag) || tag > UINT32_MAX || tag >> 3 == 0) {
        return WIRE_MALFORMED;
    }
    field->number = (uint32_t)(tag >> 3);
    field->type = (enum wire_type)(tag & 7);
    return read_content(self, field) ? WIRE_FIELD : WIRE_MALFORMED;
}
