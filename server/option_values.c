#include "option_values.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct suffix {
    const char *text;
    uint64_t factor;
};

static const struct suffix size_suffixes[] = {
    {"", 1}, {"k", 1 << 10}, {"m", 1 << 20}, {"g", 1 << 30}, {"t", UINT64_C(1) << 40}, {NULL, 0},
};

static const struct suffix time_suffixes[] = {
    {"", 1}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {NULL, 0},
};

static uint64_t factor_of(const char *text, enum option_unit unit)
{
    const struct suffix *suffix = unit == OPTION_MILLISECONDS ? time_suffixes : size_suffixes;
    while (suffix->text != NULL && strcasecmp(suffix->text, text) != 0) {
        suffix++;
    }
    return suffix->factor;
}

bool option_parse_number(const char *text, enum option_unit unit, uint64_t *number)
{
    char *end;
    if (!isdigit((unsigned char)text[0])) {
        return false; /* strtoull would take a sign or a blank */
    }
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    uint64_t factor = factor_of(end, unit);
    if (errno != 0 || factor == 0 || value > UINT64_MAX / factor) {
        return false;
    }
    *number = value * factor;
    return true;
}
