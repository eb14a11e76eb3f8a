/* Base64 with padding (source: RFC 4648, section 4), for bytes that are no text. */
#ifndef STATED_STATECTL_BASE64_H
#define STATED_STATECTL_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Characters for so many bytes, without NUL. */
size_t base64_length(size_t bytes);

/* Writes base64_length(length) characters and a NUL. Pure. */
void base64_encode(const uint8_t *data, size_t length, char *out);

/* Writes at most length / 4 * 3 bytes, and their number to *out_length; out may be text itself.
   False when the text is not base64: a character of another alphabet, a missing padding, bits that
   no encoder sets. Pure. */
bool base64_decode(const char *text, size_t length, uint8_t *out, size_t *out_length);

#endif
