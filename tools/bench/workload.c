/* Zipf ranks by the closed form of Gray et al., "Quickly generating billion-record synthetic
   databases", SIGMOD 1994, section 3.2: after the two most frequent ranks, the inverse of the
   distribution is approximated by a power. */
#include "bench/workload.h"

#include <math.h>

static const double exponent = 0.99;

/* splitmix64 (Steele, Lea, Flood): any seed is a good one. */
static uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* 0 <= n < bound, without a division (Lemire). */
static uint32_t random_below(uint64_t *state, uint32_t bound)
{
    return (uint32_t)(((random_next(state) >> 32) * bound) >> 32);
}

/* 0 <= x < 1 */
static double random_unit(uint64_t *state)
{
    return (double)(random_next(state) >> 11) * 0x1p-53;
}

static uint32_t greatest_divisor(uint32_t a, uint32_t b)
{
    while (b != 0) {
        uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

void workload_init(struct workload *self, uint32_t keys, unsigned read_percent,
                   enum workload_distribution distribution)
{
    *self =
        (struct workload){.keys = keys, .read_percent = read_percent, .distribution = distribution};
    if (distribution != WORKLOAD_ZIPF) {
        return;
    }
    for (uint32_t rank = 1; rank <= keys; rank++) {
        self->zeta += pow(1.0 / rank, exponent);
    }
    double zeta_of_two = 1.0 + pow(0.5, exponent);
    self->eta = (1.0 - pow(2.0 / keys, 1.0 - exponent)) / (1.0 - zeta_of_two / self->zeta);
    self->spread = (uint32_t)(keys * 0.6180339887) | 1;
    while (greatest_divisor(self->spread, keys) != 1) {
        self->spread += 2;
    }
}

void workload_stream_init(struct workload_stream *stream, uint64_t seed, uint32_t number)
{
    uint64_t state = seed;
    stream->random = random_next(&state) + number;
    stream->random = random_next(&stream->random);
}

static uint32_t zipf_rank(const struct workload *self, double unit)
{
    double scaled = unit * self->zeta;
    if (scaled < 1.0) {
        return 0;
    }
    if (scaled < 1.0 + pow(0.5, exponent)) {
        return self->keys > 1 ? 1 : 0;
    }
    double rank = self->keys * pow(self->eta * unit - self->eta + 1.0, 1.0 / (1.0 - exponent));
    return rank < self->keys ? (uint32_t)rank : self->keys - 1;
}

struct workload_call workload_next(const struct workload *self, struct workload_stream *stream)
{
    struct workload_call call = {.read = random_below(&stream->random, 100) < self->read_percent};
    if (self->distribution == WORKLOAD_ZIPF) {
        uint64_t rank = zipf_rank(self, random_unit(&stream->random));
        call.key = (uint32_t)(rank * self->spread % self->keys);
    } else {
        call.key = random_below(&stream->random, self->keys);
    }
    return call;
}

void workload_value_init(char *value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        value[i] = (char)('a' + i % 26);
    }
}

void workload_value_stamp(char *value, size_t size, uint64_t number)
{
    for (size_t i = 0; i < size && i < WORKLOAD_STAMP_BYTES; i++) {
        value[i] = "0123456789abcdef"[number >> (4 * i) & 15];
    }
}
