/* Entries as JSON and back. Bytes that are UTF-8 are a string under their name, any others base64
   under NAME_base64. */
#ifndef STATED_STATECTL_JSON_H
#define STATED_STATECTL_JSON_H

#include "stated/v1/state.pb-c.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Sets the member for these bytes. */
void json_set_bytes(json_t *object, const char *name, ProtobufCBinaryData bytes);

/* Sets the member; value is the object's from now on. Ends the process when memory is out. */
void json_set(json_t *object, const char *name, json_t *value);

/* Appends the element, as json_set does. */
void json_append(json_t *array, json_t *element);

/* An empty object, list or a number. To decref. Ends the process when memory is out. */
json_t *json_new_object(void);
json_t *json_new_array(void);
json_t *json_new_number(uint64_t number);

/* Key and value, as export writes them. To decref. */
json_t *json_of_pair(const Stated__V1__Entry *entry);

/* The same with revisions and version, without the value when it was not asked for. To decref. */
json_t *json_of_entry(const Stated__V1__Entry *entry, bool has_value);

/* A line of an import. Owns what key and value point to. */
struct json_pair {
    ProtobufCBinaryData key;
    ProtobufCBinaryData value;
    json_t *root;
    uint8_t *decoded[2];
};

/* Room for what is wrong with a line. */
#define JSON_PROBLEM_BYTES 160

/* Reads a line as json_of_pair and json_of_entry write it. False when it is not one, and problem
   says why; then there is nothing to free. */
bool json_pair_parse(struct json_pair *self, const char *line, size_t length,
                     char problem[JSON_PROBLEM_BYTES]);

/* Frees it. */
void json_pair_free(struct json_pair *self);

#endif
