/* Does a client keep to the numbers that a server can remember? */
#include "test.h"

#include "numbering.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const uint8_t id[NUMBERING_ID_BYTES] = {1, 2, 3};

static uint64_t take(struct numbering *numbering)
{
    uint64_t sequence = 0;
    assert_true(numbering_take(numbering, &sequence));
    return sequence;
}

static void test_sequences_count_from_one(void **state)
{
    (void)state;
    struct numbering numbering;
    numbering_init(&numbering, id);
    assert_memory_equal(numbering.id, id, sizeof(id));
    assert_int_equal(take(&numbering), 1);
    assert_int_equal(take(&numbering), 2);
    assert_int_equal(numbering.floor, 1);
}

static void test_the_floor_waits_for_the_lowest(void **state)
{
    (void)state;
    struct numbering numbering;
    numbering_init(&numbering, id);
    for (int i = 0; i < 3; i++) {
        take(&numbering);
    }
    numbering_settle(&numbering, 2);
    assert_int_equal(numbering.floor, 1);
    numbering_settle(&numbering, 1);
    assert_int_equal(numbering.floor, 3);
    numbering_settle(&numbering, 3);
    assert_int_equal(numbering.floor, 4);
}

static void test_no_more_than_a_server_remembers(void **state)
{
    (void)state;
    struct numbering numbering;
    uint64_t sequence;
    numbering_init(&numbering, id);
    for (uint64_t i = 1; i <= NUMBERING_WINDOW; i++) {
        assert_int_equal(take(&numbering), i);
    }
    for (uint64_t i = 2; i <= NUMBERING_WINDOW; i++) {
        assert_false(numbering_take(&numbering, &sequence));
        numbering_settle(&numbering, i);
    }
    assert_false(numbering_take(&numbering, &sequence));
    numbering_settle(&numbering, 1);
    assert_int_equal(numbering.floor, NUMBERING_WINDOW + 1);
    assert_int_equal(take(&numbering), NUMBERING_WINDOW + 1);
}

/* Against a plain list of what is open. */
static void test_any_order(void **state)
{
    (void)state;
    enum { STEPS = 200000 };
    static bool open[STEPS + 2];
    const char *given = getenv("TEST_SEED");
    unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    printf("TEST_SEED=%u\n", seed);
    srand(seed);
    memset(open, 0, sizeof(open));
    struct numbering numbering;
    numbering_init(&numbering, id);
    uint64_t lowest = 1;
    uint64_t next = 1;
    for (int step = 0; step < STEPS; step++) {
        uint64_t sequence;
        bool room = next - lowest < NUMBERING_WINDOW;
        if (rand() % 2 || next == lowest) {
            assert_int_equal(numbering_take(&numbering, &sequence), room);
            if (room) {
                assert_int_equal(sequence, next);
                open[next++] = true;
            }
        } else {
            sequence = lowest + (uint64_t)rand() % (next - lowest);
            while (!open[sequence]) {
                sequence = sequence + 1 == next ? lowest : sequence + 1;
            }
            numbering_settle(&numbering, sequence);
            open[sequence] = false;
            while (lowest < next && !open[lowest]) {
                lowest++;
            }
        }
        assert_int_equal(numbering.floor, lowest);
        assert_int_equal(numbering.next, next);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sequences_count_from_one),
        cmocka_unit_test(test_the_floor_waits_for_the_lowest),
        cmocka_unit_test(test_no_more_than_a_server_remembers),
        cmocka_unit_test(test_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
