/* Does the retry policy send again what may be sent again, and nothing else? */
#include "test.h"

#include "retry.h"

#include "base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define NOW_NS (UINT64_C(1000) * CLOCK_NS_PER_S)
#define DEADLINE_NS (NOW_NS + UINT64_C(10) * CLOCK_NS_PER_S)

static const struct retry_policy policy = {
    .retries = true, .pause_min_ms = 10, .pause_max_ms = 1000};

static struct retry_call call_of(enum stated_access access, bool numbered)
{
    return (struct retry_call){
        .access = access, .numbered = numbered, .tries = 1, .deadline_ns = DEADLINE_NS};
}

static enum retry_action reply(const struct retry_call *call, enum stated_code code,
                               uint32_t retry_after_ms)
{
    uint64_t at_ns = 0;
    return retry_after_reply(&policy, call, code, false, retry_after_ms, NOW_NS, 7, &at_ns);
}

static enum retry_action lose(const struct retry_policy *with, const struct retry_call *call)
{
    uint64_t at_ns = 0;
    return retry_after_loss(with, call, NOW_NS, 7, &at_ns);
}

static void test_a_lost_call(void **state)
{
    (void)state;
    static const struct {
        enum stated_access access;
        bool numbered;
        enum retry_action action;
    } rows[] = {
        {STATED_ACCESS_READ, false, RETRY_AGAIN}, {STATED_ACCESS_NONE, false, RETRY_AGAIN},
        {STATED_ACCESS_PARK, false, RETRY_END},   {STATED_ACCESS_WRITE, false, RETRY_END},
        {STATED_ACCESS_WRITE, true, RETRY_AGAIN},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct retry_call call = call_of(rows[i].access, rows[i].numbered);
        assert_int_equal(lose(&policy, &call), rows[i].action);
        call.once = true;
        assert_int_equal(lose(&policy, &call), RETRY_END);
        call.once = false;
        struct retry_policy none = policy;
        none.retries = false;
        assert_int_equal(lose(&none, &call), RETRY_END);
    }
}

static void test_a_call_that_is_lost_again_and_again_slows_down(void **state)
{
    (void)state;
    struct retry_call call = call_of(STATED_ACCESS_READ, false);
    uint64_t longest = 0;
    for (call.tries = 3; call.tries < 20; call.tries++) {
        uint64_t at_ns = 0;
        assert_int_equal(retry_after_loss(&policy, &call, NOW_NS, 1023, &at_ns), RETRY_LATER);
        assert_true(at_ns - NOW_NS >= longest);
        longest = at_ns - NOW_NS;
    }
    assert_in_range(longest, 900 * CLOCK_NS_PER_MS, 1000 * CLOCK_NS_PER_MS);
    struct retry_policy bounded = policy;
    bounded.max_tries = 5;
    call.tries = 5;
    assert_int_equal(lose(&bounded, &call), RETRY_END);
}

static void test_refusals_that_pass(void **state)
{
    (void)state;
    struct retry_call call = call_of(STATED_ACCESS_WRITE, false);
    assert_int_equal(reply(&call, STATED_UNAVAILABLE, 0), RETRY_LATER);
    assert_int_equal(reply(&call, STATED_RESOURCE_EXHAUSTED, 20), RETRY_LATER);
    assert_int_equal(reply(&call, STATED_RESOURCE_EXHAUSTED, 0), RETRY_END); /* a full disk */
    assert_int_equal(reply(&call, STATED_ABORTED, 5), RETRY_END);
    assert_int_equal(reply(&call, STATED_DEADLINE_EXCEEDED, 5), RETRY_END);
    assert_int_equal(reply(&call, STATED_UNKNOWN, 0), RETRY_END);
    call.numbered = true;
    assert_int_equal(reply(&call, STATED_UNKNOWN, 0), RETRY_LATER);
}

static void test_the_servers_advice_is_kept(void **state)
{
    (void)state;
    struct retry_call call = call_of(STATED_ACCESS_READ, false);
    for (uint32_t random = 0; random < 5000; random += 7) {
        uint64_t at_ns = 0;
        assert_int_equal(retry_after_reply(&policy, &call, STATED_RESOURCE_EXHAUSTED, false, 500,
                                           NOW_NS, random, &at_ns),
                         RETRY_LATER);
        assert_in_range(at_ns - NOW_NS, 505 * CLOCK_NS_PER_MS, 510 * CLOCK_NS_PER_MS);
    }
}

static void test_no_pause_that_the_time_does_not_have(void **state)
{
    (void)state;
    struct retry_call call = call_of(STATED_ACCESS_READ, false);
    call.deadline_ns = NOW_NS + 400 * CLOCK_NS_PER_MS;
    assert_int_equal(reply(&call, STATED_RESOURCE_EXHAUSTED, 500), RETRY_END);
    assert_int_equal(reply(&call, STATED_RESOURCE_EXHAUSTED, 300), RETRY_END);
    assert_int_equal(reply(&call, STATED_RESOURCE_EXHAUSTED, 200), RETRY_LATER);
}

static void test_a_shared_frame_had_no_room(void **state)
{
    (void)state;
    struct retry_call call = call_of(STATED_ACCESS_READ, false);
    call.shared = true;
    call.once = true; /* it was not executed: this is no second time */
    assert_int_equal(reply(&call, STATED_RESOURCE_EXHAUSTED, 0), RETRY_ALONE);
}

static void test_a_server_without_a_record(void **state)
{
    (void)state;
    struct retry_call call = call_of(STATED_ACCESS_WRITE, true);
    assert_int_equal(reply(&call, STATED_UNIMPLEMENTED, 0), RETRY_PLAIN);
    call.doubt = true;
    assert_int_equal(reply(&call, STATED_UNIMPLEMENTED, 0), RETRY_UNCERTAIN);
    call = call_of(STATED_ACCESS_WRITE, false);
    assert_int_equal(reply(&call, STATED_UNIMPLEMENTED, 0), RETRY_END);
}

/* An earlier try may have been executed: which answers settle that? */
static void test_doubt(void **state)
{
    (void)state;
    static const enum stated_code open[] = {
        STATED_RESOURCE_EXHAUSTED, STATED_FAILED_PRECONDITION,
        STATED_DEADLINE_EXCEEDED,  STATED_CANCELLED,
        STATED_INTERNAL,           STATED_DATA_LOSS,
        STATED_PERMISSION_DENIED,  STATED_UNAUTHENTICATED,
    };
    static const enum stated_code settled[] = {STATED_OK, STATED_INVALID_ARGUMENT, STATED_NOT_FOUND,
                                               STATED_OUT_OF_RANGE, STATED_ABORTED};
    struct retry_call call = call_of(STATED_ACCESS_WRITE, true);
    uint64_t at_ns;
    call.doubt = true;
    for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++) {
        assert_int_equal(reply(&call, open[i], 0), RETRY_UNCERTAIN);
        assert_int_equal(retry_after_reply(&policy, &call, open[i], true, 0, NOW_NS, 1, &at_ns),
                         RETRY_END); /* a stored answer is the answer */
    }
    for (size_t i = 0; i < sizeof(settled) / sizeof(settled[0]); i++) {
        assert_int_equal(reply(&call, settled[i], 0), RETRY_END);
    }
    call.access = STATED_ACCESS_READ;
    assert_int_equal(reply(&call, STATED_FAILED_PRECONDITION, 0), RETRY_END);
}

/* Whatever happens, in any order: a write without a sequence is never sent again once a try may
   have been executed, and nothing is sent after its time or against its caller's wish. */
static void test_any_history(void **state)
{
    (void)state;
    const char *given = getenv("TEST_SEED");
    unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    printf("TEST_SEED=%u\n", seed);
    srand(seed);
    for (int i = 0; i < 20000; i++) {
        struct retry_call call = call_of((enum stated_access)(1 + rand() % 4), false);
        struct retry_policy with = policy;
        uint64_t now_ns = NOW_NS;
        call.numbered = call.access == STATED_ACCESS_WRITE && rand() % 2;
        call.once = rand() % 8 == 0;
        with.max_tries = (uint32_t)rand() % 6;
        for (int step = 0; step < 50; step++) {
            uint64_t at_ns = now_ns;
            bool lost = rand() % 2;
            call.shared = rand() % 2;
            enum stated_code code = (enum stated_code)(1 + rand() % 16);
            enum retry_action action =
                lost ? retry_after_loss(&with, &call, now_ns, (uint32_t)rand(), &at_ns)
                     : retry_after_reply(&with, &call, code, rand() % 8 == 0,
                                         rand() % 2 ? (uint32_t)rand() % 50 : 0, now_ns,
                                         (uint32_t)rand(), &at_ns);
            call.doubt = call.doubt || lost;
            call.refusals += !lost;
            if (action == RETRY_END || action == RETRY_UNCERTAIN) {
                assert_true(action == RETRY_END || call.doubt);
                break;
            }
            assert_true(at_ns >= now_ns && at_ns < call.deadline_ns);
            assert_true(call.access != STATED_ACCESS_WRITE || call.numbered || !call.doubt);
            assert_true(action != RETRY_AGAIN && action != RETRY_LATER ? true : !call.once);
            if (action == RETRY_PLAIN) {
                assert_false(call.doubt);
                call.numbered = false;
            }
            now_ns = at_ns;
            call.tries++;
            bool executed_never = action == RETRY_ALONE || action == RETRY_PLAIN;
            assert_true(with.max_tries == 0 || executed_never || call.tries <= with.max_tries);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_lost_call),
        cmocka_unit_test(test_a_call_that_is_lost_again_and_again_slows_down),
        cmocka_unit_test(test_refusals_that_pass),
        cmocka_unit_test(test_the_servers_advice_is_kept),
        cmocka_unit_test(test_no_pause_that_the_time_does_not_have),
        cmocka_unit_test(test_a_shared_frame_had_no_room),
        cmocka_unit_test(test_a_server_without_a_record),
        cmocka_unit_test(test_doubt),
        cmocka_unit_test(test_any_history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
