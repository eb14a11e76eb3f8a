/* What a benchmark asks: a reproducible stream of reads and writes over a set of keys.

   Pure: no thread, clock or socket. */
#ifndef STATED_BENCH_WORKLOAD_H
#define STATED_BENCH_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum workload_distribution {
    WORKLOAD_UNIFORM,
    WORKLOAD_ZIPF, /* exponent 0.99, as YCSB's: a few keys get most of the calls */
};

/* The kind of work, shared by all its streams; read only once made. */
struct workload {
    uint32_t keys;
    unsigned read_percent;
    enum workload_distribution distribution;
    double zeta;     /* sum of 1/rank^0.99 over all keys */
    double eta;      /* see workload.c */
    uint32_t spread; /* coprime to keys: puts neighbours in rank far apart */
};

/* One serial stream of calls. */
struct workload_stream {
    uint64_t random;
};

struct workload_call {
    bool read;
    uint32_t key; /* below keys */
};

/* keys is at least 1, read_percent at most 100. Takes time linear in keys for ZIPF. */
void workload_init(struct workload *self, uint32_t keys, unsigned read_percent,
                   enum workload_distribution distribution);

/* Streams of the same seed with different numbers are independent of each other. */
void workload_stream_init(struct workload_stream *stream, uint64_t seed, uint32_t number);

/* The next call of a stream. One thread at a time per stream. */
struct workload_call workload_next(const struct workload *self, struct workload_stream *stream);

enum { WORKLOAD_STAMP_BYTES = 16 };

/* Fills a value's buffer with printable text, once. */
void workload_value_init(char *value, size_t size);

/* Makes a value unlike all others of its size: stamps number into its first 16 bytes (fewer when it
   is shorter, and then values may repeat). */
void workload_value_stamp(char *value, size_t size, uint64_t number);

#endif
