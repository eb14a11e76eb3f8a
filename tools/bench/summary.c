#include "bench/summary.h"

struct summary summary_of(const struct histogram *histogram, uint64_t elapsed_ns)
{
    static const double shares[SUMMARY_QUANTILES] = {0.5, 0.9, 0.99, 0.999, 1};
    struct summary summary = {.calls = histogram_count(histogram)};
    if (elapsed_ns != 0) {
        double rate = (double)summary.calls * 1e9 / (double)elapsed_ns;
        summary.calls_per_s = (uint64_t)(rate + 0.5);
    }
    for (unsigned i = 0; i < SUMMARY_QUANTILES; i++) {
        summary.quantiles_ns[i] = histogram_quantile(histogram, shares[i]);
    }
    return summary;
}
