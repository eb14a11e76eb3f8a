#include "statectl/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *units_count(char out[UNITS_BYTES], uint64_t number)
{
    char digits[UNITS_BYTES];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, number);
    char *end = out;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) {
            *end++ = ',';
        }
        *end++ = digits[i];
    }
    *end = '\0';
    return out;
}

const char *units_keys(char out[UNITS_BYTES], uint64_t keys)
{
    units_count(out, keys);
    strcat(out, keys == 1 ? " key" : " keys");
    return out;
}

const char *units_bytes(char out[UNITS_BYTES], uint64_t bytes)
{
    static const char *const names[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double size = (double)bytes / 1024;
    size_t unit = 0;
    if (bytes < 1024) {
        snprintf(out, UNITS_BYTES, "%" PRIu64 " bytes", bytes);
        return out;
    }
    while (size >= 1023.95) {
        size /= 1024;
        unit++;
    }
    snprintf(out, UNITS_BYTES, "%.1f %s", size, names[unit]);
    return out;
}

const char *units_time(char out[UNITS_BYTES], uint64_t us)
{
    uint64_t s = us / 1000000;
    if (us < 1000) {
        snprintf(out, UNITS_BYTES, "%" PRIu64 " us", us);
    } else if (us < 1000000) {
        snprintf(out, UNITS_BYTES, "%.2f ms", (double)us / 1e3);
    } else if (s < 60 && us % 1000000 == 0) {
        snprintf(out, UNITS_BYTES, "%" PRIu64 " s", s);
    } else if (s < 60) {
        snprintf(out, UNITS_BYTES, "%.1f s", (double)us / 1e6);
    } else if (s < 3600) {
        snprintf(out, UNITS_BYTES, "%" PRIu64 " min %02" PRIu64 " s", s / 60, s % 60);
    } else if (s < 86400) {
        snprintf(out, UNITS_BYTES, "%" PRIu64 " h %02" PRIu64 " min", s / 3600, s / 60 % 60);
    } else {
        snprintf(out, UNITS_BYTES, "%" PRIu64 " d %02" PRIu64 " h", s / 86400, s / 3600 % 24);
    }
    return out;
}
