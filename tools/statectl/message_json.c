#include "statectl/message_json.h"

#include "statectl/json.h"
#include "statectl/memory.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { ENUM_NAME_BYTES = 64 };

/* "STATE_READ_ONLY" of the type State as "read_only". */
json_t *message_json_enum(const ProtobufCEnumDescriptor *type, int value)
{
    const ProtobufCEnumValue *named = protobuf_c_enum_descriptor_get_value(type, value);
    char name[ENUM_NAME_BYTES];
    if (named == NULL) {
        return json_integer(value);
    }
    size_t prefix = strlen(type->short_name);
    bool has_prefix = strncasecmp(named->name, type->short_name, prefix) == 0;
    snprintf(name, sizeof name, "%s", named->name + (has_prefix ? prefix + 1 : 0));
    for (char *c = name; *c != '\0'; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    return json_string(name);
}

static json_t *hexadecimal(uint64_t number)
{
    char text[17];
    snprintf(text, sizeof text, "%016" PRIx64, number);
    return json_string(text);
}

/* What one element of the field holds. */
static json_t *element_json(const ProtobufCFieldDescriptor *field, const void *at)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_BOOL:
        return json_boolean(*(const protobuf_c_boolean *)at);
    case PROTOBUF_C_TYPE_ENUM:
        return message_json_enum(field->descriptor, *(const int *)at);
    case PROTOBUF_C_TYPE_UINT32:
        return json_integer(*(const uint32_t *)at);
    case PROTOBUF_C_TYPE_FIXED64:
        return hexadecimal(*(const uint64_t *)at);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_SINT64:
        return json_integer((json_int_t) * (const uint64_t *)at);
    case PROTOBUF_C_TYPE_STRING:
        return json_string(*(char *const *)at);
    case PROTOBUF_C_TYPE_MESSAGE:
        return message_json(*(ProtobufCMessage *const *)at);
    default:
        return json_null();
    }
}

static size_t element_size(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_ENUM:
    case PROTOBUF_C_TYPE_UINT32:
        return sizeof(uint32_t);
    default:
        return sizeof(uint64_t); /* pointers too */
    }
}

static json_t *repeated_json(const ProtobufCFieldDescriptor *field, const uint8_t *base)
{
    size_t n = *(const size_t *)(const void *)(base + field->quantifier_offset);
    const uint8_t *const *elements = (const void *)(base + field->offset);
    json_t *list = json_new_array();
    for (size_t i = 0; i < n; i++) {
        json_append(list, element_json(field, *elements + i * element_size(field)));
    }
    return list;
}

/* Whether it is in a oneof that holds another one of its fields, or none. */
static bool is_unchosen(const ProtobufCFieldDescriptor *field, const uint8_t *base)
{
    return (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 &&
           *(const uint32_t *)(const void *)(base + field->quantifier_offset) != field->id;
}

json_t *message_json(const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;
    const uint8_t *base = (const uint8_t *)message;
    json_t *object = json_new_object();
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        const void *at = base + field->offset;
        if (is_unchosen(field, base)) {
            continue;
        }
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            json_set(object, field->name, repeated_json(field, base));
        } else if (field->type == PROTOBUF_C_TYPE_BYTES) {
            json_set_bytes(object, field->name, *(const ProtobufCBinaryData *)at);
        } else if (field->type != PROTOBUF_C_TYPE_MESSAGE ||
                   *(ProtobufCMessage *const *)at != NULL) {
            json_set(object, field->name, element_json(field, at));
        }
    }
    return object;
}
