/* Bytes from outside made fit for a message or a log line: short, printable, one line. */
#ifndef STATED_PROTO_ESCAPE_H
#define STATED_PROTO_ESCAPE_H

#include <stddef.h>

/* Room for an escaped text with its NUL. */
#define ESCAPE_BYTES 80

/* Writes the bytes with everything that is not printable ASCII, and quotes and backslashes, as
   \xNN; what does not fit is cut and ends in "...". Returns out. Any thread. */
const char *escape_bytes(char out[ESCAPE_BYTES], const void *data, size_t length);

/* The same for a NUL-terminated text. */
const char *escape_text(char out[ESCAPE_BYTES], const char *text);

#endif
