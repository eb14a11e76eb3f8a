/* Bytes from outside as text for people: one line, nothing that a terminal would obey. */
#ifndef STATED_STATECTL_TEXT_H
#define STATED_STATECTL_TEXT_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

/* Whether it is UTF-8 from end to end. Pure. */
bool text_is_utf8(ProtobufCBinaryData bytes);

/* The bytes with control characters, backslashes and what is not UTF-8 as \n, \\, \xNN; cut behind
   so many columns, with "…" at the end (0 = not cut). To free. */
char *text_of(ProtobufCBinaryData bytes, size_t columns);

/* A message with what came from outside in it: what a terminal would obey, and what is not UTF-8,
   becomes \n, \xNN; backslashes stay. To free. */
char *text_safe(const char *message);

/* The same for a text that may have lines and tabs, and ends its last line. To free. */
char *text_block(ProtobufCBinaryData bytes);

/* Columns that a text of UTF-8 takes on a terminal. Pure. */
size_t text_columns(const char *text);

#endif
