#include "memory_faults.h"

#include <errno.h>
#include <stdatomic.h>
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

/* The same for all threads but those that are spared. */
static struct {
    atomic_bool counts;
    atomic_bool is_sticky;
    atomic_ulong nth;
    atomic_ulong seen;
} everywhere;

static __thread bool is_spared;

void memory_faults_spare_me(void)
{
    is_spared = true;
}

void memory_faults_plan_everywhere(unsigned long nth, bool is_sticky)
{
    everywhere.nth = nth;
    everywhere.is_sticky = is_sticky;
    everywhere.seen = 0;
    everywhere.counts = true;
}

unsigned long memory_faults_end_everywhere(void)
{
    everywhere.counts = false;
    return everywhere.seen;
}

static bool is_due(unsigned long seen, unsigned long nth, bool is_sticky)
{
    return nth != 0 && (seen == nth || (is_sticky && seen > nth));
}

static bool fails(void)
{
    bool result = plan.counts && is_due(++plan.seen, plan.nth, plan.is_sticky);
    if (everywhere.counts && !is_spared) {
        result = is_due(++everywhere.seen, everywhere.nth, everywhere.is_sticky) || result;
    }
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
