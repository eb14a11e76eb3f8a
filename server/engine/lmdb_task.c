#include "engine/lmdb_task.h"

#include <stddef.h>

enum { WHOLE = 1000, TELL_STEPS = 256 };

void lmdb_task_init(struct lmdb_task *self, const struct store_task *asker)
{
    *self = (struct lmdb_task){.asker = asker, .share = WHOLE, .untold = TELL_STEPS};
}

void lmdb_task_enter(struct lmdb_task *self, unsigned to)
{
    bool is_first = self->share == WHOLE;
    self->base = is_first ? 0 : self->base + self->share;
    self->share = to - self->base;
    self->from = 0;
    self->to = 0;
}

void lmdb_task_phase(struct lmdb_task *self, unsigned to, uint64_t steps)
{
    if (self != NULL) {
        self->from = self->to;
        self->to = to;
        self->done = 0;
        self->steps = steps;
    }
}

static unsigned permille(const struct lmdb_task *self)
{
    uint64_t done = self->done < self->steps ? self->done : self->steps;
    uint64_t of_phase = self->steps > 0 ? (self->to - self->from) * done / self->steps : 0;
    return self->base + (unsigned)(self->share * (self->from + of_phase) / WHOLE);
}

bool lmdb_task_step(struct lmdb_task *self, uint64_t steps)
{
    if (self == NULL) {
        return true;
    }
    self->done += steps;
    self->untold += steps;
    if (self->asker == NULL || self->untold < TELL_STEPS) {
        return true;
    }
    self->untold = 0;
    return self->asker->go_on(self->asker->argument, permille(self));
}
