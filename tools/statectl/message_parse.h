/* JSON as any protobuf message: the way back of message_json.h. */
#ifndef STATED_STATECTL_MESSAGE_PARSE_H
#define STATED_STATECTL_MESSAGE_PARSE_H

#include "stated/status.h"

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

/* Room for what is wrong with a document. */
#define MESSAGE_PROBLEM_BYTES 320

/* The message of this type that the object describes, as message_json writes it: bytes as text or,
   under NAME_base64, in base64; values of an enum by their short name, their name in the .proto or
   their number; fixed64 as hexadecimal digits. 64-bit numbers may be strings. Members that are not
   there, or null, are left at their defaults. *message is to free with
   protobuf_c_message_free_unpacked(…, NULL). False when the document does not fit; then problem
   names the member and says what was expected, and *message is NULL. Pure; ends the process when
   memory is out. */
bool message_parse(const ProtobufCMessageDescriptor *type, const json_t *document,
                   ProtobufCMessage **message, char problem[MESSAGE_PROBLEM_BYTES]) STATED_MUST_USE;

/* The same for a text of JSON; a syntax error is named with its line and column. */
bool message_parse_text(const ProtobufCMessageDescriptor *type, ProtobufCBinaryData text,
                        ProtobufCMessage **message,
                        char problem[MESSAGE_PROBLEM_BYTES]) STATED_MUST_USE;

#endif
