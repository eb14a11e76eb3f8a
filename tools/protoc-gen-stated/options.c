#include "options.h"

#include "wire.h"

#define ACCESS_FIELD 50610
#define PB_C_FILE_FIELD 1019
#define C_PACKAGE_FIELD 6

/* The value of a varint whose bytes are known to be well-formed: protoc wrote them. */
static uint64_t varint_value(const uint8_t *data, size_t length)
{
    uint64_t value = 0;
    for (size_t i = 0; i < length && i < 10; i++) {
        value |= (uint64_t)(data[i] & 0x7F) << (7 * i);
    }
    return value;
}

bool options_access(const Google__Protobuf__MethodOptions *options, uint64_t *number)
{
    bool found = false;
    for (unsigned i = 0; options && i < options->base.n_unknown_fields; i++) {
        const ProtobufCMessageUnknownField *field = &options->base.unknown_fields[i];
        if (field->tag != ACCESS_FIELD || field->wire_type != PROTOBUF_C_WIRE_TYPE_VARINT) {
            continue;
        }
        *number = varint_value(field->data, field->len);
        found = true;
    }
    return found;
}

/* data: the content of a ProtobufCFileOptions. */
static char *find_c_package(struct pool *pool, const uint8_t *data, size_t length)
{
    char *found = NULL;
    struct wire_reader reader = wire_reader_init(data, length);
    struct wire_field field;
    while (wire_next(&reader, &field) == WIRE_FIELD) {
        if (field.number == C_PACKAGE_FIELD && field.type == WIRE_BYTES) {
            found = pool_printf(pool, "%.*s", (int)field.length, (const char *)field.data);
        }
    }
    return found;
}

char *options_c_package(struct pool *pool, const Google__Protobuf__FileOptions *options)
{
    char *found = NULL;
    for (unsigned i = 0; options && i < options->base.n_unknown_fields; i++) {
        const ProtobufCMessageUnknownField *field = &options->base.unknown_fields[i];
        if (field->tag != PB_C_FILE_FIELD ||
            field->wire_type != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED) {
            continue;
        }
        size_t prefix = 0; /* protobuf-c keeps the length in front of the content */
        while (prefix < field->len && field->data[prefix] >= 0x80) {
            prefix++;
        }
        if (prefix < field->len) {
            found = find_c_package(pool, field->data + prefix + 1, field->len - prefix - 1);
        }
    }
    return found;
}
