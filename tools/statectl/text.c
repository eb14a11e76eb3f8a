#include "statectl/text.h"

#include "statectl/memory.h"

#include "utf8.h"

#include <stdio.h>
#include <string.h>
#include <wchar.h>

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

/* The code point of a well-formed character. */
static uint32_t code_point(const uint8_t *character, size_t length)
{
    static const uint8_t masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t point = character[0] & masks[length];
    for (size_t i = 1; i < length; i++) {
        point = point << 6 | (character[i] & 0x3f);
    }
    return point;
}

/* C0, DEL and C1, and what turns the direction of the text around it. */
static bool is_control(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0) ||
           (point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
}

/* Shows what starts at data; returns how many bytes of it that was. */
static size_t show(const uint8_t *data, size_t left, char shown[SHOWN_BYTES])
{
    static const char names[] = "abtnvfr"; /* from 7 on */
    size_t length = utf8_character(data, left);
    if (length > 0 && data[0] != '\\' && !is_control(code_point(data, length))) {
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

char *text_safe(const char *message)
{
    size_t length = strlen(message);
    char *text = memory_new(length * 4 + 1, 1);
    char *end = text;
    for (size_t at = 0; at < length;) {
        char shown[SHOWN_BYTES];
        if (message[at] == '\\') {
            *end++ = message[at++];
        } else {
            at += show((const uint8_t *)message + at, length - at, shown);
            end = stpcpy(end, shown);
        }
    }
    return text;
}

char *text_block(ProtobufCBinaryData bytes)
{
    char *text = memory_new(bytes.len * 4 + 2, 1);
    char *end = text;
    for (size_t at = 0; at < bytes.len;) {
        char shown[SHOWN_BYTES];
        if (bytes.data[at] == '\n' || bytes.data[at] == '\t' || bytes.data[at] == '\\') {
            *end++ = (char)bytes.data[at++];
        } else {
            at += show(bytes.data + at, bytes.len - at, shown);
            end = stpcpy(end, shown);
        }
    }
    if (end > text && end[-1] != '\n') {
        *end++ = '\n';
    }
    *end = '\0';
    return text;
}

size_t text_columns(const char *text)
{
    const uint8_t *at = (const uint8_t *)text;
    size_t left = strlen(text);
    size_t n = 0;
    while (left > 0) {
        size_t length = utf8_character(at, left);
        int width = length > 0 ? wcwidth((wchar_t)code_point(at, length)) : 1;
        n += width < 0 ? 1 : (size_t)width;
        length = length > 0 ? length : 1;
        at += length;
        left -= length;
    }
    return n;
}
