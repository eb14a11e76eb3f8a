/* Numbers as files keep them, at any alignment: little endian, and big endian in keys, whose order
   is that of their bytes. */
#ifndef STATED_ENGINE_NUMBERS_H
#define STATED_ENGINE_NUMBERS_H

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

/* The same for 4 bytes. */
static inline void put_u32(uint8_t *out, uint32_t number)
{
    number = htole32(number);
    memcpy(out, &number, sizeof(number));
}

static inline uint32_t get_u32(const uint8_t *in)
{
    uint32_t number;
    memcpy(&number, in, sizeof(number));
    return le32toh(number);
}

/* Big endian, 8 and 4 bytes. */
static inline void put_key_u64(uint8_t *out, uint64_t number)
{
    number = htobe64(number);
    memcpy(out, &number, sizeof(number));
}

static inline uint64_t get_key_u64(const uint8_t *in)
{
    uint64_t number;
    memcpy(&number, in, sizeof(number));
    return be64toh(number);
}

static inline void put_key_u32(uint8_t *out, uint32_t number)
{
    number = htobe32(number);
    memcpy(out, &number, sizeof(number));
}

static inline uint32_t get_key_u32(const uint8_t *in)
{
    uint32_t number;
    memcpy(&number, in, sizeof(number));
    return be32toh(number);
}

#endif
