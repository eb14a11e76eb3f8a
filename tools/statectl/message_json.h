/* Any protobuf message as JSON: every field under the name that its .proto gives it. */
#ifndef STATED_STATECTL_MESSAGE_JSON_H
#define STATED_STATECTL_MESSAGE_JSON_H

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>

/* The message as an object, in the order of its fields; a value of an enum by its name in lower
   case without its type's prefix ("serving"), 64-bit identifiers of type fixed64 as 16 hexadecimal
   digits, bytes as in json.h; absent messages, and of a oneof what it does not hold, are left out.
   Maps and repeated bytes are not for it. To decref. Ends the process when memory is out. */
json_t *message_json(const ProtobufCMessage *message);

/* The value as it stands in there: its short name, or its number when it has none. To decref. */
json_t *message_json_enum(const ProtobufCEnumDescriptor *type, int value);

#endif
