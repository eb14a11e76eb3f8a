/* A walk over the document with the descriptors beside it. Where it stands is kept as a path, for
   the errors: "mutations[1].put.value". */
#include "statectl/message_parse.h"

#include "statectl/base64.h"
#include "statectl/memory.h"
#include "statectl/message_json.h"
#include "statectl/suggest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { PATH_BYTES = 128, MAX_FIELDS = 32 };

static const char base64_suffix[] = "_base64";

struct walk {
    char path[PATH_BYTES];
    char *problem;
};

static bool refuse(struct walk *self, const char *format, ...) STATED_PRINTF(2, 3);

static bool refuse(struct walk *self, const char *format, ...)
{
    va_list arguments;
    int used = 0;
    if (self->path[0] != '\0') {
        used = snprintf(self->problem, MESSAGE_PROBLEM_BYTES, "%s: ", self->path);
    }
    va_start(arguments, format);
    vsnprintf(self->problem + used, (size_t)(MESSAGE_PROBLEM_BYTES - used), format, arguments);
    va_end(arguments);
    return false;
}

/* Steps into a member; returns where to cut the path to step out again. */
static size_t step_in(struct walk *self, const char *name)
{
    size_t length = strlen(self->path);
    snprintf(self->path + length, sizeof self->path - length, "%s%s", length > 0 ? "." : "", name);
    return length;
}

static bool parse_bool(struct walk *self, const json_t *value, void *at)
{
    if (!json_is_boolean(value)) {
        return refuse(self, "expected true or false");
    }
    *(protobuf_c_boolean *)at = json_is_true(value);
    return true;
}

/* Whether text names the value: whole, or without the type's name in front; in any case. */
static bool names(const ProtobufCEnumDescriptor *type, const char *value, const char *text)
{
    size_t prefix = strlen(type->short_name);
    bool has_prefix = strncasecmp(value, type->short_name, prefix) == 0 && value[prefix] == '_';
    return strcasecmp(value, text) == 0 ||
           (has_prefix && strcasecmp(value + prefix + 1, text) == 0);
}

static bool parse_enum(struct walk *self, const ProtobufCEnumDescriptor *type, const json_t *value,
                       void *at)
{
    const char *text = json_string_value(value);
    for (unsigned i = 0; text != NULL && i < type->n_values; i++) {
        if (names(type, type->values[i].name, text)) {
            *(int *)at = type->values[i].value;
            return true;
        }
    }
    json_int_t number = json_integer_value(value);
    if (json_is_integer(value) && number >= INT32_MIN && number <= INT32_MAX) {
        *(int *)at = (int)number;
        return true;
    }
    char known[MESSAGE_PROBLEM_BYTES / 2] = "";
    for (unsigned i = 0; i < type->n_values; i++) {
        size_t used = strlen(known);
        json_t *name = message_json_enum(type, type->values[i].value);
        snprintf(known + used, sizeof known - used, "%s%s", i > 0 ? ", " : "",
                 json_string_value(name));
        json_decref(name);
    }
    return refuse(self, "expected one of %s", known);
}

/* The text of a number that may be in a string, for strtoull and strtoll. */
static const char *number_text(const json_t *value, char buffer[32])
{
    if (json_is_integer(value)) {
        snprintf(buffer, 32, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return buffer;
    }
    const char *text = json_string_value(value);
    return text != NULL && text[0] != '\0' && text[0] != ' ' ? text : "?";
}

static bool parse_unsigned(struct walk *self, const json_t *value, uint64_t most, int base,
                           uint64_t *number)
{
    char buffer[32];
    char *end;
    const char *text = number_text(value, buffer);
    errno = 0;
    *number = strtoull(text, &end, json_is_integer(value) ? 10 : base);
    if (*end != '\0' || errno != 0 || text[0] == '-' || *number > most) {
        return base == 16 ? refuse(self, "expected a number, or hexadecimal digits in a string")
                          : refuse(self, "expected a whole number from 0 to %" PRIu64, most);
    }
    return true;
}

static bool parse_signed(struct walk *self, const json_t *value, int64_t *number)
{
    char buffer[32];
    char *end;
    errno = 0;
    *number = strtoll(number_text(value, buffer), &end, 10);
    if (*end != '\0' || errno != 0) {
        return refuse(self, "expected a whole number from %" PRId64 " to %" PRId64, INT64_MIN,
                      INT64_MAX);
    }
    return true;
}

static bool parse_string(struct walk *self, const json_t *value, void *at)
{
    if (!json_is_string(value)) {
        return refuse(self, "expected a string");
    }
    if (strlen(json_string_value(value)) != json_string_length(value)) {
        return refuse(self, "expected a string without NUL");
    }
    *(char **)at = memory_check(strdup(json_string_value(value)));
    return true;
}

static bool parse_bytes(struct walk *self, const json_t *value, bool is_base64, void *at)
{
    ProtobufCBinaryData *bytes = at;
    if (!json_is_string(value)) {
        return refuse(self, is_base64 ? "expected a string of base64" : "expected a string");
    }
    size_t length = json_string_length(value);
    bytes->data = memory_new(length + 1, 1);
    bytes->len = length;
    if (!is_base64) {
        memcpy(bytes->data, json_string_value(value), length);
    } else if (!base64_decode(json_string_value(value), length, bytes->data, &bytes->len)) {
        return refuse(self, "this is not base64");
    }
    return true;
}

static bool parse_message(struct walk *self, const ProtobufCMessageDescriptor *type,
                          const json_t *object, ProtobufCMessage *message);

static bool parse_submessage(struct walk *self, const ProtobufCFieldDescriptor *field,
                             const json_t *value, void *at)
{
    const ProtobufCMessageDescriptor *type = field->descriptor;
    ProtobufCMessage *message = memory_new(1, type->sizeof_message);
    protobuf_c_message_init(type, message);
    *(ProtobufCMessage **)at = message;
    return parse_message(self, type, value, message);
}

/* One element of a field. What it has allocated is in place, for the message's owner to free, also
   when it fails. */
static bool parse_element(struct walk *self, const ProtobufCFieldDescriptor *field,
                          const json_t *value, bool is_base64, void *at)
{
    uint64_t number;
    switch (field->type) {
    case PROTOBUF_C_TYPE_BOOL:
        return parse_bool(self, value, at);
    case PROTOBUF_C_TYPE_ENUM:
        return parse_enum(self, field->descriptor, value, at);
    case PROTOBUF_C_TYPE_UINT32:
        if (!parse_unsigned(self, value, UINT32_MAX, 10, &number)) {
            return false;
        }
        *(uint32_t *)at = (uint32_t)number;
        return true;
    case PROTOBUF_C_TYPE_UINT64:
        return parse_unsigned(self, value, UINT64_MAX, 10, at);
    case PROTOBUF_C_TYPE_FIXED64:
        return parse_unsigned(self, value, UINT64_MAX, 16, at);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
        return parse_signed(self, value, at);
    case PROTOBUF_C_TYPE_STRING:
        return parse_string(self, value, at);
    case PROTOBUF_C_TYPE_BYTES:
        return parse_bytes(self, value, is_base64, at);
    case PROTOBUF_C_TYPE_MESSAGE:
        return parse_submessage(self, field, value, at);
    default:
        return refuse(self, "statectl has no JSON for fields of this type");
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
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    default:
        return sizeof(uint64_t); /* pointers too */
    }
}

static bool parse_list(struct walk *self, const ProtobufCFieldDescriptor *field,
                       const json_t *value, bool is_base64, uint8_t *base)
{
    if (!json_is_array(value)) {
        return refuse(self, "expected a list");
    }
    size_t n = json_array_size(value);
    size_t length = strlen(self->path);
    size_t *count = (void *)(base + field->quantifier_offset);
    uint8_t *elements = memory_new(n + 1, element_size(field));
    *(uint8_t **)(void *)(base + field->offset) = elements;
    for (size_t i = 0; i < n; i++) {
        snprintf(self->path + length, sizeof self->path - length, "[%zu]", i);
        *count = i + 1;
        if (!parse_element(self, field, json_array_get(value, i), is_base64,
                           elements + i * element_size(field))) {
            return false;
        }
    }
    self->path[length] = '\0';
    return true;
}

/* The field that a member is for; *is_base64 when its name says so. NULL after saying that there is
   none. */
static const ProtobufCFieldDescriptor *find_field(struct walk *self,
                                                  const ProtobufCMessageDescriptor *type,
                                                  const char *name, bool *is_base64)
{
    const char *known[MAX_FIELDS] = {NULL};
    unsigned n = type->n_fields < MAX_FIELDS ? type->n_fields : MAX_FIELDS;
    for (unsigned i = 0; i < n; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        size_t length = strlen(field->name);
        known[i] = field->name;
        *is_base64 = field->type == PROTOBUF_C_TYPE_BYTES &&
                     strncmp(name, field->name, length) == 0 &&
                     strcmp(name + length, base64_suffix) == 0;
        if (*is_base64 || strcmp(name, field->name) == 0) {
            return field;
        }
    }
    const char *similar = suggest(name, known, n);
    char all[MESSAGE_PROBLEM_BYTES / 2] = "";
    for (unsigned i = 0; i < n; i++) {
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", i > 0 ? ", " : "", known[i]);
    }
    if (similar != NULL) {
        refuse(self, "%s has no member \"%.40s\"; did you mean \"%s\"?", type->short_name, name,
               similar);
    } else {
        refuse(self, "%s has no member \"%.40s\"; it has %s", type->short_name, name,
               n > 0 ? all : "none");
    }
    return NULL;
}

/* One member of the object into its field. given tells which fields were there before. */
static bool parse_member(struct walk *self, const ProtobufCFieldDescriptor *field,
                         const json_t *value, bool is_base64, ProtobufCMessage *message)
{
    uint8_t *base = (uint8_t *)message;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        return *(void **)(void *)(base + field->offset) == NULL
                   ? parse_list(self, field, value, is_base64, base)
                   : refuse(self, "given twice");
    }
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        uint32_t *which = (void *)(base + field->quantifier_offset);
        const ProtobufCFieldDescriptor *other =
            protobuf_c_message_descriptor_get_field(message->descriptor, *which);
        if (other != NULL) {
            return refuse(self, "\"%s\" is there already, and they exclude each other",
                          other->name);
        }
        /* What the members of the union share is theirs to fill. */
        memset(base + field->offset, 0, element_size(field));
        *which = field->id;
    } else if (field->type == PROTOBUF_C_TYPE_BYTES &&
               ((ProtobufCBinaryData *)(void *)(base + field->offset))->data != NULL) {
        return refuse(self, "given both as text and in base64");
    }
    return parse_element(self, field, value, is_base64, base + field->offset);
}

static bool parse_message(struct walk *self, const ProtobufCMessageDescriptor *type,
                          const json_t *object, ProtobufCMessage *message)
{
    const char *name;
    json_t *value;
    if (!json_is_object(object)) {
        return refuse(self, "expected an object, a %s", type->short_name);
    }
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        bool is_base64;
        const ProtobufCFieldDescriptor *field = find_field(self, type, name, &is_base64);
        if (field == NULL) {
            return false;
        }
        size_t outside = step_in(self, name);
        if (!json_is_null(value) && !parse_member(self, field, value, is_base64, message)) {
            return false;
        }
        self->path[outside] = '\0';
    }
    return true;
}

bool message_parse(const ProtobufCMessageDescriptor *type, const json_t *document,
                   ProtobufCMessage **message, char problem[MESSAGE_PROBLEM_BYTES])
{
    struct walk walk = {.path = "", .problem = problem};
    *message = memory_new(1, type->sizeof_message);
    protobuf_c_message_init(type, *message);
    if (!parse_message(&walk, type, document, *message)) {
        protobuf_c_message_free_unpacked(*message, NULL);
        *message = NULL;
        return false;
    }
    return true;
}

bool message_parse_text(const ProtobufCMessageDescriptor *type, ProtobufCBinaryData text,
                        ProtobufCMessage **message, char problem[MESSAGE_PROBLEM_BYTES])
{
    json_error_t error;
    *message = NULL;
    json_t *document =
        json_loadb((const char *)text.data, text.len,
                   JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);
    if (document == NULL) {
        snprintf(problem, MESSAGE_PROBLEM_BYTES, "line %d, column %d: this is not JSON: %s",
                 error.line, error.column, error.text);
        return false;
    }
    bool good = message_parse(type, document, message, problem);
    json_decref(document);
    return good;
}
