/* Protobuf's wire format, as far as the frame codec needs it: writing fields, walking over them.
   (Source: protobuf.dev/programming-guides/encoding.) Pure. */
#ifndef STATED_PROTO_WIRE_H
#define STATED_PROTO_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

/* Field numbers up to 15, so that a tag is one byte. */
#define WIRE_TAG(number, type) ((uint8_t)((number) << 3 | (type)))

/* Bytes of a varint, 1 to 10. */
static inline size_t wire_varint_size(uint64_t value)
{
    unsigned bits = 64u - (unsigned)__builtin_clzll(value | 1);
    return (bits * 9 + 64) / 64;
}

/* Bytes of a varint field; proto3 leaves a zero away. */
static inline size_t wire_number_size(uint64_t value)
{
    return value == 0 ? 0 : 1 + wire_varint_size(value);
}

/* Bytes of a bytes, string or message field of this length, even an empty one. */
static inline size_t wire_bytes_size(size_t length)
{
    return 1 + wire_varint_size(length) + length;
}

/* The writers return the end of what they wrote. */
static inline uint8_t *wire_put_varint(uint8_t *out, uint64_t value)
{
    while (value >= 0x80) {
        *out++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *out++ = (uint8_t)value;
    return out;
}

static inline uint8_t *wire_put_number(uint8_t *out, uint8_t number, uint64_t value)
{
    if (value == 0) {
        return out;
    }
    *out++ = WIRE_TAG(number, WIRE_VARINT);
    return wire_put_varint(out, value);
}

static inline uint8_t *wire_put_fixed64(uint8_t *out, uint8_t number, uint64_t value)
{
    *out++ = WIRE_TAG(number, WIRE_FIXED64);
    for (int shift = 0; shift < 64; shift += 8) {
        *out++ = (uint8_t)(value >> shift);
    }
    return out;
}

/* Tag and length; the caller writes the content. */
static inline uint8_t *wire_put_length(uint8_t *out, uint8_t number, size_t length)
{
    *out++ = WIRE_TAG(number, WIRE_BYTES);
    return wire_put_varint(out, length);
}

static inline uint8_t *wire_put_bytes(uint8_t *out, uint8_t number, const void *data, size_t length)
{
    out = wire_put_length(out, number, length);
    if (length > 0) {
        memcpy(out, data, length);
    }
    return out + length;
}

/* Walks over the fields of one message, without looking into them. */
struct wire_reader {
    const uint8_t *start, *next, *end;
};

struct wire_field {
    size_t offset; /* of the tag, in the message */
    uint32_t number;
    enum wire_type type;
    const uint8_t *data; /* of a WIRE_BYTES field: its content, in the message */
    size_t length;
    uint64_t value; /* of a WIRE_VARINT or WIRE_FIXED64 field */
};

enum wire_result { WIRE_FIELD, WIRE_END, WIRE_MALFORMED };

static inline struct wire_reader wire_reader_init(const uint8_t *data, size_t length)
{
    return (struct wire_reader){data, data, length ? data + length : data};
}

/* The next field. WIRE_MALFORMED: a varint or a length that runs over the end, a field number or
   a wire type that does not exist (groups among them); field->offset says where. */
enum wire_result wire_next(struct wire_reader *self, struct wire_field *field);

#endif
