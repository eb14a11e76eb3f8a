/* An alarm: a callback no later than the earliest time it was set to. */
#ifndef STATED_CLIENT_ALARM_H
#define STATED_CLIENT_ALARM_H

#include <nng/nng.h>
#include <stdbool.h>
#include <stdint.h>

/* Guarded by a lock of its owner, which is held around every function but init, stop and deinit.
   NNG allows that, because it never calls back on the caller's stack. */
struct alarm {
    nng_aio *sleep;
    uint64_t at_ns;
    bool is_set;
};

/* 0 or NNG's error. The callback runs on a thread of NNG; it begins with alarm_went_off. */
int alarm_init(struct alarm *self, void (*callback)(void *argument), void *argument);

/* The callback comes at this time of clock_now_ns, or earlier if it was set so before. */
void alarm_set(struct alarm *self, uint64_t at_ns);

/* The callback has come; another one comes only after alarm_set. */
void alarm_went_off(struct alarm *self);

/* Waits for the callback, if one is to come; there is none after this. Without the lock, and not
   from the callback. The alarm is not set from now on. */
void alarm_stop(struct alarm *self);

/* Waits for the callback if it runs, and frees. The alarm is not set. */
void alarm_deinit(struct alarm *self);

#endif
