#include "alarm.h"

#include "base/clock.h"

int alarm_init(struct alarm *self, void (*callback)(void *argument), void *argument)
{
    *self = (struct alarm){0};
    return nng_aio_alloc(&self->sleep, callback, argument);
}

void alarm_set(struct alarm *self, uint64_t at_ns)
{
    if (self->is_set) {
        if (at_ns < self->at_ns) {
            /* The callback comes at once, finds nothing due and sets the alarm anew. */
            nng_aio_abort(self->sleep, NNG_ECANCELED);
        }
        return;
    }
    uint64_t now = clock_now_ns();
    uint64_t left_ms = at_ns > now ? (at_ns - now + CLOCK_NS_PER_MS - 1) / CLOCK_NS_PER_MS : 0;
    self->is_set = true;
    self->at_ns = at_ns;
    nng_sleep_aio(left_ms > INT32_MAX ? INT32_MAX : (nng_duration)left_ms, self->sleep);
}

void alarm_went_off(struct alarm *self)
{
    self->is_set = false;
}

void alarm_stop(struct alarm *self)
{
    nng_aio_stop(self->sleep);
}

void alarm_deinit(struct alarm *self)
{
    nng_aio_free(self->sleep);
}
