/* Least significant digit first, a byte at a time. Bytes that all tickets share are skipped, so a
   run of a million calls takes three or four passes. */
#include "order/ticket_sort.h"

#include <stdbool.h>

enum { DIGITS = 256 };

static unsigned ticket_digit(const struct ticket_entry *entry, unsigned shift)
{
    return (unsigned)(entry->ticket >> shift) & (DIGITS - 1);
}

/* Turns counts into start positions; true when one digit has all n. */
static bool ticket_positions(size_t counts[DIGITS], size_t n)
{
    size_t start = 0;
    for (unsigned digit = 0; digit < DIGITS; digit++) {
        size_t count = counts[digit];
        if (count == n) {
            return true;
        }
        counts[digit] = start;
        start += count;
    }
    return false;
}

struct ticket_entry *ticket_sort(struct ticket_entry *entries, struct ticket_entry *spare, size_t n)
{
    for (unsigned shift = 0; shift < 64; shift += 8) {
        size_t positions[DIGITS] = {0};
        for (size_t i = 0; i < n; i++) {
            positions[ticket_digit(&entries[i], shift)]++;
        }
        if (ticket_positions(positions, n)) {
            continue;
        }
        for (size_t i = 0; i < n; i++) {
            spare[positions[ticket_digit(&entries[i], shift)]++] = entries[i];
        }
        struct ticket_entry *sorted = spare;
        spare = entries;
        entries = sorted;
    }
    return entries;
}
