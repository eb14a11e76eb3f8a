/* A histogram in the few numbers that a report shows. */
#ifndef STATED_BENCH_SUMMARY_H
#define STATED_BENCH_SUMMARY_H

#include "bench/histogram.h"

#include <stdint.h>

enum { SUMMARY_QUANTILES = 5 };

struct summary {
    uint64_t calls;
    uint64_t calls_per_s;
    uint64_t quantiles_ns[SUMMARY_QUANTILES]; /* 50%, 90%, 99%, 99.9% and the largest */
};

/* While nobody records into the histogram. No time gives no rate. */
struct summary summary_of(const struct histogram *histogram, uint64_t elapsed_ns);

#endif
