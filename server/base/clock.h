/* Monotonic time: the only clock that deadlines, waits and histograms use. */
#ifndef STATED_BASE_CLOCK_H
#define STATED_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define CLOCK_NS_PER_MS UINT64_C(1000000)
#define CLOCK_NS_PER_US UINT64_C(1000)
#define CLOCK_NS_PER_S UINT64_C(1000000000)

/* Nanoseconds since an arbitrary start that no clock jump moves. Any thread, never blocks. */
static inline uint64_t clock_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * CLOCK_NS_PER_S + (uint64_t)now.tv_nsec;
}

#endif
