/* Preloaded: the machine's wall clock jumps by up to years with every look at it, forth and back.
   Monotonic clocks stay as they are. */
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define REPLACES __attribute__((visibility("default")))

static time_t jump(void)
{
    static const time_t jumps[] = {0, 86400, -86400, 40000000, -400000000, 3600, -3600, 900000000};
    static atomic_uint looks;
    return jumps[atomic_fetch_add(&looks, 1) % (sizeof(jumps) / sizeof(jumps[0]))];
}

REPLACES int clock_gettime(clockid_t clock, struct timespec *now)
{
    int rc = (int)syscall(SYS_clock_gettime, clock, now);
    if (rc == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        now->tv_sec += jump();
    }
    return rc;
}

REPLACES int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec real;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &real);
    *now = (struct timeval){.tv_sec = real.tv_sec, .tv_usec = real.tv_nsec / 1000};
    return 0;
}

REPLACES time_t time(time_t *out)
{
    struct timespec real;
    clock_gettime(CLOCK_REALTIME, &real);
    if (out != NULL) {
        *out = real.tv_sec;
    }
    return real.tv_sec;
}
