/* The timing wheel against the plain definition: due is what has deadline <= now. */
#include "sched/deadline.h"

#include "test.h"

#include <stdlib.h>

#define TICK_NS (UINT64_C(1) << DEADLINE_TICK_BITS)
#define START_NS (UINT64_C(1000) * TICK_NS + 17)
#define TURN_NS (DEADLINE_SLOTS * TICK_NS)

static struct deadline wheel;

static int setup(void **state)
{
    (void)state;
    deadline_init(&wheel, START_NS);
    return 0;
}

static struct gate_entry entry_at(uint64_t deadline_ns)
{
    return (struct gate_entry){.deadline_ns = deadline_ns};
}

static uint64_t add(struct gate_entry *entry)
{
    list_node_init(&entry->timer_node);
    return deadline_add(&wheel, entry);
}

static size_t take_due(uint64_t now_ns)
{
    struct list due;
    size_t n = 0;
    list_init(&due);
    deadline_take_due(&wheel, now_ns, &due);
    while (list_pop_front(&due) != NULL) {
        n++;
    }
    return n;
}

static void test_an_empty_wheel_never_needs_a_look(void **state)
{
    (void)state;
    assert_true(deadline_next_ns(&wheel) == DEADLINE_NEVER_NS);
    assert_int_equal(take_due(START_NS + 5 * TURN_NS), 0);
}

static void test_an_entry_is_due_at_the_tick_after_its_deadline(void **state)
{
    (void)state;
    struct gate_entry entry = entry_at(START_NS + 10 * TICK_NS);
    uint64_t due_ns = add(&entry);
    assert_in_range(due_ns, entry.deadline_ns, entry.deadline_ns + TICK_NS);
    assert_true(deadline_next_ns(&wheel) == due_ns);
    assert_int_equal(take_due(due_ns - 1), 0);
    assert_int_equal(take_due(due_ns), 1);
    assert_true(deadline_next_ns(&wheel) == DEADLINE_NEVER_NS);
    assert_int_equal(take_due(due_ns + TURN_NS), 0);
}

static void test_a_removed_entry_is_never_due_and_wakes_nobody(void **state)
{
    (void)state;
    struct gate_entry entry = entry_at(START_NS + TICK_NS);
    struct gate_entry same_slot = entry_at(START_NS + TICK_NS + 1);
    add(&entry);
    uint64_t due_ns = add(&same_slot);
    deadline_remove(&wheel, &entry);
    deadline_remove(&wheel, &entry);
    assert_true(deadline_next_ns(&wheel) == due_ns);
    deadline_remove(&wheel, &same_slot);
    assert_true(deadline_next_ns(&wheel) == DEADLINE_NEVER_NS);
    assert_int_equal(take_due(START_NS + TURN_NS), 0);
}

static void test_a_deadline_beyond_a_turn_waits_for_its_own_turn(void **state)
{
    (void)state;
    struct gate_entry far = entry_at(START_NS + 3 * TURN_NS);
    uint64_t due_ns = add(&far);
    for (uint64_t now_ns = START_NS; now_ns < due_ns; now_ns += TURN_NS / 7) {
        assert_int_equal(take_due(now_ns), 0);
        assert_true(deadline_next_ns(&wheel) <= due_ns);
    }
    assert_int_equal(take_due(due_ns), 1);
}

static void test_a_long_pause_misses_nothing(void **state)
{
    (void)state;
    struct gate_entry entries[] = {entry_at(START_NS + TICK_NS), entry_at(START_NS + TURN_NS - 1),
                                   entry_at(START_NS + TURN_NS + 5 * TICK_NS),
                                   entry_at(START_NS + 90 * TURN_NS)};
    for (size_t i = 0; i < 4; i++) {
        add(&entries[i]);
    }
    assert_int_equal(take_due(START_NS + 50 * TURN_NS), 3);
    assert_int_equal(take_due(START_NS + 91 * TURN_NS), 1);
}

static void test_an_entry_added_behind_the_sweep_is_due_at_the_next_tick(void **state)
{
    (void)state;
    uint64_t now_ns = START_NS + 20 * TICK_NS;
    assert_int_equal(take_due(now_ns), 0);
    struct gate_entry stale = entry_at(START_NS + 2 * TICK_NS);
    uint64_t due_ns = add(&stale);
    assert_in_range(due_ns, now_ns, now_ns + TICK_NS);
    assert_int_equal(take_due(due_ns), 1);
}

static void test_a_taken_entry_can_be_removed_from_the_list_of_due_ones(void **state)
{
    (void)state;
    struct gate_entry entry = entry_at(START_NS + TICK_NS);
    struct list due;
    list_init(&due);
    add(&entry);
    deadline_take_due(&wheel, START_NS + TURN_NS, &due);
    assert_false(list_is_empty(&due));
    deadline_remove(&wheel, &entry);
    assert_true(list_is_empty(&due));
}

#define N_RANDOM 300

/* Random adds, removes and sweeps; each entry must be taken at the first sweep at or after its
   tick, and the wheel must have asked for a sweep by then. */
static void test_random_schedules_match_the_definition(void **state)
{
    (void)state;
    static struct gate_entry entries[N_RANDOM];
    bool in[N_RANDOM] = {false};
    unsigned seed = 20240229;
    uint64_t now_ns = START_NS;
    size_t taken = 0;
    print_message("seed %u\n", seed);
    srandom(seed);
    for (int round = 0; round < 20000; round++) {
        size_t i = (size_t)random() % N_RANDOM;
        if (in[i]) {
            deadline_remove(&wheel, &entries[i]);
        } else {
            entries[i] = entry_at(now_ns + (uint64_t)random() % (2 * TURN_NS));
            add(&entries[i]);
        }
        in[i] = !in[i];
        if (round % 5 != 0) {
            continue;
        }
        now_ns += (uint64_t)random() % (round % 50 == 0 ? TURN_NS : 4 * TICK_NS);
        struct list due;
        list_init(&due);
        uint64_t look_ns = deadline_next_ns(&wheel);
        deadline_take_due(&wheel, now_ns, &due);
        assert_true(look_ns <= now_ns || list_is_empty(&due));
        for (struct list_node *node = list_pop_front(&due); node != NULL;
             node = list_pop_front(&due)) {
            struct gate_entry *entry = CONTAINER_OF(node, struct gate_entry, timer_node);
            assert_true(entry->deadline_ns <= now_ns);
            in[entry - entries] = false;
            taken++;
        }
        for (size_t k = 0; k < N_RANDOM; k++) {
            assert_false(in[k] && entries[k].deadline_ns + TICK_NS <= now_ns);
        }
    }
    assert_true(taken > 100);
}

#define CASE(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_an_empty_wheel_never_needs_a_look),
        CASE(test_an_entry_is_due_at_the_tick_after_its_deadline),
        CASE(test_a_removed_entry_is_never_due_and_wakes_nobody),
        CASE(test_a_deadline_beyond_a_turn_waits_for_its_own_turn),
        CASE(test_a_long_pause_misses_nothing),
        CASE(test_an_entry_added_behind_the_sweep_is_due_at_the_next_tick),
        CASE(test_a_taken_entry_can_be_removed_from_the_list_of_due_ones),
        CASE(test_random_schedules_match_the_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
