#include "statectl/json.h"

#include "statectl/base64.h"
#include "statectl/memory.h"
#include "statectl/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names of members have at most so many bytes, with "_base64" and NUL. */
enum { NAME_BYTES = 64, MAX_KEY_BYTES = 480 };

static const char base64_suffix[] = "_base64";

void json_set(json_t *object, const char *name, json_t *value)
{
    memory_check(value);
    if (json_object_set_new_nocheck(object, name, value) != 0) {
        memory_check(NULL);
    }
}

void json_append(json_t *array, json_t *element)
{
    memory_check(element);
    if (json_array_append_new(array, element) != 0) {
        memory_check(NULL);
    }
}

json_t *json_new_object(void)
{
    return memory_check(json_object());
}

json_t *json_new_array(void)
{
    return memory_check(json_array());
}

json_t *json_new_number(uint64_t number)
{
    return memory_check(json_integer((json_int_t)number));
}

void json_set_bytes(json_t *object, const char *name, ProtobufCBinaryData bytes)
{
    if (text_is_utf8(bytes)) {
        const char *text = bytes.len > 0 ? (const char *)bytes.data : "";
        json_set(object, name, json_stringn_nocheck(text, bytes.len));
        return;
    }
    char long_name[NAME_BYTES];
    char *encoded = memory_new(base64_length(bytes.len) + 1, 1);
    snprintf(long_name, sizeof long_name, "%s%s", name, base64_suffix);
    base64_encode(bytes.data, bytes.len, encoded);
    json_set(object, long_name, json_string_nocheck(encoded));
    free(encoded);
}

json_t *json_of_pair(const Stated__V1__Entry *entry)
{
    json_t *object = json_new_object();
    json_set_bytes(object, "key", entry->key);
    json_set_bytes(object, "value", entry->value);
    return object;
}

json_t *json_of_entry(const Stated__V1__Entry *entry, bool has_value)
{
    json_t *object = json_new_object();
    json_set_bytes(object, "key", entry->key);
    if (has_value) {
        json_set_bytes(object, "value", entry->value);
    }
    json_set(object, "create_revision", json_new_number(entry->create_revision));
    json_set(object, "mod_revision", json_new_number(entry->mod_revision));
    json_set(object, "version", json_new_number(entry->version));
    return object;
}

/* What was wrong, for the caller to return. */
static bool refuse(char problem[JSON_PROBLEM_BYTES], const char *format, ...)
    __attribute__((__format__(__printf__, 2, 3)));

static bool refuse(char problem[JSON_PROBLEM_BYTES], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(problem, JSON_PROBLEM_BYTES, format, arguments);
    va_end(arguments);
    return false;
}

/* The first member that no line has; NULL when there is none. */
static const char *unknown_member(json_t *root)
{
    static const char *const known[] = {
        "key", "key_base64", "value", "value_base64", "mod_revision", "version", "create_revision"};
    const char *name;
    json_t *value;
    json_object_foreach(root, name, value)
    {
        size_t i = 0;
        while (i < sizeof known / sizeof known[0] && strcmp(name, known[i]) != 0) {
            i++;
        }
        if (i == sizeof known / sizeof known[0]) {
            return name;
        }
    }
    return NULL;
}

static bool take_bytes(const json_t *root, const char *name, ProtobufCBinaryData *bytes,
                       uint8_t **decoded, char problem[JSON_PROBLEM_BYTES])
{
    char long_name[NAME_BYTES];
    snprintf(long_name, sizeof long_name, "%s%s", name, base64_suffix);
    const json_t *text = json_object_get(root, name);
    const json_t *encoded = json_object_get(root, long_name);
    const json_t *given = text != NULL ? text : encoded;
    if (given == NULL) {
        return refuse(problem, "it has neither \"%s\" nor \"%s\"", name, long_name);
    }
    if (text != NULL && encoded != NULL) {
        return refuse(problem, "it has both \"%s\" and \"%s\"", name, long_name);
    }
    if (!json_is_string(given)) {
        return refuse(problem, "\"%s\" is not a string", text != NULL ? name : long_name);
    }
    size_t length = json_string_length(given);
    if (text != NULL) {
        bytes->data = (uint8_t *)(uintptr_t)json_string_value(text);
        bytes->len = length;
        return true;
    }
    *decoded = memory_new(length / 4 * 3 + 1, 1);
    bytes->data = *decoded;
    if (!base64_decode(json_string_value(encoded), length, *decoded, &bytes->len)) {
        return refuse(problem, "\"%s\" is not base64", long_name);
    }
    return true;
}

static bool take(struct json_pair *self, char problem[JSON_PROBLEM_BYTES])
{
    if (!json_is_object(self->root)) {
        return refuse(problem, "it is not an object like {\"key\":\"a\",\"value\":\"b\"}");
    }
    const char *unknown = unknown_member(self->root);
    if (unknown != NULL) {
        return refuse(problem, "\"%.60s\" is no member of an entry", unknown);
    }
    if (!take_bytes(self->root, "key", &self->key, &self->decoded[0], problem) ||
        !take_bytes(self->root, "value", &self->value, &self->decoded[1], problem)) {
        return false;
    }
    if (self->key.len < 1 || self->key.len > MAX_KEY_BYTES) {
        return refuse(problem, "its key has %zu bytes; a key has 1 to %d", self->key.len,
                      MAX_KEY_BYTES);
    }
    return true;
}

bool json_pair_parse(struct json_pair *self, const char *line, size_t length,
                     char problem[JSON_PROBLEM_BYTES])
{
    const size_t flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY;
    json_error_t error;
    *self = (struct json_pair){.root = json_loadb(line, length, flags, &error)};
    if (self->root == NULL) {
        return refuse(problem, "it is not JSON: %.120s", error.text);
    }
    if (!take(self, problem)) {
        json_pair_free(self);
        return false;
    }
    return true;
}

void json_pair_free(struct json_pair *self)
{
    free(self->decoded[0]);
    free(self->decoded[1]);
    json_decref(self->root);
    *self = (struct json_pair){.root = NULL};
}
