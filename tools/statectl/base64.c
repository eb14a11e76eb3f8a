#include "statectl/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t base64_length(size_t bytes)
{
    return (bytes + 2) / 3 * 4;
}

void base64_encode(const uint8_t *data, size_t length, char *out)
{
    for (size_t i = 0; i < length; i += 3) {
        size_t n = length - i < 3 ? length - i : 3;
        uint32_t bits = (uint32_t)data[i] << 16;
        bits |= n > 1 ? (uint32_t)data[i + 1] << 8 : 0;
        bits |= n > 2 ? data[i + 2] : 0;
        *out++ = alphabet[bits >> 18];
        *out++ = alphabet[bits >> 12 & 63];
        *out++ = n > 1 ? alphabet[bits >> 6 & 63] : '=';
        *out++ = n > 2 ? alphabet[bits & 63] : '=';
    }
    *out = '\0';
}

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_decode(const char *text, size_t length, uint8_t *out, size_t *out_length)
{
    size_t padding = 0;
    uint32_t bits = 0;
    *out_length = 0;
    if (length % 4 != 0) {
        return false;
    }
    while (padding < 2 && padding < length && text[length - 1 - padding] == '=') {
        padding++;
    }
    for (size_t i = 0; i < length; i++) {
        int value = i >= length - padding ? 0 : value_of(text[i]);
        if (value < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 == 3) {
            size_t n = i + 1 == length ? 3 - padding : 3;
            if (n < 3 && (bits & ((1u << 8 * (3 - n)) - 1)) != 0) {
                return false;
            }
            for (size_t k = 0; k < n; k++) {
                out[(*out_length)++] = (uint8_t)(bits >> (16 - 8 * k));
            }
        }
    }
    return true;
}
