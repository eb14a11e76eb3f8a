#include "bench/pacer.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

/* Sleeps this long at a time at most, so that a run that is interrupted ends soon. */
#define LONGEST_SLEEP_NS (50 * CLOCK_NS_PER_MS)

enum stated_code pacer_init(struct pacer *self, uint32_t rate, size_t n_lanes,
                            const struct pacer_ops *ops, const void *context)
{
    *self = (struct pacer){
        .ops = ops, .context = context, .interval_ns = 1e9 / rate, .n_lanes = n_lanes};
    self->idle = calloc(n_lanes, sizeof(struct lane *));
    if (self->idle == NULL) {
        return STATED_RESOURCE_EXHAUSTED;
    }
    pthread_mutex_init(&self->mutex, NULL);
    pthread_cond_init(&self->given, NULL);
    return STATED_OK;
}

void pacer_deinit(struct pacer *self)
{
    pthread_cond_destroy(&self->given);
    pthread_mutex_destroy(&self->mutex);
    free(self->idle);
}

void pacer_give(struct pacer *self, struct lane *lane)
{
    pthread_mutex_lock(&self->mutex);
    self->idle[self->n_idle++] = lane;
    pthread_cond_signal(&self->given);
    pthread_mutex_unlock(&self->mutex);
}

/* Blocks until one is idle; every call in flight ends at some time. */
static struct lane *take(struct pacer *self)
{
    pthread_mutex_lock(&self->mutex);
    while (self->n_idle == 0) {
        pthread_cond_wait(&self->given, &self->mutex);
    }
    struct lane *lane = self->idle[--self->n_idle];
    pthread_mutex_unlock(&self->mutex);
    return lane;
}

/* Until it is time, or for a step on the way there. True when it is time. */
static bool sleep_until(uint64_t due_ns)
{
    uint64_t now_ns = clock_now_ns();
    if (now_ns >= due_ns) {
        return true;
    }
    uint64_t until_ns = due_ns - now_ns > LONGEST_SLEEP_NS ? now_ns + LONGEST_SLEEP_NS : due_ns;
    struct timespec until = {.tv_sec = (time_t)(until_ns / CLOCK_NS_PER_S),
                             .tv_nsec = (long)(until_ns % CLOCK_NS_PER_S)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
    }
    return until_ns == due_ns;
}

static void *pace(void *argument)
{
    struct pacer *self = argument;
    const uint64_t began_ns = clock_now_ns();
    uint64_t n = 0;
    bool goes_on = true;
    prctl(PR_SET_TIMERSLACK, 1); /* the default adds 50 us to every sleep */
    while (goes_on) {
        uint64_t due_ns = began_ns + (uint64_t)((double)n * self->interval_ns);
        struct lane *lane = take(self);
        while (goes_on && !sleep_until(due_ns)) {
            goes_on = !self->ops->is_over(self->context);
        }
        goes_on = goes_on && self->ops->send(lane, due_ns);
        if (!goes_on) {
            pacer_give(self, lane);
        }
        n++;
    }
    for (size_t i = 0; i < self->n_lanes; i++) {
        self->ops->end(take(self));
    }
    return NULL;
}

enum stated_code pacer_start(struct pacer *self)
{
    return pthread_create(&self->thread, NULL, pace, self) == 0 ? STATED_OK
                                                                : STATED_RESOURCE_EXHAUSTED;
}

void pacer_join(struct pacer *self)
{
    pthread_join(self->thread, NULL);
}
