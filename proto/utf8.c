#include "utf8.h"

#include <string.h>

/* What may follow a lead byte: how many bytes, and the range of the first of them. */
struct lead {
    uint8_t first, last; /* lead bytes */
    uint8_t low, high;   /* of the second byte; the later ones are 80..BF */
    uint8_t bytes;       /* of the whole character */
};

static const struct lead leads[] = {
    {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
    {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
    {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
};

static const struct lead *find_lead(uint8_t byte)
{
    for (size_t i = 0; i < sizeof(leads) / sizeof(leads[0]); i++) {
        if (byte >= leads[i].first && byte <= leads[i].last) {
            return &leads[i];
        }
    }
    return NULL;
}

/* How many of the bytes after the lead are as they should be. */
static size_t matching(const struct lead *lead, const uint8_t *text, size_t length)
{
    size_t n = 1;
    while (n < length && n < lead->bytes) {
        uint8_t low = n == 1 ? lead->low : 0x80;
        uint8_t high = n == 1 ? lead->high : 0xBF;
        if (text[n] < low || text[n] > high) {
            break;
        }
        n++;
    }
    return n;
}

size_t utf8_character(const uint8_t *text, size_t length)
{
    if (length == 0) {
        return 0;
    }
    if (text[0] < 0x80) {
        return 1;
    }
    const struct lead *lead = find_lead(text[0]);
    return lead && matching(lead, text, length) == lead->bytes ? lead->bytes : 0;
}

size_t utf8_whole(const char *text, size_t length)
{
    const uint8_t *bytes = (const uint8_t *)text;
    for (size_t tail = 1; tail <= 3 && tail <= length; tail++) {
        const struct lead *lead = find_lead(bytes[length - tail]);
        if (lead && tail < lead->bytes && matching(lead, bytes + length - tail, tail) == tail) {
            return length - tail;
        }
    }
    return length;
}

uint8_t *utf8_put(uint8_t *out, const char *text, size_t length)
{
    const uint8_t *bytes = (const uint8_t *)text;
    while (length > 0) {
        size_t n = utf8_character(bytes, length);
        if (n > 0) {
            memcpy(out, bytes, n);
        } else {
            *out = '?';
        }
        n += n == 0;
        out += n;
        bytes += n;
        length -= n;
    }
    return out;
}
