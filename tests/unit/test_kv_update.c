/* Compare-and-set, once and in a loop: does each change happen exactly once, whoever else writes?
 */
#include "test.h"

#include "base/clock.h"
#include "kv_fixture.h"
#include "rep_double.h"

#include "stated/v1/state.pb-c.h"
#include "stated/v1/state.stated-client.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 4, ROUNDS = 25, PATIENCE_MS = 60000 };

static struct stated_kv_entry *get(const char *key)
{
    struct stated_kv_entry *entry;
    assert_int_equal(stated_kv_get(client, stated_text(key), NULL, &entry, &status), STATED_OK);
    return entry;
}

static void assert_value(const char *key, const char *value)
{
    struct stated_kv_entry *entry = get(key);
    assert_string_equal((const char *)entry->value.data, value);
    stated_kv_entry_free(entry);
}

static void test_set_when_unchanged(void **state)
{
    (void)state;
    struct stated_bytes key = stated_text("cas");
    struct stated_kv_entry *current;
    uint64_t revision;
    uint64_t next;
    assert_int_equal(stated_kv_compare_and_set(client, key, 0, stated_text("one"), NULL, &revision,
                                               &current, &status),
                     STATED_OK);
    assert_null(current);
    assert_int_equal(stated_kv_compare_and_set(client, key, revision, stated_text("two"), NULL,
                                               &next, &current, &status),
                     STATED_OK);
    assert_true(next > revision);
    assert_value("cas", "two");
}

static void test_set_when_changed(void **state)
{
    (void)state;
    struct stated_bytes key = stated_text("changed");
    struct stated_kv_entry *current;
    uint64_t first;
    uint64_t revision;
    char expected[STATED_MESSAGE_BYTES];
    assert_int_equal(stated_kv_put(client, key, stated_text("1"), NULL, &first, NULL), STATED_OK);
    kv_fixture_put("changed", "2");
    assert_int_equal(stated_kv_compare_and_set(client, key, first, stated_text("3"), NULL,
                                               &revision, &current, &status),
                     STATED_ABORTED);
    snprintf(expected, sizeof(expected),
             "nothing was written: \"changed\" is at revision %llu, not %llu",
             (unsigned long long)first + 1, (unsigned long long)first);
    assert_string_equal(status.message, expected);
    assert_int_equal(revision, 0);
    assert_string_equal((const char *)current->value.data, "2");
    assert_int_equal(current->mod_revision, first + 1);
    stated_kv_entry_free(current);
    assert_int_equal(
        stated_kv_compare_and_set(client, key, 0, stated_text("3"), NULL, NULL, NULL, &status),
        STATED_ABORTED);
    assert_non_null(strstr(status.message, "\"changed\" is there already, at revision"));
    assert_value("changed", "2");
}

static void test_set_when_gone(void **state)
{
    (void)state;
    struct stated_kv_entry *current;
    assert_int_equal(stated_kv_compare_and_set(client, stated_text("gone"), 1, stated_text("2"),
                                               NULL, NULL, &current, &status),
                     STATED_ABORTED);
    assert_null(current);
    assert_string_equal(
        status.message,
        "nothing was written: there is no key \"gone\"; it was to be at revision 1");
}

/* An updater that does as it is told, after somebody else has changed the key a number of times. */
struct plan {
    const char *key;
    unsigned intrusions;
    unsigned calls;
    bool saw_none;
    enum stated_kv_change change;
    const char *value;
    unsigned prompt; /* after so many calls it takes until late_ns to follow; late_ns 0: never */
    uint64_t late_ns;
    char seen[24];
};

static enum stated_kv_change follow(void *argument, const struct stated_kv_entry *now,
                                    struct stated_bytes *value)
{
    struct plan *plan = argument;
    plan->calls++;
    while (plan->calls > plan->prompt && clock_now_ns() < plan->late_ns) {
        sched_yield();
    }
    plan->saw_none = now == NULL;
    if (now != NULL) {
        snprintf(plan->seen, sizeof(plan->seen), "%s", (const char *)now->value.data);
    }
    if (plan->intrusions > 0) {
        char intruder[24];
        snprintf(intruder, sizeof(intruder), "intruder %u", plan->intrusions--);
        kv_fixture_put(plan->key, intruder);
    }
    *value = stated_text(plan->value);
    return plan->change;
}

static enum stated_code update(struct plan *plan, uint64_t *revision)
{
    return stated_kv_update(client, stated_text(plan->key), follow, plan, NULL, revision, &status);
}

static void test_update_makes_a_key(void **state)
{
    (void)state;
    uint64_t revision;
    struct plan plan = {.key = "made", .change = STATED_KV_SET, .value = "1"};
    assert_int_equal(update(&plan, &revision), STATED_OK);
    assert_true(plan.saw_none);
    assert_int_equal(plan.calls, 1);
    assert_true(revision > 0);
    assert_value("made", "1");
}

static void test_update_tries_again(void **state)
{
    (void)state;
    uint64_t revision;
    struct plan plan = {
        .key = "contended", .intrusions = 5, .change = STATED_KV_SET, .value = "mine"};
    assert_int_equal(update(&plan, &revision), STATED_OK);
    assert_int_equal(plan.calls, 6);
    assert_string_equal(plan.seen, "intruder 1");
    assert_value("contended", "mine");
    struct stated_kv_entry *entry = get("contended");
    assert_int_equal(entry->version, 6);
    assert_int_equal(entry->mod_revision, revision);
    stated_kv_entry_free(entry);
}

static void test_update_keeps(void **state)
{
    (void)state;
    uint64_t revision = 1;
    kv_fixture_put("kept", "as it is");
    struct plan plan = {.key = "kept", .change = STATED_KV_KEEP, .value = "not this"};
    assert_int_equal(update(&plan, &revision), STATED_OK);
    assert_int_equal(revision, 0);
    assert_value("kept", "as it is");
}

static void test_update_removes(void **state)
{
    (void)state;
    uint64_t revision;
    kv_fixture_put("removed", "1");
    struct plan plan = {.key = "removed", .intrusions = 1, .change = STATED_KV_REMOVE};
    assert_int_equal(update(&plan, &revision), STATED_OK);
    assert_int_equal(plan.calls, 2);
    assert_true(revision > 0);
    assert_int_equal(stated_kv_get(client, stated_text("removed"), NULL, NULL, &status),
                     STATED_NOT_FOUND);
    assert_int_equal(update(&plan, &revision), STATED_OK);
    assert_int_equal(revision, 0);
}

static void test_update_ends_with_its_time(void **state)
{
    (void)state;
    struct stated_kv_options options = STATED_KV_OPTIONS_INIT;
    struct plan plan = {.key = "busy",
                        .intrusions = UINT32_MAX,
                        .change = STATED_KV_SET,
                        .value = "never",
                        .prompt = 1};
    options.timeout_ms = 500;
    plan.late_ns = clock_now_ns() + (options.timeout_ms + 250) * CLOCK_NS_PER_MS;
    assert_int_equal(
        stated_kv_update(client, stated_text("busy"), follow, &plan, &options, NULL, &status),
        STATED_DEADLINE_EXCEEDED);
    assert_int_equal(plan.calls, 2);
    assert_string_equal(status.message,
                        "nothing was written: others changed \"busy\" before each of 1 try");
    assert_string_not_equal(plan.seen, "never");
}

static void test_bad_arguments(void **state)
{
    (void)state;
    struct plan plan = {.key = "odd", .change = (enum stated_kv_change)7, .value = ""};
    assert_int_equal(update(&plan, NULL), STATED_INVALID_ARGUMENT);
    assert_string_equal(status.message,
                        "the updater returned 7, which is no enum stated_kv_change");
    assert_int_equal(stated_kv_update(client, stated_text("odd"), NULL, NULL, NULL, NULL, &status),
                     STATED_INVALID_ARGUMENT);
    assert_string_equal(status.message, "updater is NULL");
    assert_int_equal(stated_kv_update(client, stated_text(""), follow, &plan, NULL, NULL, &status),
                     STATED_INVALID_ARGUMENT);
}

/* Appends one character. */
static enum stated_kv_change append(void *argument, const struct stated_kv_entry *now,
                                    struct stated_bytes *value)
{
    char *text = argument;
    size_t size = now == NULL ? 0 : now->value.size;
    if (now != NULL) {
        memcpy(text, now->value.data, size);
    }
    text[size] = '.';
    *value = (struct stated_bytes){text, size + 1};
    return STATED_KV_SET;
}

static void *append_often(void *argument)
{
    char text[THREADS * ROUNDS + 1];
    for (int i = 0; i < ROUNDS; i++) {
        struct stated_kv_options options = STATED_KV_OPTIONS_INIT;
        options.timeout_ms = PATIENCE_MS;
        if (stated_kv_update(client, stated_text("shared"), append, text, &options, NULL, NULL) !=
            STATED_OK) {
            return NULL;
        }
    }
    return argument;
}

static void test_many_threads_lose_nothing(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, append_often, &served), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        assert_non_null(result);
    }
    struct stated_kv_entry *entry = get("shared");
    assert_int_equal(entry->value.size, THREADS * ROUNDS);
    assert_int_equal(entry->version, THREADS * ROUNDS);
    stated_kv_entry_free(entry);
}

static atomic_int from_callback;
static char said_from_callback[STATED_MESSAGE_BYTES];

static void call_from_callback(void *argument, const struct stated_status *told,
                               Stated__V1__ReadResponse *response)
{
    struct stated_status mine;
    (void)told;
    stated__v1__read_response__free_unpacked(response, NULL);
    enum stated_code code = stated_kv_get(argument, stated_text("k"), NULL, NULL, &mine);
    strcpy(said_from_callback, mine.message);
    atomic_store(&from_callback, (int)code);
}

static void test_from_a_callback(void **state)
{
    (void)state;
    Stated__V1__Selector selector = STATED__V1__SELECTOR__INIT;
    Stated__V1__Selector *select[] = {&selector};
    Stated__V1__ReadRequest request = STATED__V1__READ_REQUEST__INIT;
    selector.kind_case = STATED__V1__SELECTOR__KIND_PREFIX;
    request.select = select;
    request.n_select = 1;
    atomic_store(&from_callback, STATED_OK);
    assert_int_equal(stated_v1_state_service_read_async(client, NULL, &request, call_from_callback,
                                                        client, &status),
                     STATED_OK);
    for (int waited_ms = 0; atomic_load(&from_callback) == STATED_OK; waited_ms++) {
        assert_true(waited_ms < PATIENCE_MS);
        poll(NULL, 0, 1);
    }
    assert_int_equal(atomic_load(&from_callback), STATED_FAILED_PRECONDITION);
    assert_non_null(strstr(said_from_callback, "callback"));
}

/* A server that answers reads with no entry, and refuses every write without a word of why. */
static void refuse(void *argument, const Stated__V1__RequestFrame *frame, struct rep_answer *answer)
{
    (void)argument;
    Stated__V1__ReadResponse nothing = STATED__V1__READ_RESPONSE__INIT;
    Stated__V1__WriteResponse refused = STATED__V1__WRITE_RESPONSE__INIT;
    bool is_read = strstr(frame->calls[0]->method, "/Read") != NULL;
    rep_answer_ok(answer, is_read ? &nothing.base : &refused.base);
}

static void test_a_key_that_is_never_as_it_was(void **state)
{
    (void)state;
    struct rep_double *server = rep_double_start(refuse, NULL);
    struct stated_client_options open = STATED_CLIENT_OPTIONS_INIT;
    struct stated_kv_options options = STATED_KV_OPTIONS_INIT;
    struct stated_client *other;
    struct plan plan = {.change = STATED_KV_SET, .value = "never", .prompt = 10};
    open.endpoint = rep_double_url(server);
    options.timeout_ms = 500;
    assert_int_equal(stated_client_open(&open, &other, &status), STATED_OK);
    /* Its time is over between two tries, since one that is under way then ends as it may. */
    plan.late_ns = clock_now_ns() + (options.timeout_ms + 250) * CLOCK_NS_PER_MS;
    assert_int_equal(
        stated_kv_update(other, stated_text("k"), follow, &plan, &options, NULL, &status),
        STATED_DEADLINE_EXCEEDED);
    assert_true(plan.saw_none);
    assert_string_equal(status.message,
                        "nothing was written: others changed \"k\" before each of 10 tries");
    stated_client_close(other);
    rep_double_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_when_unchanged),
        cmocka_unit_test(test_set_when_changed),
        cmocka_unit_test(test_set_when_gone),
        cmocka_unit_test(test_update_makes_a_key),
        cmocka_unit_test(test_update_tries_again),
        cmocka_unit_test(test_update_keeps),
        cmocka_unit_test(test_update_removes),
        cmocka_unit_test(test_update_ends_with_its_time),
        cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_many_threads_lose_nothing),
        cmocka_unit_test(test_from_a_callback),
        cmocka_unit_test(test_a_key_that_is_never_as_it_was),
    };
    return cmocka_run_group_tests(tests, kv_fixture_set_up, kv_fixture_tear_down);
}
