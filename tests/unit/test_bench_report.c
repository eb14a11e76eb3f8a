/* Do the table and the JSON say what the run came to, good or bad? */
#include "bench/report.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

struct paper {
    struct bench_options options;
    struct runner_result *result;
    struct verdict verdict;
    char *text;
};

static int setup(void **state)
{
    struct paper *paper = calloc(1, sizeof *paper);
    struct runner_result *result = calloc(1, sizeof *result);
    if (paper == NULL || result == NULL) {
        return 1;
    }
    paper->options = (struct bench_options){.endpoint = "tcp://127.0.0.1:7420",
                                            .connections = 2,
                                            .in_flight = 8,
                                            .coalesce = true,
                                            .number_writes = true,
                                            .read_percent = 75,
                                            .keys = 1234567,
                                            .value_bytes = 100};
    paper->verdict = (struct verdict){.checked = true,
                                      .in_order = true,
                                      .calls = 4000,
                                      .first_ticket = 11,
                                      .last_ticket = 4010,
                                      .gap_free = true};
    for (unsigned i = 0; i < 3000; i++) {
        histogram_record(&result->reads, 120000);
    }
    for (unsigned i = 0; i < 1000; i++) {
        histogram_record(&result->writes, 2500000);
    }
    result->elapsed_ns = 2000000000;
    paper->result = result;
    *state = paper;
    return 0;
}

static int teardown(void **state)
{
    struct paper *paper = *state;
    free(paper->text);
    free(paper->result);
    free(paper);
    return 0;
}

/* The report as text, the paper's until it is printed again. */
static const char *print(struct paper *paper, bool json)
{
    struct report report;
    size_t size;
    free(paper->text);
    FILE *file = open_memstream(&paper->text, &size);
    assert_non_null(file);
    assert_true(report_init(&report, &paper->options, paper->result, &paper->verdict));
    if (json) {
        assert_true(report_json(&report, file));
    } else {
        report_table(&report, file);
    }
    assert_int_equal(fclose(file), 0);
    return paper->text;
}

static void assert_says(struct paper *paper, const char *words)
{
    const char *text = print(paper, false);
    if (strstr(text, words) == NULL) {
        fail_msg("'%s' is not in:\n%s", words, text);
    }
}

static void test_table_of_a_good_run(void **state)
{
    struct paper *paper = *state;
    assert_says(paper, "tcp://127.0.0.1:7420, 2 x 8 calls in flight, 75% reads,\n");
    assert_says(paper, "1,234,567 keys (uniform), values of 100 bytes, 2.00 s\n");
    assert_says(paper, "read         3,000       1,500    120 us    120 us    120 us    120 us"
                       "    120 us\n");
    assert_says(paper, "write        1,000         500   2.50 ms   2.50 ms");
    assert_says(paper, "all          4,000       2,000    120 us   2.50 ms");
    assert_says(paper, "errors           0\n");
    assert_says(paper, "each of the 4,000 replies fits the order of the tickets;\n"
                       "       tickets 11 to 4010, none twice, none missing\n");
}

static void test_table_names_errors(void **state)
{
    struct paper *paper = *state;
    paper->result->errors[STATED_UNAVAILABLE] = 1001;
    paper->result->errors[STATED_RESOURCE_EXHAUSTED] = 2;
    paper->result->gave_up = true;
    stated_status_set(&paper->result->error, STATED_UNAVAILABLE, "the server has gone");
    assert_says(paper, "errors       1,003  RESOURCE_EXHAUSTED 2  UNAVAILABLE 1,001\n");
    assert_says(paper, "the first one: the server has gone\n");
    assert_says(paper, "gave up");
}

static void test_table_names_what_is_broken(void **state)
{
    struct paper *paper = *state;
    paper->verdict.in_order = false;
    strcpy(paper->verdict.message, "ticket 12 was given to two calls");
    assert_says(paper, "order  BROKEN: ticket 12 was given to two calls\n");
    assert_null(strstr(paper->text, "fits"));
}

static void test_table_claims_nothing_that_was_not_checked(void **state)
{
    struct paper *paper = *state;
    paper->verdict.gap_free = false;
    paper->verdict.others = 5;
    assert_says(paper, "none twice, 5 not among them are other clients'\n");
    assert_null(strstr(paper->text, "none missing"));
    paper->verdict = (struct verdict){.message = "not asked for"};
    assert_says(paper, "order  not checked: not asked for\n");
    assert_null(strstr(paper->text, "fits"));
}

static void test_table_of_nothing(void **state)
{
    struct paper *paper = *state;
    memset(paper->result, 0, sizeof *paper->result);
    paper->result->interrupted = true;
    assert_says(paper, "errors           0\n");
    assert_says(paper, "note   interrupted\n");
    assert_null(strstr(paper->text, "\nread"));
}

static void test_json_has_the_same(void **state)
{
    struct paper *paper = *state;
    paper->result->errors[STATED_RESOURCE_EXHAUSTED] = 2;
    json_t *object = json_loads(print(paper, true), JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(object);
    int calls, rate, refused, errors, ok, gap_free;
    double p50, write_p999;
    assert_int_equal(json_unpack(object, "{s:i,s:i,s:F,s:F,s:{s:i},s:i,s:b,s:b}", "calls", &calls,
                                 "calls_per_s", &rate, "read_p50_us", &p50, "write_p999_us",
                                 &write_p999, "errors_by_code", "RESOURCE_EXHAUSTED", &refused,
                                 "errors", &errors, "order_ok", &ok, "gap_free", &gap_free),
                     0);
    json_decref(object);
    assert_int_equal(calls, 4000);
    assert_int_equal(rate, 2000);
    assert_true(p50 == 120.0);
    assert_true(write_p999 == 2500.0);
    assert_int_equal(refused, 2);
    assert_int_equal(errors, 2);
    assert_true(ok);
    assert_true(gap_free);
}

static void test_json_has_a_member_a_line(void **state)
{
    struct paper *paper = *state;
    assert_non_null(strstr(print(paper, true), "\n  \"calls_per_s\": 2000,\n"));
    assert_non_null(strstr(paper->text, "\n  \"gap_free\": true,\n"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_table_of_a_good_run),        TEST(test_table_names_errors),
        TEST(test_table_names_what_is_broken), TEST(test_table_claims_nothing_that_was_not_checked),
        TEST(test_table_of_nothing),           TEST(test_json_has_the_same),
        TEST(test_json_has_a_member_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
