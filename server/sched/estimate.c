#include "sched/estimate.h"

#include <stdbool.h>

/* Each sample stands for a whole run, so a few of them are a good average. */
static const double weight = 1.0 / 8;

static bool is_forgotten(const struct estimate *self, uint64_t now_ns)
{
    return now_ns > self->learned_ns && now_ns - self->learned_ns > ESTIMATE_MEMORY_NS;
}

void estimate_learn(struct estimate *self, uint32_t ahead, uint64_t wait_ns, uint64_t now_ns)
{
    double share = is_forgotten(self, now_ns) ? 1.0 : weight;
    self->ahead += share * ((double)ahead - self->ahead);
    self->wait_ns += share * ((double)wait_ns - self->wait_ns);
    self->learned_ns = now_ns;
}

uint64_t estimate_wait_ns(const struct estimate *self, uint32_t ahead, uint64_t now_ns)
{
    if (ahead == 0 || is_forgotten(self, now_ns)) {
        return 0;
    }
    double part = ahead < self->ahead ? ahead / self->ahead : 1.0;
    return (uint64_t)(self->wait_ns * part);
}
