/* Making a gate when the system has something less to give, at every call that can fail: it says
   so, and leaves nothing behind (the address sanitizer and the thread sanitizer look). The linker
   puts the functions below in the place of the system's (--wrap). */
#include "sched/gate.h"

#include "gate_layer.h"
#include "test.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

static int calls_until_failure = -1; /* -1: nothing fails */

static bool fails_now(void)
{
    return calls_until_failure >= 0 && calls_until_failure-- == 0;
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
    return fails_now() ? NULL : __real_calloc(n, size);
}

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *argument)
{
    return fails_now() ? EAGAIN : __real_pthread_create(thread, attributes, start, argument);
}

int __real_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes);
int __wrap_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes);
int __wrap_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes)
{
    return fails_now() ? ENOMEM : __real_pthread_mutex_init(mutex, attributes);
}

int __real_pthread_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attributes);
int __wrap_pthread_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attributes);
int __wrap_pthread_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attributes)
{
    return fails_now() ? ENOMEM : __real_pthread_cond_init(cond, attributes);
}

int __real_pthread_condattr_init(pthread_condattr_t *attributes);
int __wrap_pthread_condattr_init(pthread_condattr_t *attributes);
int __wrap_pthread_condattr_init(pthread_condattr_t *attributes)
{
    return fails_now() ? ENOMEM : __real_pthread_condattr_init(attributes);
}

static void test_every_failure_is_reported_and_leaves_nothing(void **state)
{
    (void)state;
    struct gate *gate = NULL;
    int n = 0;
    enum stated_code code = STATED_RESOURCE_EXHAUSTED;
    for (; code != STATED_OK; n++) {
        assert_in_range(n, 0, 100);
        calls_until_failure = n;
        code = gate_new(&layer_usual_options, &layer_ops, NULL, &gate);
        calls_until_failure = -1;
        assert_true(code == STATED_OK || code == STATED_RESOURCE_EXHAUSTED);
        assert_true((code == STATED_OK) == (gate != NULL));
    }
    print_message("%d calls can fail\n", n - 1);
    /* Memory, mutex and conditions of gate and pool, two workers, the timer. */
    assert_in_range(n - 1, 12, 20);
    gate_free(gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_failure_is_reported_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
