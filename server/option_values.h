/* The words of option values: numbers with units, within bounds, and choices. Pure. */
#ifndef STATED_SERVER_OPTION_VALUES_H
#define STATED_SERVER_OPTION_VALUES_H

#include "stated/status.h"

#include <stdbool.h>
#include <stdint.h>

enum option_unit {
    OPTION_COUNT,        /* 4, 4k: thousands are 1024 as for bytes */
    OPTION_BYTES,        /* 4096, 64k, 1m, 16g */
    OPTION_MILLISECONDS, /* 500, 500ms, 5s, 2m */
};

/* Reads a number of the unit into *number. False when text is none, or too large for 64 bits. */
bool option_parse_number(const char *text, enum option_unit unit, uint64_t *number) STATED_MUST_USE;

#endif
