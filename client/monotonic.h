/* Condition variables that wait on the monotonic clock. */
#ifndef STATED_CLIENT_MONOTONIC_H
#define STATED_CLIENT_MONOTONIC_H

#include "base/clock.h"

#include <pthread.h>
#include <stdint.h>

/* pthread_cond_destroy ends it. */
static inline void monotonic_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

/* Waits until signalled or until_ns of clock_now_ns; may wake early, as any wait on a condition. */
static inline void monotonic_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock,
                                       uint64_t until_ns)
{
    struct timespec until = {.tv_sec = (time_t)(until_ns / CLOCK_NS_PER_S),
                             .tv_nsec = (long)(until_ns % CLOCK_NS_PER_S)};
    pthread_cond_timedwait(cond, lock, &until);
}

#endif
