/* How long things took: a log-linear histogram in fixed memory, for metrics. Pure. Not
   synchronised.

   Buckets are exact below 16 ns and within 1/8 above; the layout follows the idea of HdrHistogram
   (Tene). */
#ifndef STATED_BASE_LATENCY_H
#define STATED_BASE_LATENCY_H

#include <stddef.h>
#include <stdint.h>

enum {
    LATENCY_SUB_BITS = 3, /* 8 buckets per power of two */
    LATENCY_TOP_BIT = 39, /* 2^40 ns, 18 minutes; what takes longer counts as that */
    LATENCY_BUCKETS = (LATENCY_TOP_BIT - LATENCY_SUB_BITS + 2) << LATENCY_SUB_BITS
};

/* Zeroed memory is an empty one. */
struct latency {
    uint64_t sum_ns;
    uint64_t counts[LATENCY_BUCKETS];
};

/* Counts one. */
void latency_record(struct latency *self, uint64_t ns);

/* How many were recorded. */
uint64_t latency_count(const struct latency *self);

/* The largest value, in nanoseconds, that the bucket counts; the next bucket begins after it. */
uint64_t latency_bucket_end_ns(size_t bucket);

/* What a share of `quantile` (0 to 1) of the recorded ones does not exceed, rounded up to its
   bucket's end; 0 when empty. */
uint64_t latency_quantile_ns(const struct latency *self, double quantile);

#endif
