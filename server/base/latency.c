#include "base/latency.h"

#define SUB_BUCKETS (1u << LATENCY_SUB_BITS)
#define TOP_NS ((UINT64_C(1) << (LATENCY_TOP_BIT + 1)) - 1)

/* Values below 2 * SUB_BUCKETS have a bucket each; above, the leading one bit chooses a group of
   SUB_BUCKETS, and the bits after it the bucket in the group. */
static size_t bucket_of(uint64_t ns)
{
    if (ns > TOP_NS) {
        ns = TOP_NS;
    }
    if (ns < SUB_BUCKETS) {
        return (size_t)ns;
    }
    unsigned shift = 63 - (unsigned)__builtin_clzll(ns) - LATENCY_SUB_BITS;
    return ((size_t)shift << LATENCY_SUB_BITS) + (size_t)(ns >> shift);
}

void latency_record(struct latency *self, uint64_t ns)
{
    self->sum_ns += ns;
    self->counts[bucket_of(ns)]++;
}

uint64_t latency_count(const struct latency *self)
{
    uint64_t count = 0;
    for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
        count += self->counts[i];
    }
    return count;
}

uint64_t latency_bucket_end_ns(size_t bucket)
{
    if (bucket < SUB_BUCKETS) {
        return bucket;
    }
    unsigned shift = (unsigned)(bucket >> LATENCY_SUB_BITS) - 1;
    uint64_t mantissa = (bucket & (SUB_BUCKETS - 1)) + SUB_BUCKETS;
    return ((mantissa + 1) << shift) - 1;
}

uint64_t latency_quantile_ns(const struct latency *self, double quantile)
{
    uint64_t count = latency_count(self);
    if (count == 0) {
        return 0;
    }
    uint64_t rank = (uint64_t)(quantile * (double)count);
    rank = rank < count ? rank : count - 1;
    uint64_t seen = 0;
    for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
        seen += self->counts[i];
        if (seen > rank) {
            return latency_bucket_end_ns(i);
        }
    }
    return TOP_NS;
}
