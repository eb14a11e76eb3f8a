/* How long a call that arrives now would wait (for its grant, or for its answer), judged by how
   long the last ones did. Pure. Not synchronised.

   Two moving averages over the calls that had to queue: how many were ahead of them, and how long
   they waited. A call with as many ahead can expect that wait, one with fewer its part of it. It is
   never extrapolated to a longer queue: group commit makes deep queues cheaper per call, so a guess
   from a short queue would refuse calls that can be served. An empty server always estimates 0, and
   an average that nothing has confirmed for a second is forgotten, so refusing cannot feed itself.
 */
#ifndef STATED_SCHED_ESTIMATE_H
#define STATED_SCHED_ESTIMATE_H

#include <stdint.h>

#define ESTIMATE_MEMORY_NS UINT64_C(1000000000)

/* In place; zero is the estimate that knows nothing. */
struct estimate {
    double ahead;
    double wait_ns;
    uint64_t learned_ns;
};

/* A call that had `ahead` before it has been granted after wait_ns. */
void estimate_learn(struct estimate *self, uint32_t ahead, uint64_t wait_ns, uint64_t now_ns);

/* The expected wait of a call with `ahead` before it. */
uint64_t estimate_wait_ns(const struct estimate *self, uint32_t ahead, uint64_t now_ns);

#endif
