/* Does a recorded log become the history it tells, and does the oracle catch each lie in one? */
#include "order/history.h"

#include "order/linear.h"

#include "call_book.h"

#include <string.h>

#include "test.h"

static ProtobufCBinaryData bytes(const char *text)
{
    return (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)text, .len = strlen(text)};
}

/* The outcome of whichever step objects. */
static enum stated_code book_check_as(struct call_book *book, bool alone,
                                      struct oracle_report *report)
{
    struct call_log log;
    struct history history;
    struct stated_status status;
    call_book_log(book, &log);
    *report = (struct oracle_report){0};
    enum stated_code code = history_init(&history, &log, alone, &status);
    if (code == STATED_OK) {
        code = oracle_check(&history.oracle, report);
        history_deinit(&history);
    } else {
        snprintf(report->message, sizeof report->message, "%s", status.message);
    }
    call_log_deinit(&log);
    return code;
}

static enum stated_code book_check_by_time(struct call_book *book, struct linear_report *report)
{
    struct call_log log;
    struct history history;
    struct stated_status status;
    call_book_log(book, &log);
    enum stated_code code = history_init_by_time(&history, &log, true, &status);
    assert_int_equal(code, STATED_OK);
    code = linear_check(&history.oracle, report);
    history_deinit(&history);
    call_log_deinit(&log);
    call_book_deinit(book);
    return code;
}

/* Checks the book as the only client's, from the first call on. */
static enum stated_code book_check(struct call_book *book, struct oracle_report *report)
{
    return book_check_as(book, true, report);
}

static void assert_fits(struct call_book *book, size_t checked)
{
    struct oracle_report report;
    enum stated_code code = book_check(book, &report);
    assert_string_equal(report.message, "");
    assert_int_equal(code, STATED_OK);
    assert_int_equal(report.checked, checked);
    call_book_deinit(book);
}

static void assert_caught(struct call_book *book, enum oracle_fault fault)
{
    struct oracle_report report;
    assert_int_equal(book_check(book, &report), STATED_DATA_LOSS);
    assert_int_equal(report.fault, fault);
    assert_string_not_equal(report.message, "");
    call_book_deinit(book);
}

static void test_puts_and_gets_fit(void **state)
{
    struct call_book book;
    (void)state;
    call_book_init(&book);
    call_book_get(&book, "a", NULL, 0);
    call_book_put(&book, "a", "1");
    call_book_get(&book, "a", "1", 1);
    call_book_put(&book, "b", "2");
    call_book_get(&book, "a", "1", 1);
    call_book_get(&book, "b", "2", 2);
    assert_fits(&book, 4);
}

static void test_a_stale_read_is_caught(void **state)
{
    struct call_book book;
    (void)state;
    call_book_init(&book);
    call_book_put(&book, "a", "1");
    call_book_get(&book, "a", NULL, 0);
    assert_caught(&book, ORACLE_FAULT_REPLY);
}

static void test_by_time_neither_tickets_nor_epochs_count(void **state)
{
    struct call_book book;
    struct linear_report report;
    (void)state;
    call_book_init(&book);
    book.ticket = 2;
    call_book_put(&book, "a", "1");
    book.ticket = 1;
    call_book_get(&book, "a", "1", 1);
    book.epoch++;
    call_book_put(&book, "a", "2");
    book.ticket = 0; /* a read of the newest committed state */
    call_book_get(&book, "a", "2", 2);
    assert_int_equal(book_check_by_time(&book, &report), STATED_OK);
    assert_int_equal(report.checked, 4);
}

static void test_by_time_a_stale_read_without_a_ticket_is_caught(void **state)
{
    struct call_book book;
    struct linear_report report;
    (void)state;
    call_book_init(&book);
    call_book_put(&book, "a", "1");
    call_book_put(&book, "a", "2");
    book.ticket = 0;
    call_book_get(&book, "a", "1", 1);
    assert_int_equal(book_check_by_time(&book, &report), STATED_DATA_LOSS);
    assert_int_equal(report.call, 2);
}

static void test_swapped_tickets_are_caught(void **state)
{
    struct call_book book;
    (void)state;
    call_book_init(&book);
    book.ticket = 2;
    call_book_put(&book, "a", "1");
    book.ticket = 1;
    call_book_get(&book, "a", "1", 1);
    assert_caught(&book, ORACLE_FAULT_REAL_TIME);
}

static void test_a_ticket_twice_is_caught(void **state)
{
    struct call_book book;
    (void)state;
    call_book_init(&book);
    call_book_put(&book, "a", "1");
    book.ticket = 1;
    call_book_get(&book, "a", "1", 1);
    assert_caught(&book, ORACLE_FAULT_DUPLICATE);
}

static void test_a_missing_ticket_is_caught(void **state)
{
    struct call_book book;
    (void)state;
    call_book_init(&book);
    call_book_put(&book, "a", "1");
    book.ticket = 3;
    call_book_get(&book, "a", "1", 1);
    assert_caught(&book, ORACLE_FAULT_GAP);
}

static void test_a_revision_out_of_step_is_caught(void **state)
{
    struct call_book book;
    (void)state;
    call_book_init(&book);
    call_book_put(&book, "a", "1");
    book.revision = 5;
    call_book_put(&book, "b", "1");
    assert_caught(&book, ORACLE_FAULT_REVISION);
}

/* Everything with the prefix, as the reply says it was. */
static void book_list(struct call_book *book, const char *prefix, Stated__V1__Entry **entries,
                      size_t n)
{
    Stated__V1__ReadRequest request = STATED__V1__READ_REQUEST__INIT;
    Stated__V1__Selector selector = STATED__V1__SELECTOR__INIT;
    Stated__V1__Selector *selectors = &selector;
    selector.kind_case = STATED__V1__SELECTOR__KIND_PREFIX;
    selector.prefix = bytes(prefix);
    request.select = &selectors;
    request.n_select = 1;
    call_book_read(book, &request, entries, n);
}

static void test_a_range_says_what_it_lacks(void **state)
{
    struct call_book book;
    Stated__V1__Entry one;
    Stated__V1__Entry two;
    Stated__V1__Entry *entries[] = {&one, &two};
    (void)state;
    call_book_entry(&one, "p/1", "x", 1);
    call_book_entry(&two, "p/2", "y", 2);

    call_book_init(&book);
    book_list(&book, "p/", entries, 0);
    call_book_put(&book, "p/1", "x");
    call_book_put(&book, "p/2", "y");
    call_book_put(&book, "q", "z");
    book_list(&book, "p/", entries, 2);
    assert_fits(&book, 4);

    call_book_init(&book);
    call_book_put(&book, "p/1", "x");
    call_book_put(&book, "p/2", "y");
    book_list(&book, "p/", entries, 1);
    assert_caught(&book, ORACLE_FAULT_REPLY);
}

/* A write with one guard on the value of a key; the reply is the caller's to fill. */
static void book_swap(struct call_book *book, const char *key, const char *from, const char *to,
                      Stated__V1__WriteResponse *response)
{
    Stated__V1__WriteRequest request = STATED__V1__WRITE_REQUEST__INIT;
    Stated__V1__Guard guard = STATED__V1__GUARD__INIT;
    Stated__V1__Guard *guards = &guard;
    Stated__V1__Mutation mutation = STATED__V1__MUTATION__INIT;
    Stated__V1__Mutation *mutations = &mutation;
    Stated__V1__Put put = STATED__V1__PUT__INIT;
    guard.key = bytes(key);
    guard.must_case = STATED__V1__GUARD__MUST_VALUE;
    guard.value = bytes(from);
    put.key = bytes(key);
    put.value = bytes(to);
    mutation.kind_case = STATED__V1__MUTATION__KIND_PUT;
    mutation.put = &put;
    request.guards = &guards;
    request.n_guards = 1;
    request.mutations = &mutations;
    request.n_mutations = 1;
    request.return_previous = 1;
    call_book_write(book, &request, response);
}

static void test_guarded_writes_fit(void **state)
{
    struct call_book book;
    Stated__V1__Entry entry;
    Stated__V1__Entry *entries = &entry;
    Stated__V1__WriteResponse applied = STATED__V1__WRITE_RESPONSE__INIT;
    Stated__V1__WriteResponse refused = STATED__V1__WRITE_RESPONSE__INIT;
    (void)state;
    call_book_entry(&entry, "a", "1", 1);
    applied.applied = 1;
    applied.previous = &entries;
    applied.n_previous = 1;
    refused.current = &entries;
    refused.n_current = 1;

    call_book_init(&book);
    call_book_put(&book, "a", "1");
    book_swap(&book, "a", "9", "2", &refused);
    book_swap(&book, "a", "1", "2", &applied);
    assert_fits(&book, 3);
}

static void test_a_guard_that_held_by_mistake_is_caught(void **state)
{
    struct call_book book;
    Stated__V1__WriteResponse applied = STATED__V1__WRITE_RESPONSE__INIT;
    (void)state;
    applied.applied = 1;
    call_book_init(&book);
    call_book_put(&book, "a", "1");
    book_swap(&book, "a", "9", "2", &applied);
    assert_caught(&book, ORACLE_FAULT_REPLY);
}

static void test_a_refusal_that_contradicts_itself_is_caught(void **state)
{
    struct call_book book;
    Stated__V1__Entry entry;
    Stated__V1__Entry *entries = &entry;
    Stated__V1__WriteResponse refused = STATED__V1__WRITE_RESPONSE__INIT;
    (void)state;
    call_book_entry(&entry, "a", "1", 1);
    refused.current = &entries;
    refused.n_current = 1;
    call_book_init(&book);
    call_book_put(&book, "a", "1");
    book_swap(&book, "a", "1", "2", &refused);
    assert_caught(&book, ORACLE_FAULT_NONE);
}

/* A put whose reply never came. */
static void book_lose_put(struct call_book *book, const char *key, const char *value)
{
    Stated__V1__WriteRequest request = STATED__V1__WRITE_REQUEST__INIT;
    Stated__V1__Mutation mutation = STATED__V1__MUTATION__INIT;
    Stated__V1__Mutation *mutations = &mutation;
    Stated__V1__Put put = STATED__V1__PUT__INIT;
    put.key = bytes(key);
    put.value = bytes(value);
    mutation.kind_case = STATED__V1__MUTATION__KIND_PUT;
    mutation.put = &put;
    request.mutations = &mutations;
    request.n_mutations = 1;
    call_book_failure(book, &request.base, STATED_UNAVAILABLE, 0);
}

static void test_a_lost_write_may_be_seen(void **state)
{
    struct call_book book;
    (void)state;
    call_book_init(&book);
    call_book_get(&book, "a", NULL, 0);
    book_lose_put(&book, "a", "1");
    call_book_get(&book, "a", "1", 0);
    assert_fits(&book, 2);

    call_book_init(&book);
    book_lose_put(&book, "a", "1");
    call_book_get(&book, "a", "2", 0);
    assert_caught(&book, ORACLE_FAULT_REPLY);
}

/* A call that its client left may have had a ticket, which is then missing; one that was refused
   had none. */
static void test_a_lost_read_may_leave_a_gap(void **state)
{
    struct call_book book;
    Stated__V1__ReadRequest request = STATED__V1__READ_REQUEST__INIT;
    (void)state;
    call_book_init(&book);
    call_book_put(&book, "a", "1");
    call_book_failure(&book, &request.base, STATED_CANCELLED, 0);
    book.ticket++;
    call_book_get(&book, "a", "1", 1);
    assert_fits(&book, 1);

    call_book_init(&book);
    call_book_put(&book, "a", "1");
    call_book_failure(&book, &request.base, STATED_RESOURCE_EXHAUSTED, 0);
    book.ticket++;
    call_book_get(&book, "a", "1", 1);
    assert_caught(&book, ORACLE_FAULT_GAP);
}

static void test_a_refused_write_may_not_be_seen(void **state)
{
    struct call_book book;
    Stated__V1__WriteRequest request = STATED__V1__WRITE_REQUEST__INIT;
    (void)state;
    call_book_init(&book);
    call_book_failure(&book, &request.base, STATED_INVALID_ARGUMENT, 0);
    call_book_get(&book, "a", NULL, 0);
    assert_fits(&book, 1);
}

static void test_two_epochs_do_not_compare(void **state)
{
    struct call_book book;
    struct oracle_report report;
    (void)state;
    call_book_init(&book);
    call_book_put(&book, "a", "1");
    book.epoch++;
    call_book_put(&book, "a", "1");
    assert_int_equal(book_check(&book, &report), STATED_INVALID_ARGUMENT);
    assert_non_null(strstr(report.message, "epoch"));
    call_book_deinit(&book);
}

static void test_a_log_may_begin_in_the_middle(void **state)
{
    struct call_book book;
    struct oracle_report report;
    (void)state;
    call_book_init(&book);
    call_book_get(&book, "a", "was there", 7);
    call_book_get(&book, "a", "was there", 7);
    assert_int_equal(book_check_as(&book, false, &report), STATED_OK);
    assert_int_equal(report.unchecked, 1);
    assert_int_equal(report.checked, 1);
    assert_caught(&book, ORACLE_FAULT_REPLY); /* but not if it claims to have the beginning */
}

static void test_an_empty_log_fits(void **state)
{
    struct call_book book;
    (void)state;
    call_book_init(&book);
    assert_fits(&book, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_puts_and_gets_fit),
        cmocka_unit_test(test_a_stale_read_is_caught),
        cmocka_unit_test(test_by_time_neither_tickets_nor_epochs_count),
        cmocka_unit_test(test_by_time_a_stale_read_without_a_ticket_is_caught),
        cmocka_unit_test(test_swapped_tickets_are_caught),
        cmocka_unit_test(test_a_ticket_twice_is_caught),
        cmocka_unit_test(test_a_missing_ticket_is_caught),
        cmocka_unit_test(test_a_revision_out_of_step_is_caught),
        cmocka_unit_test(test_a_range_says_what_it_lacks),
        cmocka_unit_test(test_guarded_writes_fit),
        cmocka_unit_test(test_a_guard_that_held_by_mistake_is_caught),
        cmocka_unit_test(test_a_refusal_that_contradicts_itself_is_caught),
        cmocka_unit_test(test_a_lost_write_may_be_seen),
        cmocka_unit_test(test_a_lost_read_may_leave_a_gap),
        cmocka_unit_test(test_a_refused_write_may_not_be_seen),
        cmocka_unit_test(test_two_epochs_do_not_compare),
        cmocka_unit_test(test_a_log_may_begin_in_the_middle),
        cmocka_unit_test(test_an_empty_log_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
