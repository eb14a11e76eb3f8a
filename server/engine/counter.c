#include "engine/counter.h"

#include <inttypes.h>
#include <stdio.h>

/* Longest text of a 64-bit number: a sign and 19 digits. */
enum { MAX_DIGITS = 19 };

bool counter_parse(const void *text, size_t length, int64_t *number)
{
    const char *digits = text;
    bool negative = length > 0 && digits[0] == '-';
    if (negative) {
        digits++;
        length--;
    }
    if (length == 0 || length > MAX_DIGITS || (digits[0] == '0' && (length > 1 || negative))) {
        return false;
    }
    int64_t sum = 0;
    for (size_t i = 0; i < length; i++) {
        if (digits[i] < '0' || digits[i] > '9') {
            return false;
        }
        int64_t digit = digits[i] - '0';
        /* Towards the sign from the start: INT64_MIN has no positive counterpart. */
        if (__builtin_mul_overflow(sum, (int64_t)10, &sum) ||
            __builtin_add_overflow(sum, negative ? -digit : digit, &sum)) {
            return false;
        }
    }
    *number = sum;
    return true;
}

size_t counter_format(char out[COUNTER_BYTES], int64_t number)
{
    return (size_t)snprintf(out, COUNTER_BYTES, "%" PRId64, number);
}
