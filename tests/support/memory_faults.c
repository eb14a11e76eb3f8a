#include "memory_faults.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#define REPLACES __attribute__((visibility("default")))

/* The C library's own, under the names it keeps for this. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static __thread struct {
    bool counts;
    bool is_sticky;
    unsigned long nth;
    unsigned long seen;
} plan;

void memory_faults_plan(unsigned long nth, bool is_sticky)
{
    plan.nth = nth;
    plan.is_sticky = is_sticky;
    plan.seen = 0;
    plan.counts = true;
}

unsigned long memory_faults_end(void)
{
    plan.counts = false;
    return plan.seen;
}

static bool fails(void)
{
    if (!plan.counts) {
        return false;
    }
    plan.seen++;
    bool result =
        plan.nth != 0 && (plan.seen == plan.nth || (plan.is_sticky && plan.seen > plan.nth));
    if (result) {
        errno = ENOMEM;
    }
    return result;
}

REPLACES void *malloc(size_t size)
{
    return fails() ? NULL : __libc_malloc(size);
}

REPLACES void *calloc(size_t n, size_t size)
{
    return fails() ? NULL : __libc_calloc(n, size);
}

REPLACES void *realloc(void *memory, size_t size)
{
    return fails() ? NULL : __libc_realloc(memory, size);
}

REPLACES int posix_memalign(void **memory, size_t alignment, size_t size)
{
    if (fails()) {
        return ENOMEM;
    }
    *memory = __libc_memalign(alignment, size);
    return *memory == NULL ? ENOMEM : 0;
}
