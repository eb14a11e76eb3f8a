/* Whose turn it is: nobody is in front of the others with more than the share. */
#include "net/share.h"

#include "base/clock.h"

#include "test.h"

enum { MAX_FRAMES = 64, COMPANY = 16, ALL = 2000 };

static const char one;
static const char other;

static void told(void *context, struct share_outlook *outlook)
{
    *outlook = *(struct share_outlook *)context;
}

static enum share_turn turn(struct share *self, uint32_t frames, uint32_t calls)
{
    return share_take_turn(self, &one, frames, calls);
}

static void test_who_asks_alone_has_all_its_frames(void **state)
{
    (void)state;
    struct share_outlook outlook = {.calls = ALL};
    struct share self;
    share_init(&self, MAX_FRAMES, told, &outlook);
    for (uint32_t frames = 0; frames < MAX_FRAMES; frames++) {
        assert_int_equal(turn(&self, frames, 128 * frames), SHARE_NOW);
    }
    assert_int_equal(turn(&self, MAX_FRAMES, MAX_FRAMES), SHARE_LATER);
    outlook.has_writes = true;
    assert_int_equal(turn(&self, MAX_FRAMES, MAX_FRAMES), SHARE_LATER);
}

static void test_who_asks_beside_another_has_few_reads_in_front_of_it(void **state)
{
    (void)state;
    struct share_outlook outlook = {.calls = ALL};
    struct share self;
    share_init(&self, MAX_FRAMES, told, &outlook);
    assert_int_equal(turn(&self, 1, COMPANY), SHARE_NOW);
    assert_int_equal(share_take_turn(&self, &other, 0, 0), SHARE_NOW);
    assert_int_equal(turn(&self, 1, COMPANY - 1), SHARE_NOW);
    assert_int_equal(turn(&self, COMPANY - 1, COMPANY - 1), SHARE_NOW);
    assert_int_equal(turn(&self, 1, COMPANY), SHARE_LATER);
    assert_int_equal(turn(&self, COMPANY, COMPANY), SHARE_LATER);
    /* One frame may be there, however much is in flight elsewhere or still being counted. */
    assert_int_equal(turn(&self, 0, 1000), SHARE_NOW);
}

static void test_what_shares_a_commit_is_not_held_back(void **state)
{
    (void)state;
    struct share_outlook outlook = {.has_writes = true, .calls = ALL};
    struct share self;
    share_init(&self, MAX_FRAMES, told, &outlook);
    assert_int_equal(share_take_turn(&self, &other, 0, 0), SHARE_NOW);
    assert_int_equal(turn(&self, MAX_FRAMES - 1, 1000), SHARE_NOW);
    assert_int_equal(turn(&self, MAX_FRAMES, 1000), SHARE_LATER);
}

static void test_where_answers_take_long_what_is_beyond_the_share_is_refused(void **state)
{
    (void)state;
    struct share_outlook outlook = {.is_long = true, .calls = ALL};
    struct share self;
    share_init(&self, MAX_FRAMES, told, &outlook);
    for (int alone = 1; alone >= 0; alone--) {
        assert_int_equal(turn(&self, MAX_FRAMES - 1, 1000), SHARE_NOW);
        assert_int_equal(turn(&self, MAX_FRAMES, 1000), SHARE_REFUSED);
        assert_int_equal(turn(&self, 2 * MAX_FRAMES - 1, 1000), SHARE_REFUSED);
        assert_int_equal(turn(&self, 2 * MAX_FRAMES, 1000), SHARE_LATER);
        assert_int_equal(share_take_turn(&self, &other, 0, 0), SHARE_NOW);
    }
}

static void test_who_waits_for_itself_alone_is_held_back_all_the_same(void **state)
{
    (void)state;
    struct share_outlook outlook = {.is_long = true, .calls = ALL};
    struct share self;
    share_init(&self, MAX_FRAMES, told, &outlook);
    assert_int_equal(turn(&self, 1, ALL), SHARE_NOW); /* nobody else is there */
    assert_int_equal(share_take_turn(&self, &other, 0, 0), SHARE_NOW);
    assert_int_equal(turn(&self, 1, ALL / 2), SHARE_NOW);
    assert_int_equal(turn(&self, 1, ALL / 2 + 1), SHARE_LATER);
    assert_int_equal(turn(&self, MAX_FRAMES, ALL), SHARE_REFUSED);
    outlook.has_writes = true;
    assert_int_equal(turn(&self, 1, ALL), SHARE_NOW);
}

static void test_company_ends_some_time_after_the_other_has_asked(void **state)
{
    (void)state;
    struct share self;
    share_init(&self, MAX_FRAMES, NULL, NULL);
    assert_int_equal(share_take_turn(&self, &other, 0, 0), SHARE_NOW);
    assert_int_equal(turn(&self, 1, COMPANY), SHARE_LATER);
    atomic_store(&self.changing_ns, clock_now_ns() - 2000 * CLOCK_NS_PER_MS);
    assert_int_equal(turn(&self, 1, COMPANY), SHARE_NOW);
    assert_int_equal(share_take_turn(&self, &other, 0, 0), SHARE_NOW);
    assert_int_equal(turn(&self, 1, COMPANY), SHARE_LATER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_asks_alone_has_all_its_frames),
        cmocka_unit_test(test_who_asks_beside_another_has_few_reads_in_front_of_it),
        cmocka_unit_test(test_what_shares_a_commit_is_not_held_back),
        cmocka_unit_test(test_where_answers_take_long_what_is_beyond_the_share_is_refused),
        cmocka_unit_test(test_who_waits_for_itself_alone_is_held_back_all_the_same),
        cmocka_unit_test(test_company_ends_some_time_after_the_other_has_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
