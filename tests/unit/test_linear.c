/* Histories written by hand: each call with its times. */
#include "order/linear.h"

#include "test.h"

#include <stdio.h>
#include <string.h>

enum { MAX_CALLS = 600, N_KEYS = 3, NEVER = 0 };

struct book {
    struct oracle_call calls[MAX_CALLS];
    struct oracle_step steps[2 * MAX_CALLS];
    struct oracle_cell cells[N_KEYS];
    size_t n;
    size_t n_steps;
};

static struct oracle_value text(const char *bytes)
{
    return bytes == NULL ? (struct oracle_value){0} : oracle_value_of(bytes, strlen(bytes));
}

/* received NEVER: no reply came. */
static void call(struct book *self, uint64_t sent, uint64_t received)
{
    assert_true(self->n < MAX_CALLS);
    self->calls[self->n++] = (struct oracle_call){.sent_ns = sent,
                                                  .received_ns = received,
                                                  .steps = &self->steps[self->n_steps],
                                                  .lost = received == NEVER};
}

static void step(struct book *self, enum oracle_action action, uint32_t key,
                 struct oracle_value value)
{
    self->steps[self->n_steps++] =
        (struct oracle_step){.action = action, .key = key, .value = value};
    self->calls[self->n - 1].n_steps++;
}

static void put(struct book *self, uint64_t sent, uint64_t received, const char *value)
{
    call(self, sent, received);
    step(self, ORACLE_PUT, 0, text(value));
}

static void get(struct book *self, uint64_t sent, uint64_t received, const char *value)
{
    call(self, sent, received);
    step(self, ORACLE_EXPECT, 0, text(value));
}

static void delete (struct book *self, uint64_t sent, uint64_t received)
{
    call(self, sent, received);
    step(self, ORACLE_DELETE, 0, text(NULL));
}

static void add(struct book *self, uint64_t sent, uint64_t received, int64_t delta)
{
    call(self, sent, received);
    step(self, ORACLE_ADD, 0, oracle_value_number(delta));
}

/* A write that was guarded by a value and applied. */
static void swap(struct book *self, uint64_t sent, uint64_t received, const char *before,
                 const char *after)
{
    call(self, sent, received);
    step(self, ORACLE_EXPECT, 0, text(before));
    step(self, ORACLE_PUT, 0, text(after));
}

static enum stated_code check(struct book *self, struct linear_report *report)
{
    const struct oracle_history history = {
        .calls = self->calls, .n_calls = self->n, .cells = self->cells, .n_keys = N_KEYS};
    return linear_check(&history, report);
}

static void assert_linear(struct book *self)
{
    struct linear_report report;
    if (check(self, &report) != STATED_OK) {
        fail_msg("%s", report.message);
    }
    assert_string_equal(report.message, "");
}

/* Nothing explains the reply of the call with this index. */
static void assert_unexplained(struct book *self, size_t index)
{
    struct linear_report report;
    char name[32];
    assert_int_equal(check(self, &report), STATED_DATA_LOSS);
    assert_int_equal(report.call, index);
    snprintf(name, sizeof name, "call %zu,", index);
    assert_non_null(strstr(report.message, name));
}

static void test_an_empty_history_is_linear(void **state)
{
    (void)state;
    struct book book = {0};
    assert_linear(&book);
}

static void test_one_call_after_the_other(void **state)
{
    (void)state;
    struct book book = {0};
    get(&book, 1, 2, NULL);
    put(&book, 3, 4, "a");
    get(&book, 5, 6, "a");
    swap(&book, 7, 8, "a", "b");
    delete (&book, 9, 10);
    get(&book, 11, 12, NULL);
    add(&book, 13, 14, 40);
    add(&book, 15, 16, 2);
    get(&book, 17, 18, "42");
    struct linear_report report;
    assert_int_equal(check(&book, &report), STATED_OK);
    assert_int_equal(report.checked, 9);
    assert_int_equal(report.open, 0);
    assert_int_equal(report.configurations, 1);
}

static void test_tickets_and_revisions_are_not_looked_at(void **state)
{
    (void)state;
    struct book book = {0};
    put(&book, 1, 2, "a");
    get(&book, 3, 4, "a");
    book.calls[0].ticket = 9;
    book.calls[0].revision = 9;
    book.calls[1].ticket = 3;
    assert_linear(&book);
}

static void test_what_overlaps_may_come_in_either_order(void **state)
{
    (void)state;
    const char *seen[] = {NULL, "a"};
    for (size_t i = 0; i < 2; i++) {
        struct book book = {0};
        put(&book, 1, 10, "a");
        get(&book, 2, 3, seen[i]);
        get(&book, 4, 5, "a");
        assert_linear(&book);
    }
}

static void test_the_order_of_recording_does_not_matter(void **state)
{
    (void)state;
    struct book book = {0};
    get(&book, 5, 6, "a");
    put(&book, 3, 4, "a");
    assert_linear(&book);
}

static void test_calls_that_meet_in_a_moment_overlap(void **state)
{
    (void)state;
    struct book book = {0};
    put(&book, 1, 5, "a");
    get(&book, 5, 6, NULL);
    assert_linear(&book);
}

static void test_a_stale_read_is_found(void **state)
{
    (void)state;
    struct book book = {0};
    put(&book, 1, 2, "a");
    put(&book, 3, 4, "b");
    get(&book, 5, 6, "a");
    assert_unexplained(&book, 2);
}

static void test_a_read_that_goes_back_is_found(void **state)
{
    (void)state;
    struct book book = {0};
    put(&book, 1, 20, "a");
    get(&book, 2, 3, "a");
    get(&book, 4, 5, NULL);
    assert_unexplained(&book, 2);
}

static void test_a_lost_update_is_found(void **state)
{
    (void)state;
    struct book book = {0};
    add(&book, 1, 10, 1);
    add(&book, 2, 9, 1);
    get(&book, 11, 12, "1");
    assert_unexplained(&book, 2);
}

static void test_two_swaps_from_one_value_are_found(void **state)
{
    (void)state;
    struct book book = {0};
    put(&book, 1, 2, "a");
    swap(&book, 3, 10, "a", "b");
    swap(&book, 4, 9, "a", "c");
    assert_unexplained(&book, 1);
}

static void test_a_write_that_happened_twice_is_found(void **state)
{
    (void)state;
    struct book book = {0};
    add(&book, 1, 2, 1);
    get(&book, 3, 4, "2");
    assert_unexplained(&book, 1);
}

static void test_a_value_that_nobody_wrote_is_found(void **state)
{
    (void)state;
    struct book book = {0};
    put(&book, 1, 2, "a");
    get(&book, 1, 2, "b");
    assert_unexplained(&book, 1);
}

static void test_a_call_without_reply_happens_once_or_never(void **state)
{
    (void)state;
    const char *seen[] = {"1", "2", "3"};
    for (size_t i = 0; i < 3; i++) {
        struct book book = {0};
        add(&book, 1, 2, 1);
        add(&book, 3, NEVER, 1);
        get(&book, 10, 11, "1");
        get(&book, 1000, 1001, seen[i]);
        if (i == 2) {
            assert_unexplained(&book, 3);
        } else {
            assert_linear(&book);
        }
    }
}

static void test_a_call_without_reply_does_not_happen_before_it_is_sent(void **state)
{
    (void)state;
    struct book book = {0};
    get(&book, 1, 2, "a");
    put(&book, 3, NEVER, "a");
    assert_unexplained(&book, 0);
}

static void test_what_was_seen_of_a_call_without_reply_stays(void **state)
{
    (void)state;
    struct book book = {0};
    put(&book, 1, 2, "a");
    put(&book, 3, NEVER, "b");
    get(&book, 5, 6, "b");
    get(&book, 7, 8, "a");
    assert_unexplained(&book, 3);
}

/* A delete that finds nothing may yet find something. */
static void test_a_change_that_would_change_nothing_can_wait(void **state)
{
    (void)state;
    for (uint64_t received = NEVER; received <= 20; received += 20) {
        struct book book = {0};
        delete (&book, 1, received);
        put(&book, 2, 3, "a");
        get(&book, 4, 5, "a");
        get(&book, 6, 7, NULL);
        assert_linear(&book);
    }
}

static void test_many_calls_without_reply_are_decided(void **state)
{
    (void)state;
    struct book book = {0};
    for (uint64_t i = 0; i < 60; i++) {
        char value[8];
        snprintf(value, sizeof value, "v%d", (int)i);
        put(&book, 10 * i + 1, NEVER, value);
        delete (&book, 10 * i + 2, NEVER);
        add(&book, 10 * i + 3, NEVER, 1);
        put(&book, 10 * i + 4, 10 * i + 5, "0");
        get(&book, 10 * i + 6, 10 * i + 7, i % 3 == 0 ? "0" : "1");
    }
    assert_linear(&book);
    get(&book, 1000, 1001, "60");
    assert_unexplained(&book, book.n - 1);
}

static void test_each_key_is_looked_at_by_itself(void **state)
{
    (void)state;
    struct book book = {0};
    call(&book, 1, 2);
    step(&book, ORACLE_PUT, 0, text("a"));
    step(&book, ORACLE_PUT, 2, text("c"));
    call(&book, 3, 4);
    step(&book, ORACLE_EXPECT, 2, text("c"));
    step(&book, ORACLE_EXPECT, 0, text("a"));
    step(&book, ORACLE_EXPECT, 1, text(NULL));
    struct linear_report report;
    assert_int_equal(check(&book, &report), STATED_OK);
    assert_int_equal(report.checked, 5);
    book.steps[2].value = text("d");
    assert_int_equal(check(&book, &report), STATED_DATA_LOSS);
    assert_int_equal(report.key, 2);
}

static void test_the_state_before_is_respected(void **state)
{
    (void)state;
    struct book book = {0};
    book.cells[0].value = text("before");
    get(&book, 1, 2, "before");
    assert_linear(&book);
    book.cells[0].value = text("other");
    assert_unexplained(&book, 0);
}

static void test_an_unknown_state_is_what_the_first_read_shows(void **state)
{
    (void)state;
    struct book book = {0};
    book.cells[0].value.kind = ORACLE_UNKNOWN;
    add(&book, 1, 20, 2);
    get(&book, 2, 3, "5");
    get(&book, 4, 5, "7");
    get(&book, 6, 7, "7");
    assert_linear(&book);
    get(&book, 30, 31, "9");
    assert_unexplained(&book, 4);
}

static void test_a_counter_does_not_count_on_text(void **state)
{
    (void)state;
    struct book book = {0};
    put(&book, 1, 2, "text");
    add(&book, 3, 4, 1);
    assert_unexplained(&book, 1);
}

static void test_many_at_once_are_decided(void **state)
{
    (void)state;
    struct book book = {0};
    for (uint64_t i = 0; i < 100; i++) {
        get(&book, 1 + i, 1000 + i, i % 2 == 0 ? NULL : "a");
    }
    for (uint64_t i = 0; i < 10; i++) {
        put(&book, 101 + i, 900 + i, i == 4 ? "a" : "b");
    }
    assert_linear(&book);
    get(&book, 2000, 2001, NULL);
    assert_unexplained(&book, 110);
}

static void test_more_at_once_than_can_be_decided_is_no_verdict(void **state)
{
    (void)state;
    struct book book = {0};
    struct linear_report report;
    for (uint64_t i = 0; i <= LINEAR_MOST_PENDING; i++) {
        get(&book, 1, 1000, NULL);
    }
    assert_int_equal(check(&book, &report), STATED_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(report.message, "more than 256 calls at once"));
    book = (struct book){0};
    for (uint64_t i = 0; i < 40; i++) {
        char value[8];
        snprintf(value, sizeof value, "v%d", (int)i);
        put(&book, 1, 1000, value);
    }
    assert_int_equal(check(&book, &report), STATED_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(report.message, "too many calls at once"));
}

static void test_a_malformed_history_is_refused(void **state)
{
    (void)state;
    struct book book = {0};
    struct linear_report report;
    get(&book, 2, 1, NULL);
    assert_int_equal(check(&book, &report), STATED_INVALID_ARGUMENT);
    book.calls[0].received_ns = 3;
    book.steps[0].key = N_KEYS;
    assert_int_equal(check(&book, &report), STATED_INVALID_ARGUMENT);
    assert_non_null(strstr(report.message, "key 3 of 3"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_history_is_linear),
        cmocka_unit_test(test_one_call_after_the_other),
        cmocka_unit_test(test_tickets_and_revisions_are_not_looked_at),
        cmocka_unit_test(test_what_overlaps_may_come_in_either_order),
        cmocka_unit_test(test_the_order_of_recording_does_not_matter),
        cmocka_unit_test(test_calls_that_meet_in_a_moment_overlap),
        cmocka_unit_test(test_a_stale_read_is_found),
        cmocka_unit_test(test_a_read_that_goes_back_is_found),
        cmocka_unit_test(test_a_lost_update_is_found),
        cmocka_unit_test(test_two_swaps_from_one_value_are_found),
        cmocka_unit_test(test_a_write_that_happened_twice_is_found),
        cmocka_unit_test(test_a_value_that_nobody_wrote_is_found),
        cmocka_unit_test(test_a_call_without_reply_happens_once_or_never),
        cmocka_unit_test(test_a_call_without_reply_does_not_happen_before_it_is_sent),
        cmocka_unit_test(test_what_was_seen_of_a_call_without_reply_stays),
        cmocka_unit_test(test_a_change_that_would_change_nothing_can_wait),
        cmocka_unit_test(test_many_calls_without_reply_are_decided),
        cmocka_unit_test(test_each_key_is_looked_at_by_itself),
        cmocka_unit_test(test_the_state_before_is_respected),
        cmocka_unit_test(test_an_unknown_state_is_what_the_first_read_shows),
        cmocka_unit_test(test_a_counter_does_not_count_on_text),
        cmocka_unit_test(test_many_at_once_are_decided),
        cmocka_unit_test(test_more_at_once_than_can_be_decided_is_no_verdict),
        cmocka_unit_test(test_a_malformed_history_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
