#include "statectl/rpc_describe.h"

#include "statectl/json.h"
#include "statectl/memory.h"
#include "statectl/message_json.h"
#include "statectl/methods.h"
#include "statectl/output.h"
#include "statectl/table.h"

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *scalar_name(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_BOOL:
        return "bool";
    case PROTOBUF_C_TYPE_UINT32:
        return "uint32";
    case PROTOBUF_C_TYPE_UINT64:
        return "uint64";
    case PROTOBUF_C_TYPE_FIXED64:
        return "fixed64";
    case PROTOBUF_C_TYPE_SINT64:
        return "sint64";
    case PROTOBUF_C_TYPE_STRING:
        return "string";
    case PROTOBUF_C_TYPE_BYTES:
        return "bytes";
    case PROTOBUF_C_TYPE_ENUM:
        return ((const ProtobufCEnumDescriptor *)field->descriptor)->short_name;
    case PROTOBUF_C_TYPE_MESSAGE:
        return ((const ProtobufCMessageDescriptor *)field->descriptor)->short_name;
    default:
        return "?";
    }
}

static bool is_one_of(const ProtobufCFieldDescriptor *left, const ProtobufCFieldDescriptor *right)
{
    return (left->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 &&
           (right->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 &&
           left->quantifier_offset == right->quantifier_offset;
}

/* What else is to be known of a field: which values it takes, what it excludes. To free. */
static char *note_of(const ProtobufCMessageDescriptor *type, const ProtobufCFieldDescriptor *field)
{
    char *text = NULL;
    size_t size;
    FILE *out = memory_check(open_memstream(&text, &size));
    if (field->type == PROTOBUF_C_TYPE_ENUM) {
        const ProtobufCEnumDescriptor *values = field->descriptor;
        for (unsigned i = 0; i < values->n_values; i++) {
            json_t *name = message_json_enum(values, values->values[i].value);
            fprintf(out, "%s%s", i > 0 ? ", " : "", json_string_value(name));
            json_decref(name);
        }
    }
    const char *lead = "instead of ";
    for (unsigned i = 0; i < type->n_fields; i++) {
        if (&type->fields[i] != field && is_one_of(&type->fields[i], field)) {
            fprintf(out, "%s%s", lead, type->fields[i].name);
            lead = ", ";
        }
    }
    memory_check(fclose(out) == 0 ? text : NULL);
    return text;
}

/* The fields, and below each message its own: there are no recursive types in the contract. */
static void add_fields(struct table *table, const ProtobufCMessageDescriptor *type, int depth)
{
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        bool is_list = field->label == PROTOBUF_C_LABEL_REPEATED;
        table_format(table, "%*s%s", 2 * depth, "", field->name);
        table_format(table, "%s%s", is_list ? "list of " : "", scalar_name(field));
        table_add(table, note_of(type, field));
        if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
            add_fields(table, field->descriptor, depth + 1);
        }
    }
}

static void print_message(const char *title, const ProtobufCMessageDescriptor *type)
{
    struct table table;
    printf("%s%s%s  %s%s\n", output_bold(), title, output_plain(), type->name,
           type->n_fields == 0 ? ", which has no fields" : "");
    table_init(&table, NULL, 3);
    add_fields(&table, type, 1);
    table_flush(&table);
    table_deinit(&table);
}

void rpc_describe_print(const struct stated_client_method *method)
{
    printf("%smethod%s  %s\n", output_bold(), output_plain(), method->name);
    printf("%saccess%s  %s\n", output_bold(), output_plain(), methods_access(method->access));
    print_message("request", method->request);
    print_message("response", method->response);
}

static json_t *message_fields(const ProtobufCMessageDescriptor *type)
{
    json_t *list = json_new_array();
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        json_t *object = json_new_object();
        json_set(object, "name", json_string(field->name));
        json_set(object, "type", json_string(scalar_name(field)));
        json_set(object, "list", json_boolean(field->label == PROTOBUF_C_LABEL_REPEATED));
        char *note = note_of(type, field);
        if (note[0] != '\0') {
            json_set(object, "note", json_string(note));
        }
        free(note);
        if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
            json_set(object, "fields", message_fields(field->descriptor));
        }
        json_append(list, object);
    }
    return list;
}

json_t *rpc_describe_json(const struct stated_client_method *method)
{
    json_t *object = json_new_object();
    json_set(object, "method", json_string(method->name));
    json_set(object, "access", json_string(methods_access(method->access)));
    json_set(object, "request", json_string(method->request->name));
    json_set(object, "request_fields", message_fields(method->request));
    json_set(object, "response", json_string(method->response->name));
    json_set(object, "response_fields", message_fields(method->response));
    return object;
}
