/* Numbers as files keep them: little endian, at any alignment. */
#ifndef STATED_ENGINE_LITTLE_ENDIAN_H
#define STATED_ENGINE_LITTLE_ENDIAN_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

/* Writes 8 bytes. */
static inline void put_u64(uint8_t *out, uint64_t number)
{
    number = htole64(number);
    memcpy(out, &number, sizeof(number));
}

/* Reads 8 bytes. */
static inline uint64_t get_u64(const uint8_t *in)
{
    uint64_t number;
    memcpy(&number, in, sizeof(number));
    return le64toh(number);
}

#endif
