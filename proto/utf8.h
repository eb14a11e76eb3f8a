/* UTF-8 for messages: a protobuf string has to be well-formed, whatever a message quotes. */
#ifndef STATED_PROTO_UTF8_H
#define STATED_PROTO_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the well-formed character that text starts with, 1 to 4; 0 when it starts with none
   (source: Unicode 15, table 3-7). Pure. */
size_t utf8_character(const uint8_t *text, size_t length);

/* The longest whole-character prefix of text that has been cut at length bytes: leaves away the
   start of a character at the end, nothing else. Pure. */
size_t utf8_whole(const char *text, size_t length);

/* Copies length bytes; each byte outside a well-formed character becomes '?'. Returns the end of
   what was written. Pure. */
uint8_t *utf8_put(uint8_t *out, const char *text, size_t length);

#endif
