/* Condition variables that time out on the monotonic clock. */
#ifndef STATED_BASE_MONOTONIC_H
#define STATED_BASE_MONOTONIC_H

#include "base/clock.h"

#include <pthread.h>
#include <stdbool.h>

/* pthread_cond_init on CLOCK_MONOTONIC; 0 or an errno number. */
static inline int monotonic_cond_init(pthread_cond_t *self)
{
    pthread_condattr_t attributes;
    int error = pthread_condattr_init(&attributes);
    if (error != 0) {
        return error;
    }
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    error = pthread_cond_init(self, &attributes);
    pthread_condattr_destroy(&attributes);
    return error;
}

/* Waits as pthread_cond_timedwait does, to deadline_ns (clock_now_ns); UINT64_MAX is for ever.
   False when the time is over. */
static inline bool monotonic_cond_wait(pthread_cond_t *self, pthread_mutex_t *mutex,
                                       uint64_t deadline_ns)
{
    if (deadline_ns == UINT64_MAX) {
        return pthread_cond_wait(self, mutex) == 0;
    }
    const struct timespec until = {.tv_sec = (time_t)(deadline_ns / CLOCK_NS_PER_S),
                                   .tv_nsec = (long)(deadline_ns % CLOCK_NS_PER_S)};
    return pthread_cond_timedwait(self, mutex, &until) == 0;
}

#endif
