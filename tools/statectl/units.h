/* Numbers for people. */
#ifndef STATED_STATECTL_UNITS_H
#define STATED_STATECTL_UNITS_H

#include <stdint.h>

/* Room for a number of this module with its NUL. */
#define UNITS_BYTES 40

/* 1234567 as "1,234,567". Returns out. Pure, as all here. */
const char *units_count(char out[UNITS_BYTES], uint64_t number);

/* The same with what is counted: "1 key", "1,234 keys". */
const char *units_keys(char out[UNITS_BYTES], uint64_t keys);

/* Bytes as "1.5 MiB". */
const char *units_bytes(char out[UNITS_BYTES], uint64_t bytes);

/* A time as "250 us", "1.25 ms", "3.4 s", "4 s", "2 h 05 min", "3 d 04 h". */
const char *units_time(char out[UNITS_BYTES], uint64_t us);

#endif
