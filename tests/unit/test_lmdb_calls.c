/* Does a numbered write happen once, however often and over however many restarts it is sent, and
   is what can no longer be known refused? */
#include "store_fixture.h"

#include "test.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct store_fixture fixture;
static struct arena *const arena = &fixture.arena;

static int set_up(void **state)
{
    (void)state;
    fixture_init(&fixture);
    fixture_open(&fixture);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_deinit(&fixture);
    return 0;
}

static void reopen(void)
{
    fixture_close(&fixture);
    fixture_open(&fixture);
}

static const uint8_t *client(uint32_t number)
{
    uint8_t *id = arena_alloc(arena, 16);
    assert_non_null(id);
    memset(id, 0, 16);
    memcpy(id, &number, sizeof(number));
    return id;
}

static struct store_op *numbered(Stated__V1__WriteRequest *write, uint32_t of, uint64_t sequence)
{
    struct store_op *op = op_write(&fixture, write);
    op->once = (struct store_once){
        .client_id = client(of), .sequence = sequence, .acked_below = 1, .request_hash = 77};
    return op;
}

static struct store_op *run(struct store_op *op)
{
    fixture_run(&fixture, STORE_EXCLUSIVE, &op, 1);
    return op;
}

static Stated__V1__WriteRequest *add(const char *key)
{
    Stated__V1__WriteRequest *write =
        write_mutation(arena, write_new(arena), mutation_add(arena, key, 1));
    write->return_previous = true;
    return write;
}

static struct store_op *count(uint32_t of, uint64_t sequence)
{
    return run(numbered(add("count"), of, sequence));
}

static void assert_count(const char *expected)
{
    assert_entry(fixture_get(&fixture, "count"), "count", expected);
}

static void test_a_repeated_write_gets_the_first_answer(void **state)
{
    (void)state;
    count(1, 1);
    struct store_op *first = count(1, 2);
    assert_outcome(first, STATED_OK, "");
    assert_false(first->replayed);
    count(2, 1); /* another client, another write */
    assert_count("3");
    for (int restart = 0; restart < 2; restart++) {
        struct store_op *again = count(1, 2);
        assert_outcome(again, STATED_OK, "");
        assert_true(again->replayed);
        assert_true(again->write_response->applied);
        assert_int_equal(again->write_response->revision, 2);
        assert_int_equal(again->write_response->n_previous, 1);
        assert_entry(again->write_response->previous[0], "count", "1");
        assert_count("3");
        reopen();
    }
}

static void test_repetitions_within_a_run_happen_once(void **state)
{
    (void)state;
    struct store_op *ops[] = {numbered(add("count"), 1, 1), numbered(add("count"), 1, 1),
                              numbered(add("count"), 1, 2), numbered(add("count"), 1, 1)};
    fixture_run(&fixture, STORE_EXCLUSIVE, ops, 4);
    assert_false(ops[0]->replayed);
    assert_true(ops[1]->replayed);
    assert_false(ops[2]->replayed);
    assert_true(ops[3]->replayed);
    assert_int_equal(ops[3]->write_response->revision, 1);
    assert_count("2");
}

static void test_writes_without_a_number_are_never_repetitions(void **state)
{
    (void)state;
    struct store_op *op = numbered(add("count"), 1, 0);
    run(op);
    op = numbered(add("count"), 1, 5);
    op->once.client_id = NULL;
    run(op);
    op = numbered(add("count"), 1, 5);
    assert_false(run(op)->replayed);
    assert_count("3");
}

static void test_sequences_may_come_in_any_order(void **state)
{
    (void)state;
    const uint64_t order[] = {5, 1, 4, 1u << 30, 2, 3};
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < 6; i++) {
            struct store_op *op = count(1, order[i]);
            assert_outcome(op, STATED_OK, "");
            assert_int_equal(op->replayed, round == 1);
            assert_int_equal(op->write_response->revision, i + 1);
        }
    }
    assert_count("6");
}

static void test_another_request_under_the_same_number_is_refused(void **state)
{
    (void)state;
    count(1, 1);
    struct store_op *op = numbered(add("count"), 1, 1);
    op->once.request_hash = 78;
    assert_outcome(run(op), STATED_INVALID_ARGUMENT, "sequence 1 was used by this client");
    assert_false(op->replayed);
    assert_count("1");
}

/* An answer that says no is as final as one that says yes: a repetition that comes late must not
   do what its sender was told had not been done. */
static void test_refusals_that_follow_from_the_state_are_remembered(void **state)
{
    (void)state;
    Stated__V1__WriteRequest *guarded =
        write_guard(arena, add("count"), guard_exists(arena, "lock", true));
    struct store_op *op = run(numbered(guarded, 1, 1));
    assert_outcome(op, STATED_OK, "");
    assert_false(op->write_response->applied);
    fixture_put(&fixture, "count", "text");
    assert_outcome(count(1, 2), STATED_FAILED_PRECONDITION, "no decimal number");
    fixture_put(&fixture, "count", "9223372036854775807");
    assert_outcome(count(1, 3), STATED_OUT_OF_RANGE, "64-bit");
    fixture_put(&fixture, "count", "0");
    fixture_put(&fixture, "lock", "held");
    reopen();
    op = run(numbered(guarded, 1, 1));
    assert_outcome(op, STATED_OK, "");
    assert_true(op->replayed);
    assert_false(op->write_response->applied);
    op = count(1, 2);
    assert_outcome(op, STATED_FAILED_PRECONDITION, "\"count\" is \"text\", no decimal number");
    assert_true(op->replayed);
    assert_outcome(count(1, 3), STATED_OUT_OF_RANGE, "64-bit");
    assert_count("0");
}

static void test_refusals_for_want_of_room_are_not_remembered(void **state)
{
    (void)state;
    fixture_put(&fixture, "count", "1");
    struct store_op *op = numbered(add("count"), 1, 1);
    op->max_response_bytes = 10;
    assert_outcome(run(op), STATED_RESOURCE_EXHAUSTED, "");
    op = count(1, 1);
    assert_outcome(op, STATED_OK, "");
    assert_false(op->replayed);
    assert_count("2");
}

static void test_acknowledged_answers_are_forgotten_and_their_numbers_refused(void **state)
{
    (void)state;
    for (uint64_t sequence = 1; sequence <= 5; sequence++) {
        count(1, sequence);
    }
    struct store_op *op = numbered(add("count"), 1, 6);
    op->once.acked_below = 4;
    run(op);
    assert_outcome(count(1, 3), STATED_FAILED_PRECONDITION,
                   "sequence 3 of this client was acknowledged or forgotten, the lowest it may use "
                   "is 4");
    assert_true(count(1, 4)->replayed);
    reopen();
    assert_outcome(count(1, 1), STATED_FAILED_PRECONDITION, "");
    assert_true(count(1, 5)->replayed);
    /* A write below what it acknowledges itself makes no sense either. */
    op = numbered(add("count"), 1, 7);
    op->once.acked_below = 8;
    assert_outcome(run(op), STATED_FAILED_PRECONDITION, "the lowest it may use is 8");
    assert_count("6");
}

/* Were the last number of all taken, the lowest that may follow it would be 0, and everything be
   applied again. */
static void test_there_is_always_a_next_number(void **state)
{
    (void)state;
    fixture.options.max_clients = 2;
    reopen();
    count(1, 1);
    assert_outcome(count(1, UINT64_MAX), STATED_INVALID_ARGUMENT,
                   "sequence 18446744073709551615 is the last of all");
    assert_outcome(count(1, UINT64_MAX - 1), STATED_OK, "");
    assert_count("2");
    for (uint32_t i = 2; i <= 3; i++) { /* with them the first client's answers are forgotten */
        count(i, 1);
    }
    assert_outcome(count(1, 1), STATED_FAILED_PRECONDITION, "is 18446744073709551615");
    assert_outcome(count(1, UINT64_MAX - 1), STATED_FAILED_PRECONDITION, "");
    assert_outcome(count(1, UINT64_MAX), STATED_INVALID_ARGUMENT, "");
    assert_count("4");
}

static void test_a_client_has_a_bounded_number_of_answers(void **state)
{
    (void)state;
    fixture.options.max_client_answers = 4;
    reopen();
    for (uint64_t sequence = 1; sequence <= 10; sequence++) {
        count(1, sequence);
    }
    for (uint64_t sequence = 1; sequence <= 6; sequence++) {
        assert_outcome(count(1, sequence), STATED_FAILED_PRECONDITION, "is 7");
    }
    for (uint64_t sequence = 7; sequence <= 10; sequence++) {
        assert_true(count(1, sequence)->replayed);
    }
    assert_count("10");
}

static void test_the_client_that_was_silent_longest_is_forgotten_first(void **state)
{
    (void)state;
    fixture.options.max_clients = 3;
    reopen();
    for (uint32_t i = 1; i <= 3; i++) {
        count(i, 1);
    }
    count(1, 2); /* now 2 is the oldest */
    count(4, 1);
    assert_outcome(count(2, 1), STATED_FAILED_PRECONDITION, "is 2");
    assert_true(count(1, 1)->replayed);
    assert_true(count(3, 1)->replayed);
    assert_true(count(4, 1)->replayed);
    assert_count("5");
    /* It goes on with its next number; then 3 is the oldest. */
    assert_outcome(count(2, 2), STATED_OK, "");
    assert_outcome(count(3, 1), STATED_FAILED_PRECONDITION, "");
    assert_true(count(2, 2)->replayed);
    reopen();
    assert_outcome(count(2, 1), STATED_FAILED_PRECONDITION, "");
    assert_outcome(count(3, 1), STATED_FAILED_PRECONDITION, "");
}

static void test_answers_have_a_bounded_number_of_bytes(void **state)
{
    (void)state;
    fixture.options.max_answer_bytes = 20000;
    reopen();
    ProtobufCBinaryData value = request_fill(arena, 'x', 4000);
    for (uint32_t i = 1; i <= 10; i++) { /* each answer has the previous value */
        Stated__V1__WriteRequest *write =
            write_mutation(arena, write_new(arena),
                           mutation_put_bytes(arena, request_text(arena, "large"), value));
        write->return_previous = true;
        assert_outcome(run(numbered(write, i, 1)), STATED_OK, "");
    }
    assert_outcome(count(6, 1), STATED_FAILED_PRECONDITION, "");
    assert_true(count(7, 1)->replayed);
    assert_true(count(10, 1)->replayed);
    /* One client alone: its lowest go. */
    for (uint64_t sequence = 1; sequence <= 10; sequence++) {
        Stated__V1__WriteRequest *write =
            write_mutation(arena, write_new(arena),
                           mutation_put_bytes(arena, request_text(arena, "large"), value));
        write->return_previous = true;
        assert_outcome(run(numbered(write, 99, sequence)), STATED_OK, "");
    }
    assert_outcome(count(10, 1), STATED_FAILED_PRECONDITION, "");
    assert_outcome(count(99, 6), STATED_FAILED_PRECONDITION, "");
    assert_true(count(99, 7)->replayed);
}

static void test_forgotten_clients_are_bounded_too(void **state)
{
    (void)state;
    fixture.options.max_clients = 2;
    fixture.options.max_forgotten = 3;
    reopen();
    for (uint32_t i = 1; i <= 10; i++) {
        count(i, 1);
    }
    /* 9 and 10 have answers, 6 to 8 are known by their number, the others not at all. */
    assert_true(count(9, 1)->replayed);
    for (uint32_t i = 6; i <= 8; i++) {
        assert_outcome(count(i, 1), STATED_FAILED_PRECONDITION, "");
    }
    assert_false(count(5, 1)->replayed);
}

static void test_an_aborted_run_remembers_nothing(void **state)
{
    (void)state;
    fixture_deinit(&fixture);
    fixture_init(&fixture);
    fixture.options.size_limit_bytes = 1 << 20;
    fixture_open(&fixture);
    /* One write of the run does not fit: all are executed again, one by one. */
    Stated__V1__WriteRequest *large = write_mutation(
        arena, write_new(arena),
        mutation_put_bytes(arena, request_text(arena, "large"), request_fill(arena, 'x', 900000)));
    struct store_op *ops[] = {numbered(add("count"), 1, 1), numbered(large, 1, 2),
                              numbered(add("count"), 1, 3), numbered(add("count"), 1, 1)};
    fixture_run(&fixture, STORE_EXCLUSIVE, ops, 4);
    assert_outcome(ops[0], STATED_OK, "");
    assert_false(ops[0]->replayed);
    assert_outcome(ops[1], STATED_RESOURCE_EXHAUSTED, "");
    assert_outcome(ops[2], STATED_OK, "");
    assert_true(ops[3]->replayed);
    assert_count("2");
    assert_outcome(run(numbered(large, 1, 2)), STATED_RESOURCE_EXHAUSTED, "");
    assert_true(count(1, 3)->replayed);
}

/* Random writes of random clients, sent again at random, over restarts and with tight bounds: each
   adds to a key of its own, which must never show more than 1. */
struct sent {
    uint64_t revision; /* of the first answer; 0: none yet */
    bool was_refused;
};

static void random_write(unsigned *seed, struct sent sent[8][60], uint64_t acked[8])
{
    uint32_t of = (uint32_t)rand_r(seed) % 8;
    uint64_t sequence = 1 + (uint64_t)rand_r(seed) % 59;
    if (rand_r(seed) % 20 == 0 && sequence > acked[of]) {
        acked[of] = sequence / 2;
    }
    struct sent *before = &sent[of][sequence];
    const char *key = arena_format(arena, "once/%u/%" PRIu64, of, sequence);
    struct store_op *op = numbered(add(key), of, sequence);
    op->once.acked_below = acked[of];
    run(op);
    if (op->code == STATED_FAILED_PRECONDITION) {
        before->was_refused = true;
        return;
    }
    assert_outcome(op, STATED_OK, "");
    assert_false(before->was_refused); /* what is refused once stays so */
    assert_int_equal(op->replayed, before->revision != 0);
    if (before->revision != 0) {
        assert_int_equal(op->write_response->revision, before->revision);
    }
    before->revision = op->write_response->revision;
    assert_entry(fixture_get(&fixture, key), key, "1");
}

static void test_random_repetitions_happen_once(void **state)
{
    (void)state;
    unsigned seed = 20240609;
    print_message("seed %u\n", seed);
    fixture.options.max_clients = 5;
    fixture.options.max_client_answers = 10;
    reopen();
    struct sent sent[8][60] = {0};
    uint64_t acked[8] = {0};
    for (int i = 0; i < 3000; i++) {
        arena_reset(arena);
        random_write(&seed, sent, acked);
        if (i % 200 == 199) {
            reopen();
        }
    }
    size_t answered = 0;
    size_t refused = 0;
    for (size_t of = 0; of < 8; of++) {
        for (size_t sequence = 1; sequence < 60; sequence++) {
            answered += sent[of][sequence].revision != 0;
            refused += sent[of][sequence].was_refused;
        }
    }
    assert_in_range(answered, 50, 480);
    assert_in_range(refused, 50, 480);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_repeated_write_gets_the_first_answer),
        TEST(test_repetitions_within_a_run_happen_once),
        TEST(test_writes_without_a_number_are_never_repetitions),
        TEST(test_sequences_may_come_in_any_order),
        TEST(test_another_request_under_the_same_number_is_refused),
        TEST(test_refusals_that_follow_from_the_state_are_remembered),
        TEST(test_refusals_for_want_of_room_are_not_remembered),
        TEST(test_acknowledged_answers_are_forgotten_and_their_numbers_refused),
        TEST(test_there_is_always_a_next_number),
        TEST(test_a_client_has_a_bounded_number_of_answers),
        TEST(test_the_client_that_was_silent_longest_is_forgotten_first),
        TEST(test_answers_have_a_bounded_number_of_bytes),
        TEST(test_forgotten_clients_are_bounded_too),
        TEST(test_an_aborted_run_remembers_nothing),
        TEST(test_random_repetitions_happen_once),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
