/* Does a hash set know exactly what was added to it, at any size? */
#include "engine/hash_set.h"

#include "test.h"

static uint64_t hash_of(uint64_t i)
{
    return i * i * UINT64_C(0x9E3779B97F4A7C15) + i;
}

static void test_it_knows_what_was_added(void **state)
{
    (void)state;
    enum { N = 20000 };
    struct hash_set set = {0};
    assert_false(hash_set_has(&set, 0));
    for (int round = 0; round < 2; round++) {
        for (uint64_t i = 0; i < N; i++) {
            bool is_new;
            assert_true(hash_set_add(&set, hash_of(i), &is_new));
            assert_int_equal(is_new, round == 0);
        }
    }
    assert_int_equal(set.n, N);
    for (uint64_t i = 0; i < N; i++) {
        assert_true(hash_set_has(&set, hash_of(i)));
        assert_false(hash_set_has(&set, hash_of(i + N)));
    }
    hash_set_free(&set);
    assert_false(hash_set_has(&set, hash_of(1)));
}

static void test_hashes_that_collide_are_told_apart(void **state)
{
    (void)state;
    struct hash_set set = {0};
    for (uint64_t i = 1; i < 300; i++) {
        bool is_new;
        assert_true(hash_set_add(&set, i << 32, &is_new)); /* all in one slot at first */
        assert_true(is_new);
        assert_true(hash_set_has(&set, i << 32));
        assert_false(hash_set_has(&set, (i + 1) << 32));
    }
    hash_set_free(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_knows_what_was_added),
        cmocka_unit_test(test_hashes_that_collide_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
