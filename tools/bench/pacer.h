/* The open loop: starts calls when they are due, at a fixed rate, whatever became of those before.

   A closed loop asks less of a server that is slow, and so hides its stalls. Here a call that could
   not be started in time, since all lanes had calls in flight, is late, and its time counts from
   when it was due. */
#ifndef STATED_BENCH_PACER_H
#define STATED_BENCH_PACER_H

#include "stated/status.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lane;

/* What the pacer drives. */
struct pacer_ops {
    /* Starts the lane's next call; false = the run is over. On the pacer's thread. */
    bool (*send)(struct lane *lane, uint64_t due_ns);
    /* Whether the run is over; asked while the next call is far off. */
    bool (*is_over)(const void *context);
    /* The lane is idle and the run is over; once for each. */
    void (*end)(struct lane *lane);
};

struct pacer {
    const struct pacer_ops *ops;
    const void *context; /* for is_over */
    double interval_ns;
    size_t n_lanes;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t given;
    struct lane **idle; /* guarded by the mutex */
    size_t n_idle;
};

/* For so many calls a second, above 0, over n_lanes lanes. RESOURCE_EXHAUSTED when memory is out.
 */
enum stated_code pacer_init(struct pacer *self, uint32_t rate, size_t n_lanes,
                            const struct pacer_ops *ops, const void *context) STATED_MUST_USE;

/* Frees. After pacer_join, or never started. */
void pacer_deinit(struct pacer *self);

/* The lane has no call in flight. Each lane is given once before the start, and then whenever its
   call has ended. Any thread, does not block. */
void pacer_give(struct pacer *self, struct lane *lane);

/* Starts: the first call is due now. RESOURCE_EXHAUSTED when there is no thread. */
enum stated_code pacer_start(struct pacer *self) STATED_MUST_USE;

/* Waits until every lane has ended. Blocks. */
void pacer_join(struct pacer *self);

#endif
