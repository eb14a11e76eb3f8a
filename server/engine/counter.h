/* Counters: values that are decimal numbers. */
#ifndef STATED_ENGINE_COUNTER_H
#define STATED_ENGINE_COUNTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for any counter's text. */
enum { COUNTER_BYTES = 24 };

/* Reads a counter's value as Add writes it: a 64-bit decimal with a minus sign when negative, no
   plus, no spaces, no leading zeros. False for anything else. Pure. */
bool counter_parse(const void *text, size_t length, int64_t *number);

/* Writes the value, without a NUL, and returns its length. Pure. */
size_t counter_format(char out[COUNTER_BYTES], int64_t number);

#endif
