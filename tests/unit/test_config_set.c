#include "order/config_set.h"

#include "test.h"

enum { MANY = 5000 };

static struct config config_of(uint64_t number)
{
    struct config config = {.value = oracle_value_number((int64_t)(number % 7))};
    for (size_t bit = 0; bit < 64; bit++) {
        if ((number >> bit & 1) != 0) {
            config_set_done(&config, 3 * bit);
        }
    }
    return config;
}

static void test_slots_are_marked_and_cleared_one_by_one(void **state)
{
    (void)state;
    struct config config = {0};
    for (size_t slot = 0; slot < CONFIG_SLOTS; slot++) {
        assert_false(config_has(&config, slot));
        config_set_done(&config, slot);
        assert_true(config_has(&config, slot));
        assert_false(slot + 1 < CONFIG_SLOTS && config_has(&config, slot + 1));
    }
    config_clear_done(&config, 64);
    assert_false(config_has(&config, 64));
    assert_true(config_has(&config, 63) && config_has(&config, 65));
}

static void test_members_come_once_and_in_order(void **state)
{
    (void)state;
    struct config_set set = {0};
    for (int round = 0; round < 2; round++) {
        for (uint64_t i = 0; i < MANY; i++) {
            struct config config = config_of(i);
            assert_true(config_set_add(&set, &config));
        }
        assert_int_equal(set.n, MANY);
    }
    for (uint64_t i = 0; i < MANY; i++) {
        struct config config = config_of(i);
        assert_memory_equal(set.members[i].done, config.done, sizeof config.done);
    }
    config_set_deinit(&set);
    assert_int_equal(set.n, 0);
}

static void test_the_value_is_part_of_a_member(void **state)
{
    (void)state;
    struct config_set set = {0};
    struct config config = {0};
    const enum oracle_kind kinds[] = {ORACLE_ABSENT, ORACLE_BYTES, ORACLE_NUMBER, ORACLE_UNKNOWN};
    for (size_t i = 0; i < 4; i++) {
        config.value = (struct oracle_value){.kind = kinds[i]};
        assert_true(config_set_add(&set, &config));
        config.value.bits = 1;
        assert_true(config_set_add(&set, &config));
    }
    assert_int_equal(set.n, 8);
    config_set_deinit(&set);
}

static void test_a_cleared_set_is_empty_and_of_use(void **state)
{
    (void)state;
    struct config_set set = {0};
    config_set_clear(&set);
    for (uint64_t members = 1; members <= MANY; members *= 5) {
        for (int round = 0; round < 3; round++) {
            for (uint64_t i = 0; i < members; i++) {
                struct config config = config_of(i);
                assert_true(config_set_add(&set, &config));
            }
            assert_int_equal(set.n, members);
            config_set_clear(&set);
            assert_int_equal(set.n, 0);
        }
    }
    struct config config = config_of(1);
    assert_true(config_set_add(&set, &config));
    config_set_clear(&set);
    assert_true(config_set_add(&set, &config));
    assert_int_equal(set.n, 1);
    config_set_deinit(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slots_are_marked_and_cleared_one_by_one),
        cmocka_unit_test(test_members_come_once_and_in_order),
        cmocka_unit_test(test_the_value_is_part_of_a_member),
        cmocka_unit_test(test_a_cleared_set_is_empty_and_of_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
