/* Latencies in fixed memory: a log-linear histogram, exact below 256 ns and within 1/128 above.

   Recording is one relaxed atomic addition, so callbacks on several threads may share one. Reading
   is for when they are done. The layout follows the idea of HdrHistogram (Tene). */
#ifndef STATED_BENCH_HISTOGRAM_H
#define STATED_BENCH_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

enum {
    HISTOGRAM_SUB_BITS = 7, /* 128 buckets per power of two */
    HISTOGRAM_TOP_BIT = 39, /* 2^40 ns, 18 minutes; what is longer counts as that */
    HISTOGRAM_BUCKETS = (HISTOGRAM_TOP_BIT - HISTOGRAM_SUB_BITS + 2) << HISTOGRAM_SUB_BITS
};

/* Zeroed memory is an empty histogram. */
struct histogram {
    _Atomic uint64_t counts[HISTOGRAM_BUCKETS];
    _Atomic uint64_t max_ns;
};

/* Counts one latency. Any thread, does not block. */
void histogram_record(struct histogram *self, uint64_t latency_ns);

/* Adds what `other` counted. While nobody records into either. */
void histogram_merge(struct histogram *self, const struct histogram *other);

/* How many were recorded. */
uint64_t histogram_count(const struct histogram *self);

/* The largest one, exactly; 0 when empty. */
uint64_t histogram_max(const struct histogram *self);

/* The latency that a share of `quantile` (0 to 1) of the recorded ones does not exceed: never below
   the true value and at most 1/128 above it; 0 when empty. */
uint64_t histogram_quantile(const struct histogram *self, double quantile);

#endif
