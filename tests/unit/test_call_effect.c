#include "order/call_effect.h"

#include "test.h"

#include <string.h>

static const struct oracle_value none = {.kind = ORACLE_ABSENT};
static const struct oracle_value unknown = {.kind = ORACLE_UNKNOWN};

static struct oracle_value number(int64_t of)
{
    return oracle_value_number(of);
}

static struct oracle_value text(const char *of)
{
    return oracle_value_of(of, strlen(of));
}

static struct oracle_step steps[8];

/* A call with these steps; those on key 1 are in the way. */
static struct oracle_call call_of(const struct oracle_step *on_key_0, uint32_t n)
{
    struct oracle_call call = {.steps = steps, .n_steps = 2 * n};
    for (uint32_t i = 0; i < n; i++) {
        steps[2 * i] = (struct oracle_step){.action = ORACLE_PUT, .key = 1, .value = text("other")};
        steps[2 * i + 1] = on_key_0[i];
    }
    return call;
}

static void assert_applied(enum oracle_action action, struct oracle_value argument,
                           struct oracle_value before, bool fits, struct oracle_value after)
{
    struct oracle_call call =
        call_of(&(struct oracle_step){.action = action, .value = argument}, 1);
    struct oracle_value value = before;
    assert_int_equal(call_effect_apply(&call, 0, &value), fits);
    assert_true(!fits || oracle_value_same(value, after));
}

static void test_each_action_takes_effect(void **state)
{
    (void)state;
    assert_applied(ORACLE_EXPECT, text("a"), text("a"), true, text("a"));
    assert_applied(ORACLE_EXPECT, text("a"), text("b"), false, none);
    assert_applied(ORACLE_EXPECT, none, none, true, none);
    assert_applied(ORACLE_EXPECT, none, number(0), false, none);
    assert_applied(ORACLE_EXPECT, text("a"), unknown, true, text("a"));
    assert_applied(ORACLE_PUT, text("a"), number(1), true, text("a"));
    assert_applied(ORACLE_DELETE, none, text("a"), true, none);
    assert_applied(ORACLE_ADD, number(2), none, true, number(2));
    assert_applied(ORACLE_ADD, number(-2), number(1), true, number(-1));
    assert_applied(ORACLE_ADD, number(2), text("a"), false, none);
    assert_applied(ORACLE_ADD, number(2), unknown, true, unknown);
}

static void test_steps_take_effect_one_after_the_other(void **state)
{
    (void)state;
    const struct oracle_step list[] = {{.action = ORACLE_EXPECT, .value = number(1)},
                                       {.action = ORACLE_ADD, .value = number(1)},
                                       {.action = ORACLE_EXPECT, .value = number(2)}};
    struct oracle_call call = call_of(list, 3);
    struct oracle_value value = number(1);
    assert_true(call_effect_apply(&call, 0, &value));
    assert_true(oracle_value_same(value, number(2)));
    assert_false(call_effect_apply(&call, 0, &value));
    assert_true(call_effect_apply(&call, 2, &value)); /* which it has nothing to do with */
    assert_true(oracle_value_same(value, number(2)));
}

static void test_what_a_call_is(void **state)
{
    (void)state;
    struct oracle_value put;
    const struct oracle_step list[] = {{.action = ORACLE_EXPECT, .value = number(1)},
                                       {.action = ORACLE_PUT, .value = text("a")}};
    struct oracle_call read = call_of(list, 1);
    assert_true(call_effect_only_reads(&read, 0));
    assert_false(call_effect_only_reads(&read, 1));
    assert_true(call_effect_only_reads(&read, 2));
    assert_false(call_effect_only_puts(&read, 0, &put));
    assert_true(call_effect_only_puts(&read, 1, &put));
    assert_true(oracle_value_same(put, text("other")));
    assert_true(call_effect_shows(&read, 0, number(1)));
    assert_false(call_effect_shows(&read, 0, number(2)));
    assert_false(call_effect_shows(&read, 1, text("other")));

    struct oracle_call swap = call_of(list, 2);
    assert_false(call_effect_only_reads(&swap, 0));
    assert_false(call_effect_only_puts(&swap, 0, &put));
    assert_true(call_effect_shows(&swap, 0, number(1)));
    assert_false(call_effect_shows(&swap, 0, text("a")));
    assert_false(call_effect_only_puts(&swap, 1, &put)); /* twice */
}

static void test_calls_are_compared_by_one_key(void **state)
{
    (void)state;
    struct oracle_step first[] = {{.action = ORACLE_ADD, .value = number(1)},
                                  {.action = ORACLE_PUT, .key = 1, .value = text("a")}};
    struct oracle_step second[] = {{.action = ORACLE_PUT, .key = 1, .value = text("b")},
                                   {.action = ORACLE_ADD, .value = number(1)}};
    const struct oracle_call a = {.steps = first, .n_steps = 2};
    const struct oracle_call b = {.steps = second, .n_steps = 2};
    assert_true(call_effect_same(&a, &b, 0));
    assert_false(call_effect_same(&a, &b, 1));
    second[1].value = number(2);
    assert_false(call_effect_same(&a, &b, 0));
    second[1] = (struct oracle_step){.action = ORACLE_EXPECT, .value = number(1)};
    assert_false(call_effect_same(&a, &b, 0));
    const struct oracle_call empty = {.n_steps = 0};
    assert_false(call_effect_same(&a, &empty, 0));
    assert_true(call_effect_same(&empty, &empty, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_action_takes_effect),
        cmocka_unit_test(test_steps_take_effect_one_after_the_other),
        cmocka_unit_test(test_what_a_call_is),
        cmocka_unit_test(test_calls_are_compared_by_one_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
