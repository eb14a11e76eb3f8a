/* Does a log of calls come back as it was written, and is every wrong line named? */
#include "order/call_log.h"

#include "call_book.h"

#include <stdlib.h>
#include <string.h>

#include "test.h"

#define READ_LINE_BUT(fields) "{\"method\": \"stated.v1.StateService/Read\", " fields "}\n"
#define GOOD_FIELDS                                                                                \
    "\"code\": \"OK\", \"epoch\": \"1f\", \"ticket\": 3, \"sent_ns\": 1, \"received_ns\": 2, "

static enum stated_code log_of_text(struct call_log *log, const char *text,
                                    struct stated_status *status)
{
    FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    assert_non_null(file);
    call_log_init(log);
    *status = (struct stated_status){0};
    enum stated_code code = call_log_read(log, file, status);
    fclose(file);
    return code;
}

static void assert_refused(const char *text, const char *part)
{
    struct call_log log;
    struct stated_status status;
    assert_int_equal(log_of_text(&log, text, &status), STATED_INVALID_ARGUMENT);
    if (strstr(status.message, part) == NULL) {
        fail_msg("the message '%s' does not say '%s'", status.message, part);
    }
    call_log_deinit(&log);
}

static void test_a_record_comes_back_as_it_was_written(void **state)
{
    struct call_book book;
    struct call_log log;
    (void)state;
    call_book_init(&book);
    book.epoch = UINT64_MAX;
    call_book_put(&book, "key \"\xff\"", "value\n");
    call_book_get(&book, "key \"\xff\"", "value\n", 1);
    call_book_log(&book, &log);

    assert_int_equal(log.n_records, 2);
    const struct call_record *write = &log.records[0];
    const Stated__V1__WriteRequest *request = (const void *)write->request;
    assert_false(call_record_is_read(write));
    assert_true(write->epoch == UINT64_MAX);
    assert_int_equal(write->ticket, 1);
    assert_int_equal(write->sent_ns, 1000);
    assert_int_equal(write->received_ns, 1005);
    assert_int_equal(request->mutations[0]->put->key.len, 7);
    assert_memory_equal(request->mutations[0]->put->key.data, "key \"\xff\"", 7);

    const struct call_record *read = &log.records[1];
    const Stated__V1__ReadResponse *response = (const void *)read->response;
    assert_true(call_record_is_read(read));
    assert_int_equal(response->n_entries, 1);
    assert_memory_equal(response->entries[0]->value.data, "value\n", 6);
    call_log_deinit(&log);
    call_book_deinit(&book);
}

static void test_a_failure_has_no_response(void **state)
{
    struct call_book book;
    struct call_log log;
    Stated__V1__ReadRequest request = STATED__V1__READ_REQUEST__INIT;
    (void)state;
    call_book_init(&book);
    call_book_failure(&book, &request.base, STATED_UNAVAILABLE, 0);
    call_book_log(&book, &log);
    assert_int_equal(log.n_records, 1);
    assert_int_equal(log.records[0].code, STATED_UNAVAILABLE);
    assert_null(log.records[0].response);
    call_log_deinit(&log);
    call_book_deinit(&book);
}

static void test_many_records_fit(void **state)
{
    enum { MANY = 3000 };
    struct call_book book;
    struct call_log log;
    (void)state;
    call_book_init(&book);
    for (int i = 0; i < MANY; i++) {
        call_book_get(&book, "key", NULL, 0);
    }
    call_book_log(&book, &log);
    assert_int_equal(log.n_records, MANY);
    assert_int_equal(log.records[MANY - 1].ticket, MANY);
    call_log_deinit(&log);
    call_book_deinit(&book);
}

static void test_other_methods_are_left_out(void **state)
{
    struct call_log log;
    struct stated_status status;
    (void)state;
    assert_int_equal(
        log_of_text(&log, "{\"method\": \"stated.v1.AdminService/Health\"}\n", &status), STATED_OK);
    assert_int_equal(log.n_records, 0);
    call_log_deinit(&log);
}

static void test_a_good_line_is_accepted(void **state)
{
    struct call_log log;
    struct stated_status status;
    (void)state;
    assert_int_equal(log_of_text(&log,
                                 READ_LINE_BUT(GOOD_FIELDS "\"request\": \"\", \"response\": \"\""),
                                 &status),
                     STATED_OK);
    assert_int_equal(log.n_records, 1);
    call_log_deinit(&log);
}

static void test_every_wrong_line_is_named(void **state)
{
    static const struct {
        const char *text;
        const char *part;
    } cases[] = {
        {"{\n", "line 1 is not JSON"},
        {"[]\n", "line 1: \"method\""},
        {"{\"method\": \"stated.v1.AdminService/Health\"}\nno\n", "line 2 is not JSON"},
        {READ_LINE_BUT("\"code\": \"FINE\""), "\"code\""},
        {READ_LINE_BUT("\"code\": \"OK\", \"epoch\": \"x\""), "\"epoch\""},
        {READ_LINE_BUT("\"code\": \"OK\", \"epoch\": \"1\", \"ticket\": -1"), "\"ticket\""},
        {READ_LINE_BUT("\"code\": \"OK\", \"epoch\": \"1\", \"ticket\": 1"), "\"sent_ns\""},
        {READ_LINE_BUT("\"code\": \"OK\", \"epoch\": \"1\", \"ticket\": 1, \"sent_ns\": 1"),
         "\"received_ns\""},
        {READ_LINE_BUT(GOOD_FIELDS "\"request\": \"0\""), "\"request\""},
        {READ_LINE_BUT(GOOD_FIELDS "\"request\": \"0G\""), "\"request\""},
        {READ_LINE_BUT(GOOD_FIELDS "\"request\": \"0aff\""), "\"request\""},
        {READ_LINE_BUT(GOOD_FIELDS "\"request\": \"\""), "\"response\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_refused(cases[i].text, cases[i].part);
    }
}

static void test_a_full_disk_is_reported(void **state)
{
    Stated__V1__ReadRequest request = STATED__V1__READ_REQUEST__INIT;
    struct call_record record = {.method = "stated.v1.StateService/Read",
                                 .request = &request.base,
                                 .code = STATED_UNAVAILABLE};
    FILE *full = fopen("/dev/full", "w");
    (void)state;
    assert_non_null(full);
    setvbuf(full, NULL, _IONBF, 0);
    assert_int_equal(call_log_append(full, &record), STATED_UNAVAILABLE);
    fclose(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_record_comes_back_as_it_was_written),
        cmocka_unit_test(test_a_failure_has_no_response),
        cmocka_unit_test(test_many_records_fit),
        cmocka_unit_test(test_other_methods_are_left_out),
        cmocka_unit_test(test_a_good_line_is_accepted),
        cmocka_unit_test(test_every_wrong_line_is_named),
        cmocka_unit_test(test_a_full_disk_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
