#include "statectl/text.h"

#include "statectl/memory.h"

#include "utf8.h"

#include <stdio.h>
#include <string.h>

/* The longest that one byte or character becomes. */
enum { SHOWN_BYTES = 5 };

bool text_is_utf8(ProtobufCBinaryData bytes)
{
    size_t at = 0;
    while (at < bytes.len) {
        size_t length = utf8_character(bytes.data + at, bytes.len - at);
        if (length == 0) {
            return false;
        }
        at += length;
    }
    return true;
}

/* C0, DEL, and C1 in UTF-8. */
static bool is_control(const uint8_t *character, size_t length)
{
    return character[0] < 0x20 || character[0] == 0x7f ||
           (length == 2 && character[0] == 0xc2 && character[1] < 0xa0);
}

/* Shows what starts at data; returns how many bytes of it that was. */
static size_t show(const uint8_t *data, size_t left, char shown[SHOWN_BYTES])
{
    static const char names[] = "abtnvfr"; /* from 7 on */
    size_t length = utf8_character(data, left);
    if (length > 0 && data[0] != '\\' && !is_control(data, length)) {
        memcpy(shown, data, length);
        shown[length] = '\0';
        return length;
    }
    if (data[0] == '\\') {
        strcpy(shown, "\\\\");
    } else if (data[0] == '\t' || data[0] == '\n' || data[0] == '\r') {
        snprintf(shown, SHOWN_BYTES, "\\%c", names[data[0] - 7]);
    } else {
        snprintf(shown, SHOWN_BYTES, "\\x%02x", data[0]);
    }
    return 1;
}

char *text_of(ProtobufCBinaryData bytes, size_t columns)
{
    size_t room = columns > 0 && bytes.len > columns ? columns : bytes.len;
    char *text = memory_new(room * 4 + 4, 1);
    char *end = text;
    char *cut = text; /* where "…" would go */
    size_t used = 0;
    for (size_t at = 0; at < bytes.len;) {
        char shown[SHOWN_BYTES];
        at += show(bytes.data + at, bytes.len - at, shown);
        size_t width = text_columns(shown);
        if (columns > 0 && used + width > columns) {
            strcpy(cut, "…");
            return text;
        }
        end = stpcpy(end, shown);
        used += width;
        if (used < columns) {
            cut = end;
        }
    }
    return text;
}

size_t text_columns(const char *text)
{
    size_t n = 0;
    for (; *text != '\0'; text++) {
        n += (*text & 0xc0) != 0x80;
    }
    return n;
}
