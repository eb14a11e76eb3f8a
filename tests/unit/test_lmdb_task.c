/* Does a long operation say how far it is, from nothing to the whole, and stop when it is told? */
#include "engine/lmdb_task.h"

#include "test.h"

#include <stddef.h>

struct asker {
    unsigned told;
    unsigned last;
    bool goes_on;
};

static bool go_on(void *argument, unsigned permille)
{
    struct asker *self = argument;
    self->told++;
    self->last = permille;
    return self->goes_on;
}

static void test_phases_are_shares_of_the_whole(void **state)
{
    (void)state;
    struct asker asker = {.goes_on = true};
    const struct store_task task = {.go_on = go_on, .argument = &asker};
    struct lmdb_task self;
    lmdb_task_init(&self, &task);
    lmdb_task_phase(&self, 400, 10000);
    assert_true(lmdb_task_step(&self, 5000));
    assert_int_equal(asker.last, 200);
    assert_true(lmdb_task_step(&self, 5000));
    assert_int_equal(asker.last, 400);
    lmdb_task_phase(&self, 1000, 1000);
    assert_true(lmdb_task_step(&self, 500));
    assert_int_equal(asker.last, 700);
    /* An estimate that was too low does not go beyond the end. */
    assert_true(lmdb_task_step(&self, 5000));
    assert_int_equal(asker.last, 1000);
}

static void test_an_operation_can_be_part_of_a_longer_one(void **state)
{
    (void)state;
    struct asker asker = {.goes_on = true};
    const struct store_task task = {.go_on = go_on, .argument = &asker};
    struct lmdb_task self;
    lmdb_task_init(&self, &task);
    lmdb_task_enter(&self, 600);
    lmdb_task_phase(&self, 1000, 1000);
    assert_true(lmdb_task_step(&self, 500));
    assert_int_equal(asker.last, 300);
    lmdb_task_enter(&self, 1000);
    lmdb_task_phase(&self, 500, 1000);
    assert_true(lmdb_task_step(&self, 1000));
    assert_int_equal(asker.last, 800);
}

static void test_it_is_told_now_and_then_and_stops(void **state)
{
    (void)state;
    struct asker asker = {.goes_on = true};
    const struct store_task task = {.go_on = go_on, .argument = &asker};
    struct lmdb_task self;
    lmdb_task_init(&self, &task);
    lmdb_task_phase(&self, 1000, 100000);
    for (int i = 0; i < 10000; i++) {
        assert_true(lmdb_task_step(&self, 1));
    }
    assert_in_range(asker.told, 10, 1000);
    asker.goes_on = false;
    int more = 0;
    while (lmdb_task_step(&self, 1)) {
        more++;
    }
    assert_in_range(more, 0, 1000);
}

static void test_nobody_needs_to_ask(void **state)
{
    (void)state;
    struct lmdb_task self;
    lmdb_task_init(&self, NULL);
    lmdb_task_phase(&self, 1000, 0);
    assert_true(lmdb_task_step(&self, 100000));
    lmdb_task_phase(NULL, 1000, 5);
    assert_true(lmdb_task_step(NULL, 100000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_phases_are_shares_of_the_whole),
        cmocka_unit_test(test_an_operation_can_be_part_of_a_longer_one),
        cmocka_unit_test(test_it_is_told_now_and_then_and_stops),
        cmocka_unit_test(test_nobody_needs_to_ask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
