/* Does the order oracle accept every history that some order explains, and find each kind of lie?
 */
#include "order/oracle.h"

#include <string.h>

#include "test.h"

enum { KEYS = 4, MAX_CALLS = 64 };

/* A history under construction: calls one after the other, each with one step. */
struct book {
    struct oracle_call calls[MAX_CALLS];
    struct oracle_step steps[MAX_CALLS];
    struct oracle_cell cells[KEYS];
    size_t n;
    uint64_t revision;
    uint64_t first_ticket;
    bool alone;
};

static struct oracle_value text(const char *value)
{
    return value == NULL ? (struct oracle_value){0} : oracle_value_of(value, strlen(value));
}

static struct oracle_call *book_call(struct book *self, struct oracle_step step)
{
    struct oracle_call *call = &self->calls[self->n];
    self->steps[self->n] = step;
    *call = (struct oracle_call){.ticket = 100 + self->n,
                                 .sent_ns = 1000 + self->n * 10,
                                 .received_ns = 1000 + self->n * 10 + 5,
                                 .steps = &self->steps[self->n],
                                 .n_steps = 1};
    self->n++;
    return call;
}

static struct oracle_call *book_put(struct book *self, uint32_t key, const char *value)
{
    struct oracle_call *call = book_call(
        self, (struct oracle_step){.action = ORACLE_PUT, .key = key, .value = text(value)});
    call->writes = true;
    return call;
}

static struct oracle_call *book_delete(struct book *self, uint32_t key)
{
    struct oracle_call *call =
        book_call(self, (struct oracle_step){.action = ORACLE_DELETE, .key = key});
    call->writes = true;
    return call;
}

static struct oracle_call *book_add(struct book *self, uint32_t key, int64_t delta)
{
    struct oracle_call *call =
        book_call(self, (struct oracle_step){
                            .action = ORACLE_ADD, .key = key, .value = oracle_value_number(delta)});
    call->writes = true;
    return call;
}

/* value NULL: the read found nothing. */
static struct oracle_call *book_get(struct book *self, uint32_t key, const char *value)
{
    return book_call(
        self, (struct oracle_step){.action = ORACLE_EXPECT, .key = key, .value = text(value)});
}

static void book_lose(struct oracle_call *call)
{
    call->lost = true;
    call->ticket = 0;
    call->received_ns = 0;
}

static enum stated_code book_check(struct book *self, struct oracle_report *report)
{
    struct oracle_history history = {.calls = self->calls,
                                     .n_calls = self->n,
                                     .cells = self->cells,
                                     .n_keys = KEYS,
                                     .revision = self->revision,
                                     .first_ticket = self->first_ticket,
                                     .alone = self->alone};
    return oracle_check(&history, report);
}

static void assert_clean(struct book *self)
{
    struct oracle_report report;
    enum stated_code code = book_check(self, &report);
    assert_string_equal(report.message, "");
    assert_int_equal(code, STATED_OK);
    assert_int_equal(report.fault, ORACLE_FAULT_NONE);
}

static struct oracle_report assert_fault(struct book *self, enum oracle_fault fault,
                                         uint64_t ticket)
{
    struct oracle_report report;
    assert_int_equal(book_check(self, &report), STATED_DATA_LOSS);
    assert_int_equal(report.fault, fault);
    assert_int_equal(report.ticket, ticket);
    assert_string_not_equal(report.message, "");
    return report;
}

/* A serial history of every action, by one client. */
static void book_serial(struct book *self)
{
    *self = (struct book){.alone = true, .first_ticket = 100};
    book_get(self, 0, NULL);
    book_put(self, 0, "one");
    book_get(self, 0, "one");
    book_put(self, 0, "two");
    book_get(self, 0, "two");
    book_add(self, 1, 40);
    book_add(self, 1, 2);
    book_get(self, 1, "42");
    book_delete(self, 0);
    book_get(self, 0, NULL);
}

static void test_serial_history_fits(void **state)
{
    struct book book;
    struct oracle_report report;
    (void)state;
    book_serial(&book);
    assert_int_equal(book_check(&book, &report), STATED_OK);
    assert_int_equal(report.tickets, 10);
    assert_int_equal(report.checked, 5);
    assert_int_equal(report.unchecked, 0);
}

static void test_replay_leaves_the_final_state(void **state)
{
    struct book book;
    (void)state;
    book_serial(&book);
    assert_clean(&book);
    assert_int_equal(book.cells[0].value.kind, ORACLE_ABSENT);
    assert_int_equal(book.cells[1].value.kind, ORACLE_NUMBER);
    assert_int_equal(book.cells[1].value.bits, 42);
    assert_int_equal(book.cells[1].version, 2);
    assert_int_equal(book.cells[1].ticket, 106);
}

static void test_empty_history_fits(void **state)
{
    struct book book = {.alone = true, .first_ticket = 1};
    (void)state;
    assert_clean(&book);
}

static void test_recording_order_does_not_matter(void **state)
{
    struct book book;
    (void)state;
    book_serial(&book);
    for (size_t i = 0; i < book.n / 2; i++) {
        struct oracle_call call = book.calls[i];
        book.calls[i] = book.calls[book.n - 1 - i];
        book.calls[book.n - 1 - i] = call;
    }
    assert_clean(&book);
}

static void test_overlapping_calls_may_take_either_order(void **state)
{
    struct book book = {.alone = true};
    (void)state;
    struct oracle_call *write = book_put(&book, 0, "one");
    struct oracle_call *read = book_get(&book, 0, NULL);
    write->ticket = 8;
    read->ticket = 7;
    write->received_ns = read->received_ns + 100;
    assert_clean(&book);
}

static void test_initial_state_is_respected(void **state)
{
    struct book book = {.alone = true};
    (void)state;
    book.cells[2] = (struct oracle_cell){.value = text("before"), .version = 3};
    book_get(&book, 2, "before");
    book_put(&book, 2, "after");
    struct oracle_call *read = book_get(&book, 2, "after");
    book.steps[read - book.calls].version = 4;
    assert_clean(&book);
    book.cells[2] = (struct oracle_cell){0};
    assert_fault(&book, ORACLE_FAULT_REPLY, 100);
}

static void test_control_swapped_tickets(void **state)
{
    struct book book;
    (void)state;
    book_serial(&book);
    book.calls[1].ticket = 103;
    book.calls[3].ticket = 101;
    assert_fault(&book, ORACLE_FAULT_REAL_TIME, 102);
    for (size_t i = 0; i < book.n; i++) {
        book.calls[i].sent_ns = 0; /* all at once: only the replies can tell now */
    }
    struct oracle_report report = assert_fault(&book, ORACLE_FAULT_REPLY, 102);
    assert_int_equal(report.key, 0);
}

static void test_control_stale_read(void **state)
{
    struct book book;
    (void)state;
    book_serial(&book);
    book.steps[4].value = text("one");
    assert_fault(&book, ORACLE_FAULT_REPLY, 104);
}

static void test_control_lost_write(void **state)
{
    struct book book;
    (void)state;
    book_serial(&book);
    book.steps[2].value = text(NULL);
    assert_fault(&book, ORACLE_FAULT_REPLY, 102);
}

static void test_control_lost_addition(void **state)
{
    struct book book;
    (void)state;
    book_serial(&book);
    book.steps[7].value = text("40");
    assert_fault(&book, ORACLE_FAULT_REPLY, 107);
}

static void test_control_deleted_key_comes_back(void **state)
{
    struct book book;
    (void)state;
    book_serial(&book);
    book.steps[9].value = text("two");
    assert_fault(&book, ORACLE_FAULT_REPLY, 109);
}

static void test_control_duplicate_ticket(void **state)
{
    struct book book;
    (void)state;
    book_serial(&book);
    book.alone = false;
    book.calls[5].ticket = book.calls[4].ticket;
    assert_fault(&book, ORACLE_FAULT_DUPLICATE, 104);
}

static void test_control_gap(void **state)
{
    struct book book;
    (void)state;
    book_serial(&book);
    for (size_t i = 6; i < book.n; i++) {
        book.calls[i].ticket++;
    }
    assert_fault(&book, ORACLE_FAULT_GAP, 107);
    book.alone = false;
    assert_clean(&book);
}

static void test_control_gap_before_the_first(void **state)
{
    struct book book;
    (void)state;
    book_serial(&book);
    book.first_ticket = 99;
    assert_fault(&book, ORACLE_FAULT_GAP, 100);
    book.first_ticket = 101;
    assert_fault(&book, ORACLE_FAULT_GAP, 100);
}

static void test_control_real_time(void **state)
{
    struct book book = {.alone = true};
    (void)state;
    book_get(&book, 3, NULL)->ticket = 101; /* answered before the next was sent */
    book_get(&book, 3, NULL)->ticket = 100;
    assert_fault(&book, ORACLE_FAULT_REAL_TIME, 100);
    book.calls[1].sent_ns = book.calls[0].received_ns; /* not after it: either order will do */
    assert_clean(&book);
}

static void test_control_version_betrays_a_lost_write_of_the_same_value(void **state)
{
    struct book book = {.alone = true};
    (void)state;
    book_put(&book, 0, "same");
    book_put(&book, 0, "same");
    struct oracle_call *read = book_get(&book, 0, "same");
    book.steps[read - book.calls].version = 2;
    assert_clean(&book);
    book.cells[0] = (struct oracle_cell){0};
    book.steps[read - book.calls].version = 1;
    assert_fault(&book, ORACLE_FAULT_REPLY, 102);
}

static void test_control_revisions(void **state)
{
    struct book book = {.alone = true, .revision = 7};
    (void)state;
    book_put(&book, 0, "a")->revision = 8;
    book_get(&book, 0, "a")->revision = 8;
    book_put(&book, 0, "b")->revision = 9;
    assert_clean(&book);
    book.calls[2].revision = 8; /* a write without a revision of its own */
    assert_fault(&book, ORACLE_FAULT_REVISION, 102);
    book.calls[2].revision = 10; /* a revision that nobody here made */
    assert_fault(&book, ORACLE_FAULT_REVISION, 102);
    book.alone = false;
    assert_clean(&book);
    book.calls[1].revision = 7; /* back in time */
    assert_fault(&book, ORACLE_FAULT_REVISION, 101);
}

static void test_control_modification_revision(void **state)
{
    struct book book = {.alone = true};
    (void)state;
    book_put(&book, 0, "a")->revision = 8;
    struct oracle_call *read = book_get(&book, 0, "a");
    book.steps[read - book.calls].mod_revision = 8;
    assert_clean(&book);
    book.cells[0] = (struct oracle_cell){0};
    book.steps[read - book.calls].mod_revision = 6;
    assert_fault(&book, ORACLE_FAULT_REPLY, 101);
}

static void test_failed_call_keeps_its_ticket_and_changes_nothing(void **state)
{
    struct book book = {.alone = true};
    (void)state;
    book_put(&book, 0, "a");
    book_put(&book, 0, "refused")->n_steps = 0;
    book_get(&book, 0, "a");
    assert_clean(&book);
}

static void test_refused_call_takes_no_ticket(void **state)
{
    struct book book = {.alone = true};
    (void)state;
    book_put(&book, 0, "a");
    struct oracle_call *refused = book_put(&book, 0, "refused");
    refused->n_steps = 0;
    refused->ticket = 0;
    book_get(&book, 0, "a")->ticket = 101;
    assert_clean(&book);
}

static void test_lost_call_may_have_happened_or_not(void **state)
{
    struct book book = {.alone = true};
    (void)state;
    book_put(&book, 0, "a");
    book_lose(book_put(&book, 0, "b"));
    book_get(&book, 0, "a");
    assert_clean(&book);
    book.steps[2].value = text("b");
    assert_clean(&book);
    book.calls[2].ticket = 101; /* never ran: no ticket is missing either */
    book.steps[2].value = text("a");
    assert_clean(&book);
}

static void test_control_lost_call_happens_once(void **state)
{
    struct book book = {.alone = true};
    (void)state;
    book_lose(book_put(&book, 0, "b"));
    book_get(&book, 0, "b");
    book_put(&book, 0, "c");
    book_get(&book, 0, "b");
    assert_fault(&book, ORACLE_FAULT_REPLY, 103);
}

static void test_control_lost_call_cannot_act_before_it_was_sent(void **state)
{
    struct book book = {0};
    (void)state;
    book_get(&book, 0, "b");
    book_lose(book_put(&book, 0, "b"));
    assert_fault(&book, ORACLE_FAULT_REPLY, 100);
}

static void test_control_lost_calls_excuse_only_as_many_gaps(void **state)
{
    struct book book = {.alone = true};
    (void)state;
    book_put(&book, 0, "a");
    book_lose(book_put(&book, 1, "b"));
    book_get(&book, 0, "a")->ticket = 102;
    assert_clean(&book);
    book.calls[2].ticket = 103;
    assert_fault(&book, ORACLE_FAULT_GAP, 103);
}

static void test_lost_addition_makes_its_counter_unchecked(void **state)
{
    struct book book = {.alone = true};
    struct oracle_report report;
    (void)state;
    book_add(&book, 0, 1);
    book_lose(book_add(&book, 0, 1));
    book_get(&book, 0, "2");
    assert_int_equal(book_check(&book, &report), STATED_OK);
    assert_int_equal(report.unchecked, 1);
    book.cells[0] = (struct oracle_cell){0};
    book.steps[2].key = 1; /* the excuse is for that counter alone */
    assert_fault(&book, ORACLE_FAULT_REPLY, 102);
}

static void test_unknown_key_is_learned_from_its_first_read(void **state)
{
    struct book book = {.alone = true};
    struct oracle_report report;
    (void)state;
    book.cells[0].value.kind = ORACLE_UNKNOWN;
    book.steps[book_get(&book, 0, "found") - book.calls].version = 8;
    book_put(&book, 0, "mine");
    book.steps[book_get(&book, 0, "mine") - book.calls].version = 9;
    assert_int_equal(book_check(&book, &report), STATED_OK);
    assert_int_equal(report.unchecked, 1);
    assert_int_equal(report.checked, 1);
}

static void test_control_unknown_key_is_believed_only_once(void **state)
{
    struct book book = {.alone = true};
    (void)state;
    book.cells[0].value.kind = ORACLE_UNKNOWN;
    book_get(&book, 0, NULL);
    book_get(&book, 0, "from nowhere");
    assert_fault(&book, ORACLE_FAULT_REPLY, 101);
}

static void test_unknown_key_is_known_once_it_is_written(void **state)
{
    struct book book = {.alone = true};
    (void)state;
    book.cells[0].value.kind = ORACLE_UNKNOWN;
    book.cells[1].value.kind = ORACLE_UNKNOWN;
    book.cells[2].value.kind = ORACLE_UNKNOWN;
    book_put(&book, 0, "mine");
    book.steps[book_get(&book, 0, "mine") - book.calls].version = 5; /* of how many, who knows */
    book_delete(&book, 1);
    book_get(&book, 1, NULL);
    book_add(&book, 2, 5);
    book_get(&book, 2, "47");
    book_add(&book, 2, 1);
    book_get(&book, 2, "48");
    assert_clean(&book);
    for (uint32_t key = 0; key < 3; key++) {
        book.cells[key] = (struct oracle_cell){.value = {.kind = ORACLE_UNKNOWN}};
    }
    book.steps[1].value = text("other");
    assert_fault(&book, ORACLE_FAULT_REPLY, 101);
}

static void test_malformed_history_is_refused(void **state)
{
    struct book book = {.alone = true};
    struct oracle_report report;
    (void)state;
    book_get(&book, KEYS, NULL);
    assert_int_equal(book_check(&book, &report), STATED_INVALID_ARGUMENT);
    assert_non_null(strstr(report.message, "key 4 of 4"));
    book.steps[0].key = 0;
    book.calls[0].received_ns = book.calls[0].sent_ns - 1;
    assert_int_equal(book_check(&book, &report), STATED_INVALID_ARGUMENT);
}

static void test_values_keep_their_identity(void **state)
{
    static const char *const numbers[] = {"0", "7", "-1", "9223372036854775807",
                                          "-9223372036854775808"};
    static const char *const texts[] = {"",   "07", "+7", "-0", " 7", "7 ", "9223372036854775808",
                                        "7a", "-",  "0x7"};
    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        assert_int_equal(text(numbers[i]).kind, ORACLE_NUMBER);
    }
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(text(texts[i]).kind, ORACLE_BYTES);
    }
    assert_int_equal(text("-9223372036854775808").bits, UINT64_C(1) << 63);
    assert_int_equal(oracle_value_of("7\0", 2).kind, ORACLE_BYTES);
    assert_true(text("abc").bits != text("abd").bits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_serial_history_fits),
        cmocka_unit_test(test_replay_leaves_the_final_state),
        cmocka_unit_test(test_empty_history_fits),
        cmocka_unit_test(test_recording_order_does_not_matter),
        cmocka_unit_test(test_overlapping_calls_may_take_either_order),
        cmocka_unit_test(test_initial_state_is_respected),
        cmocka_unit_test(test_control_swapped_tickets),
        cmocka_unit_test(test_control_stale_read),
        cmocka_unit_test(test_control_lost_write),
        cmocka_unit_test(test_control_lost_addition),
        cmocka_unit_test(test_control_deleted_key_comes_back),
        cmocka_unit_test(test_control_duplicate_ticket),
        cmocka_unit_test(test_control_gap),
        cmocka_unit_test(test_control_gap_before_the_first),
        cmocka_unit_test(test_control_real_time),
        cmocka_unit_test(test_control_version_betrays_a_lost_write_of_the_same_value),
        cmocka_unit_test(test_control_revisions),
        cmocka_unit_test(test_control_modification_revision),
        cmocka_unit_test(test_failed_call_keeps_its_ticket_and_changes_nothing),
        cmocka_unit_test(test_refused_call_takes_no_ticket),
        cmocka_unit_test(test_lost_call_may_have_happened_or_not),
        cmocka_unit_test(test_control_lost_call_happens_once),
        cmocka_unit_test(test_control_lost_call_cannot_act_before_it_was_sent),
        cmocka_unit_test(test_control_lost_calls_excuse_only_as_many_gaps),
        cmocka_unit_test(test_lost_addition_makes_its_counter_unchecked),
        cmocka_unit_test(test_unknown_key_is_learned_from_its_first_read),
        cmocka_unit_test(test_control_unknown_key_is_believed_only_once),
        cmocka_unit_test(test_unknown_key_is_known_once_it_is_written),
        cmocka_unit_test(test_malformed_history_is_refused),
        cmocka_unit_test(test_values_keep_their_identity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
