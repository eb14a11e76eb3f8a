/* Do calls share frames in their order and within the bounds, and parked ones never? */
#include "test.h"

#include "coalesce.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const struct coalesce_rules rules = {
    .enabled = true, .max_calls = 4, .max_bytes = 100, .max_frames = 2};

static bool add(struct coalesce_frame *frame, size_t bytes, enum stated_access access)
{
    return coalesce_add(&rules, frame, bytes, access, false);
}

static void test_how_many_frames(void **state)
{
    (void)state;
    assert_true(coalesce_may_start(&rules, 0, STATED_ACCESS_READ));
    assert_true(coalesce_may_start(&rules, 1, STATED_ACCESS_WRITE));
    assert_false(coalesce_may_start(&rules, 2, STATED_ACCESS_READ));
    assert_true(coalesce_may_start(&rules, 2, STATED_ACCESS_PARK));
    struct coalesce_rules off = rules;
    off.enabled = false;
    assert_true(coalesce_may_start(&off, 1, STATED_ACCESS_READ));
    assert_false(coalesce_may_start(&off, 2, STATED_ACCESS_READ));
}

static void test_bounds(void **state)
{
    (void)state;
    struct coalesce_frame frame = {0};
    for (int i = 0; i < 4; i++) {
        assert_true(add(&frame, 10, STATED_ACCESS_READ));
    }
    assert_false(add(&frame, 10, STATED_ACCESS_READ));
    frame = (struct coalesce_frame){0};
    assert_true(add(&frame, 60, STATED_ACCESS_READ));
    assert_false(add(&frame, 41, STATED_ACCESS_WRITE));
    assert_true(add(&frame, 40, STATED_ACCESS_WRITE));
    assert_false(add(&frame, 0, STATED_ACCESS_WRITE));
    frame = (struct coalesce_frame){0};
    assert_true(add(&frame, 5000, STATED_ACCESS_READ)); /* the first always fits, and fills it */
    assert_false(add(&frame, 1, STATED_ACCESS_READ));
    assert_int_equal(frame.n_calls, 1);
    assert_int_equal(frame.bytes, 5000);
}

static void test_who_shares_with_nobody(void **state)
{
    (void)state;
    struct coalesce_frame frame = {0};
    assert_true(add(&frame, 1, STATED_ACCESS_PARK));
    assert_false(add(&frame, 1, STATED_ACCESS_READ));
    frame = (struct coalesce_frame){0};
    assert_true(add(&frame, 1, STATED_ACCESS_READ));
    assert_false(add(&frame, 1, STATED_ACCESS_PARK));
    assert_false(coalesce_add(&rules, &frame, 1, STATED_ACCESS_READ, true));
    frame = (struct coalesce_frame){0};
    assert_true(coalesce_add(&rules, &frame, 1, STATED_ACCESS_READ, true));
    assert_false(add(&frame, 1, STATED_ACCESS_READ));
    struct coalesce_rules off = rules;
    off.enabled = false;
    frame = (struct coalesce_frame){0};
    assert_true(coalesce_add(&off, &frame, 1, STATED_ACCESS_READ, false));
    assert_false(coalesce_add(&off, &frame, 1, STATED_ACCESS_READ, false));
}

/* Random calls cut into frames: none is lost or overtaken, the bounds hold, and no frame could have
   taken the call that follows it. */
static void test_any_calls(void **state)
{
    (void)state;
    const char *given = getenv("TEST_SEED");
    unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    printf("TEST_SEED=%u\n", seed);
    srand(seed);
    struct coalesce_frame frame = {0};
    bool private = false;
    for (int i = 0; i < 100000; i++) {
        size_t bytes = (size_t)rand() % 60;
        enum stated_access access = (enum stated_access)(1 + rand() % 4);
        bool alone = rand() % 8 == 0;
        bool shares = access != STATED_ACCESS_PARK && !alone;
        bool fits = frame.n_calls == 0 || (shares && !private && frame.n_calls < 4 &&
                                           frame.bytes + bytes <= 100 && frame.bytes < 100);
        struct coalesce_frame before = frame;
        assert_int_equal(coalesce_add(&rules, &frame, bytes, access, alone), fits);
        if (!fits) {
            assert_int_equal(frame.n_calls, before.n_calls);
            assert_int_equal(frame.bytes, before.bytes);
            frame = (struct coalesce_frame){0};
            assert_true(coalesce_add(&rules, &frame, bytes, access, alone));
        }
        private = !shares;
        assert_true(frame.n_calls == 1 || (frame.n_calls <= 4 && frame.bytes <= 100));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_how_many_frames),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_who_shares_with_nobody),
        cmocka_unit_test(test_any_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
