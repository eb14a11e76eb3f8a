/* Does the kv layer survive that any one allocation fails, and give back all it took? */
#include "test.h"

#include "served.h"

#include "stated/kv.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

enum { MOST = 500, WATCHED = 30, PATIENCE_MS = 60000 };

static struct served served;
static struct stated_client *client;
static struct stated_status status;

/* The client's memory: one allocation fails, and all that is taken is counted. */
static atomic_int until_failure; /* 0 = none fails */
static atomic_int live;

static void *take(void *data, size_t size)
{
    (void)data;
    int left = atomic_load(&until_failure);
    while (left > 0 && !atomic_compare_exchange_weak(&until_failure, &left, left - 1)) {
    }
    void *memory = left == 1 ? NULL : malloc(size);
    atomic_fetch_add(&live, memory != NULL);
    return memory;
}

static void give(void *data, void *memory)
{
    (void)data;
    atomic_fetch_sub(&live, memory != NULL);
    free(memory);
}

static ProtobufCAllocator allocator = {.alloc = take, .free = give};

static int set_up(void **state)
{
    (void)state;
    struct stated_client_options options = STATED_CLIENT_OPTIONS_INIT;
    served_start(&served);
    options.endpoint = served.url;
    options.allocator = &allocator;
    return stated_client_open(&options, &client, &status) != STATED_OK;
}

static int tear_down(void **state)
{
    (void)state;
    stated_client_close(client);
    served_stop(&served);
    if (atomic_load(&live) != 0) {
        print_error("%d allocations were not given back\n", atomic_load(&live));
    }
    return atomic_load(&live) != 0;
}

static enum stated_code get(void)
{
    struct stated_kv_entry *entry;
    enum stated_code code = stated_kv_get(client, stated_text("k"), NULL, &entry, &status);
    assert_int_equal(entry != NULL, code == STATED_OK);
    stated_kv_entry_free(entry);
    return code;
}

static enum stated_code add(void)
{
    int64_t value;
    return stated_kv_add(client, stated_text("n"), 1, NULL, &value, &status);
}

static enum stated_code compare(void)
{
    struct stated_kv_entry *current;
    enum stated_code code = stated_kv_compare_and_set(client, stated_text("k"), 0, stated_text("v"),
                                                      NULL, NULL, &current, &status);
    assert_int_equal(current != NULL, code == STATED_ABORTED);
    stated_kv_entry_free(current);
    return code == STATED_ABORTED ? STATED_OK : code;
}

static enum stated_code scan(void)
{
    struct stated_kv_scan_options options = STATED_KV_SCAN_OPTIONS_INIT;
    struct stated_kv_scan *self;
    options.page_entries = 1;
    enum stated_code code = stated_kv_scan_open(client, NULL, &options, &self, &status);
    int n = 0;
    while (stated_kv_scan_next(self) != NULL) {
        n++;
    }
    enum stated_code end = stated_kv_scan_close(self, &status);
    code = code == STATED_OK ? end : code;
    assert_true(code != STATED_OK || n == 2);
    return code;
}

static enum stated_code batch(void)
{
    struct stated_kv_batch *self = stated_kv_batch_new();
    stated_kv_batch_if_absent(self, stated_text("k"));
    enum stated_code code = stated_kv_batch_write(client, self, NULL, NULL, &status);
    stated_kv_batch_free(self);
    return code == STATED_ABORTED ? STATED_OK : code;
}

static void ignore(void *argument, const struct stated_kv_event *events, size_t n)
{
    (void)argument;
    (void)events;
    (void)n;
}

static enum stated_code watch(void)
{
    struct stated_kv_watch *self;
    enum stated_code code = stated_kv_watch_start(client, NULL, NULL, ignore, NULL, &self, &status);
    assert_int_equal(self != NULL, code == STATED_OK);
    stated_kv_watch_stop(self);
    return code;
}

static enum stated_kv_change append(void *argument, const struct stated_kv_entry *now,
                                    struct stated_bytes *value)
{
    (void)argument;
    *value = now == NULL ? stated_text("") : now->value;
    return STATED_KV_SET;
}

static enum stated_code update(void)
{
    return stated_kv_update(client, stated_text("k"), append, NULL, NULL, NULL, &status);
}

/* Calls it with the first, the second, … allocation failing, until none is left that could. */
static void sweep(enum stated_code (*call)(void))
{
    int failures = 0;
    for (int n = 1; n < MOST; n++) {
        atomic_store(&until_failure, n);
        enum stated_code code = call();
        bool has_failed = atomic_exchange(&until_failure, 0) == 0;
        failures += has_failed;
        if (!has_failed) {
            assert_int_equal(code, STATED_OK);
            assert_true(failures > 0);
            assert_int_equal(call(), STATED_OK);
            return;
        }
    }
    fail_msg("it allocates without end");
}

static void test_any_allocation_may_fail(void **state)
{
    (void)state;
    assert_int_equal(stated_kv_put(client, stated_text("k"), stated_text("v"), NULL, NULL, &status),
                     STATED_OK);
    sweep(get);
    sweep(add);
    sweep(compare);
    sweep(scan);
    sweep(batch);
    sweep(update);
    sweep(watch);
}

static atomic_uint told;

static void count(void *argument, const struct stated_kv_event *events, size_t n)
{
    (void)argument;
    (void)events;
    atomic_fetch_add(&told, (unsigned)n);
}

/* Whatever the allocation is for: the change is told, once. */
static void test_a_watch_goes_on(void **state)
{
    (void)state;
    struct stated_client *other = served_client(&served);
    struct stated_kv_watch *self;
    assert_int_equal(stated_kv_watch_start(client, NULL, NULL, count, NULL, &self, &status),
                     STATED_OK);
    for (int n = 1; n <= WATCHED; n++) {
        atomic_store(&until_failure, n);
        assert_int_equal(
            stated_kv_put(other, stated_text("w"), stated_text("v"), NULL, NULL, &status),
            STATED_OK);
        for (int waited_ms = 0; atomic_load(&told) < (unsigned)n; waited_ms++) {
            assert_true(waited_ms < PATIENCE_MS);
            poll(NULL, 0, 1);
        }
        assert_int_equal(atomic_load(&told), n);
    }
    atomic_store(&until_failure, 0);
    stated_kv_watch_stop(self);
    stated_client_close(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_allocation_may_fail),
        cmocka_unit_test(test_a_watch_goes_on),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
