#include "escape.h"

#include <string.h>

static const char ellipsis[] = "...";

/* Longest escape of one byte. */
enum { LONGEST = 4 };

static size_t escape_byte(char out[LONGEST], unsigned char byte)
{
    static const char hex[] = "0123456789abcdef";
    if (byte >= ' ' && byte <= '~' && byte != '"' && byte != '\\') {
        out[0] = (char)byte;
        return 1;
    }
    out[0] = '\\';
    out[1] = 'x';
    out[2] = hex[byte >> 4];
    out[3] = hex[byte & 15];
    return LONGEST;
}

const char *escape_bytes(char out[ESCAPE_BYTES], const void *data, size_t length)
{
    const unsigned char *bytes = data;
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        char one[LONGEST];
        size_t size = escape_byte(one, bytes[i]);
        if (used + size + sizeof(ellipsis) > ESCAPE_BYTES) {
            memcpy(out + used, ellipsis, sizeof(ellipsis));
            return out;
        }
        memcpy(out + used, one, size);
        used += size;
    }
    out[used] = '\0';
    return out;
}

const char *escape_text(char out[ESCAPE_BYTES], const char *text)
{
    return escape_bytes(out, text, strlen(text));
}
