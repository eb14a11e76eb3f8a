#include "bench/histogram.h"

#include <math.h>

static unsigned bucket_of(uint64_t value)
{
    const uint64_t top = (UINT64_C(2) << HISTOGRAM_TOP_BIT) - 1;
    if (value > top) {
        value = top;
    }
    if (value < UINT64_C(2) << HISTOGRAM_SUB_BITS) {
        return (unsigned)value;
    }
    unsigned shift = 63u - (unsigned)__builtin_clzll(value) - HISTOGRAM_SUB_BITS;
    return (shift << HISTOGRAM_SUB_BITS) + (unsigned)(value >> shift);
}

/* The largest value that lands in the bucket. */
static uint64_t bucket_end(unsigned bucket)
{
    if (bucket < 2u << HISTOGRAM_SUB_BITS) {
        return bucket;
    }
    unsigned shift = (bucket >> HISTOGRAM_SUB_BITS) - 1;
    uint64_t part = bucket - (shift << HISTOGRAM_SUB_BITS);
    return ((part + 1) << shift) - 1;
}

static uint64_t load(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static void raise_to(_Atomic uint64_t *counter, uint64_t value)
{
    uint64_t seen = load(counter);
    while (seen < value && !atomic_compare_exchange_weak_explicit(
                               counter, &seen, value, memory_order_relaxed, memory_order_relaxed)) {
    }
}

void histogram_record(struct histogram *self, uint64_t latency_ns)
{
    add(&self->counts[bucket_of(latency_ns)], 1);
    raise_to(&self->max_ns, latency_ns);
}

void histogram_merge(struct histogram *self, const struct histogram *other)
{
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        add(&self->counts[i], load(&other->counts[i]));
    }
    raise_to(&self->max_ns, load(&other->max_ns));
}

uint64_t histogram_count(const struct histogram *self)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        count += load(&self->counts[i]);
    }
    return count;
}

uint64_t histogram_max(const struct histogram *self)
{
    return load(&self->max_ns);
}

uint64_t histogram_quantile(const struct histogram *self, double quantile)
{
    uint64_t rank = (uint64_t)ceil(quantile * (double)histogram_count(self));
    uint64_t below = 0;
    uint64_t max_ns = histogram_max(self);
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
        below += load(&self->counts[i]);
        if (below >= rank && below > 0) {
            uint64_t end = bucket_end(i);
            return end < max_ns ? end : max_ns;
        }
    }
    return max_ns;
}
