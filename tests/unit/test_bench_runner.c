/* Does a benchmark run do what was asked, and does its check find a server that lies? */
#include "bench/runner.h"

#include "base/clock.h"
#include "bench/verify.h"
#include "fake_client.h"

#include <stdlib.h>
#include <string.h>

#include "test.h"

/* A run against the fake server, from loading the keys to the verdict. */
struct trial {
    struct bench_options options;
    struct fake_faults faults;
    struct keyspace keyspace;
    struct runner *runner;
    const struct runner_result *result;
    struct verdict verdict;
    struct stated_status status;
};

static int setup(void **state)
{
    struct trial *trial = calloc(1, sizeof *trial);
    if (trial == NULL) {
        return 1;
    }
    trial->options = (struct bench_options){.endpoint = "ipc:///nowhere",
                                            .connections = 3,
                                            .in_flight = 4,
                                            .calls = 3000,
                                            .timeout_ms = 1000,
                                            .read_percent = 50,
                                            .keys = 20,
                                            .value_bytes = 40,
                                            .prefix = "bench/",
                                            .seed = 5,
                                            .check = true};
    *state = trial;
    return 0;
}

static int teardown(void **state)
{
    struct trial *trial = *state;
    runner_free(trial->runner);
    keyspace_deinit(&trial->keyspace);
    free(trial);
    return fake_server_clients() == 0 ? 0 : 1;
}

static void trial_run(struct trial *self)
{
    struct verify_tickets tickets;
    fake_server_reset(&self->faults);
    assert_int_equal(
        keyspace_init(&self->keyspace, self->options.prefix, self->options.keys, &self->status),
        STATED_OK);
    assert_int_equal(runner_new(&self->options, &self->keyspace, &self->runner, &self->status),
                     STATED_OK);
    struct stated_client *client = runner_client(self->runner);
    assert_int_equal(keyspace_load(&self->keyspace, client, &self->status), STATED_OK);
    assert_int_equal(
        keyspace_fill(&self->keyspace, client, self->options.value_bytes, &self->status),
        STATED_OK);
    tickets.before = verify_next_ticket(client);
    self->result = runner_run(self->runner, NULL);
    tickets.after = verify_next_ticket(client);
    assert_int_equal(verify_run(&self->options, &self->keyspace, client, self->result, tickets,
                                &self->verdict, &self->status),
                     STATED_OK);
}

static uint64_t measured(const struct trial *self)
{
    return histogram_count(&self->result->reads) + histogram_count(&self->result->writes);
}

static void assert_in_order(const struct trial *self)
{
    assert_string_equal(self->verdict.message, "");
    assert_true(self->verdict.checked);
    assert_true(self->verdict.in_order);
}

static void assert_broken(const struct trial *self, const char *message)
{
    assert_true(self->verdict.checked);
    assert_false(self->verdict.in_order);
    if (strstr(self->verdict.message, message) == NULL) {
        fail_msg("'%s' does not say '%s'", self->verdict.message, message);
    }
}

static void test_honest_server_is_in_order(void **state)
{
    struct trial *trial = *state;
    trial_run(trial);
    assert_in_order(trial);
    assert_true(trial->verdict.gap_free);
    assert_int_equal(trial->verdict.calls, 3000);
    assert_int_equal(trial->verdict.last_ticket - trial->verdict.first_ticket, 2999);
    assert_int_equal(measured(trial), 3000);
    assert_int_equal(trial->result->n_calls, 3000);
    assert_true(trial->result->elapsed_ns > 0);
    assert_int_equal(fake_server_keys(), 20);
}

static void test_second_run_starts_from_what_is_there(void **state)
{
    struct trial *trial = *state;
    trial_run(trial);
    assert_in_order(trial);
    runner_free(trial->runner);
    trial->runner = NULL;
    struct oracle_cell *replayed = trial->keyspace.cells;
    struct stated_client *client;
    assert_int_equal(stated_client_open(NULL, &client, NULL), STATED_OK);
    struct keyspace again;
    assert_int_equal(keyspace_init(&again, "bench/", 20, &trial->status), STATED_OK);
    assert_int_equal(keyspace_load(&again, client, &trial->status), STATED_OK);
    for (uint32_t key = 0; key < 20; key++) {
        assert_int_equal(again.cells[key].value.bits, replayed[key].value.bits);
        assert_int_equal(again.cells[key].version, replayed[key].version);
    }
    keyspace_deinit(&again);
    stated_client_close(client);
}

static void test_warm_up_is_checked_and_not_measured(void **state)
{
    struct trial *trial = *state;
    trial->options.warmup = 500;
    trial->options.calls = 1000;
    trial_run(trial);
    assert_in_order(trial);
    assert_int_equal(trial->verdict.calls, 1500);
    assert_int_equal(measured(trial), 1000);
}

static void test_duration_ends_the_run(void **state)
{
    struct trial *trial = *state;
    trial->options.calls = UINT64_MAX;
    trial->options.duration_ns = 50 * CLOCK_NS_PER_MS;
    uint64_t began_ns = clock_now_ns();
    trial_run(trial);
    assert_true(clock_now_ns() - began_ns >= trial->options.duration_ns);
    assert_in_order(trial);
    assert_true(measured(trial) > 0);
    assert_false(trial->result->full);
    assert_false(trial->result->gave_up);
}

static void test_without_check_nothing_is_kept(void **state)
{
    struct trial *trial = *state;
    trial->options.check = false;
    trial_run(trial);
    assert_false(trial->verdict.checked);
    assert_null(trial->result->calls);
    assert_int_equal(measured(trial), 3000);
}

static void test_open_loop_keeps_its_rate(void **state)
{
    struct trial *trial = *state;
    trial->options.rate = 20000;
    trial->options.calls = 1000;
    trial_run(trial);
    assert_in_order(trial);
    assert_int_equal(measured(trial), 1000);
    assert_true(trial->result->elapsed_ns >= 999 * UINT64_C(50000));
}

static void test_open_loop_is_given_up_and_interrupted_like_the_closed_one(void **state)
{
    struct trial *trial = *state;
    trial->options.rate = 50000;
    trial->options.duration_ns = 60 * CLOCK_NS_PER_S;
    trial->options.calls = UINT64_MAX;
    trial->faults.refuse_every = 1;
    trial_run(trial);
    assert_true(trial->result->gave_up);
    assert_int_equal(trial->result->error.code, STATED_RESOURCE_EXHAUSTED);
}

static void test_committed_reads_have_no_place_in_the_order(void **state)
{
    struct trial *trial = *state;
    trial->options.committed = true;
    trial->options.read_percent = 100;
    trial->options.calls = 200;
    trial->faults.stale_read_at = 100;
    trial_run(trial);
    assert_in_order(trial);
    assert_int_equal(histogram_count(&trial->result->reads), 200);
}

static void test_mix_of_one_kind(void **state)
{
    struct trial *trial = *state;
    trial->options.read_percent = 100;
    trial_run(trial);
    assert_in_order(trial);
    assert_int_equal(histogram_count(&trial->result->reads), 3000);
}

static void test_refused_calls_take_no_ticket(void **state)
{
    struct trial *trial = *state;
    trial->faults.refuse_every = 7;
    trial_run(trial);
    assert_in_order(trial);
    assert_true(trial->verdict.gap_free);
    assert_int_equal(trial->result->errors[STATED_RESOURCE_EXHAUSTED], 3000 / 7);
    assert_int_equal(measured(trial), 3000 - 3000 / 7);
    assert_string_equal(trial->result->error.message, "the queue is full");
}

static void test_lost_replies_are_understood(void **state)
{
    struct trial *trial = *state;
    trial->faults.lose_reply_every = 50;
    trial_run(trial);
    assert_in_order(trial);
    assert_false(trial->verdict.gap_free); /* nobody can know */
    assert_int_equal(trial->result->errors[STATED_DEADLINE_EXCEEDED], 3000 / 50);
}

static void test_lost_calls_are_understood(void **state)
{
    struct trial *trial = *state;
    trial->faults.drop_call_every = 50;
    trial->faults.lose_reply_every = 70;
    trial_run(trial);
    assert_in_order(trial);
}

static void test_control_stale_reads(void **state)
{
    struct trial *trial = *state;
    trial->faults.stale_read_at = 1500;
    trial_run(trial);
    assert_broken(trial, "key bench/000000");
}

static void test_control_lost_write(void **state)
{
    struct trial *trial = *state;
    trial->options.read_percent = 0;
    trial->faults.lose_write_at = 1500;
    trial->options.connections = 1;
    trial->options.in_flight = 1;
    trial_run(trial);
    assert_broken(trial, "what the keys hold now");
}

static void test_control_last_write_lost(void **state)
{
    struct trial *trial = *state;
    trial->options.read_percent = 0;
    trial->faults.lose_write_at = 3000;
    trial_run(trial);
    assert_broken(trial, "what the keys hold now");
}

static void test_control_state_gone_at_the_end(void **state)
{
    struct trial *trial = *state;
    trial->faults.forget_at_the_end = true;
    trial_run(trial);
    assert_broken(trial, "saw no value");
}

static void test_control_double_ticket(void **state)
{
    struct trial *trial = *state;
    trial->faults.double_ticket_at = 1500;
    trial_run(trial);
    assert_broken(trial, "was given to two calls");
}

static void test_control_swapped_tickets(void **state)
{
    struct trial *trial = *state;
    trial->options.connections = 1;
    trial->options.in_flight = 1;
    trial->faults.swap_tickets_at = 1500;
    trial_run(trial);
    assert_broken(trial, "after the reply of ticket");
}

static void test_ticket_of_others_is_counted(void **state)
{
    struct trial *trial = *state;
    trial->faults.skip_ticket_at = 1500;
    trial_run(trial);
    assert_in_order(trial);
    assert_int_equal(trial->verdict.others, 1);
    assert_false(trial->verdict.gap_free);
}

static void test_control_missing_ticket_when_alone(void **state)
{
    struct trial *trial = *state;
    trial->options.alone = true;
    trial->faults.skip_ticket_at = 1500;
    trial_run(trial);
    assert_broken(trial, "1 tickets");
    assert_false(trial->verdict.gap_free);
}

static void test_control_missing_ticket_when_the_server_tells_nothing(void **state)
{
    struct trial *trial = *state;
    trial->options.alone = true;
    trial->faults.no_status = true;
    trial->faults.skip_ticket_at = 1500;
    trial_run(trial);
    assert_broken(trial, "was due");
}

static void test_restart_is_no_verdict(void **state)
{
    struct trial *trial = *state;
    trial->faults.restart_at = 1500;
    trial_run(trial);
    assert_false(trial->verdict.checked);
    assert_non_null(strstr(trial->verdict.message, "restarted"));
}

static void test_nothing_but_errors_is_given_up(void **state)
{
    struct trial *trial = *state;
    trial->faults.refuse_every = 1;
    trial->options.calls = 100000;
    trial_run(trial);
    assert_true(trial->result->gave_up);
    assert_int_equal(measured(trial), 0);
    assert_true(trial->result->n_calls < 1000);
}

static void test_calls_that_do_not_start_are_given_up(void **state)
{
    struct trial *trial = *state;
    trial->faults.refuse_to_start = true;
    trial_run(trial);
    assert_true(trial->result->gave_up);
    assert_int_equal(trial->result->error.code, STATED_INVALID_ARGUMENT);
}

static struct runner *interrupted_runner;

static void interrupt(uint64_t calls, uint64_t elapsed_ns)
{
    (void)calls;
    (void)elapsed_ns;
    runner_interrupt(interrupted_runner);
}

static void test_interrupt_ends_the_run_in_order(void **state)
{
    struct trial *trial = *state;
    trial->options.calls = UINT64_MAX;
    trial->options.duration_ns = 60 * CLOCK_NS_PER_S;
    trial->options.check = false; /* the run is as long as it takes to see the first progress */
    fake_server_reset(&trial->faults);
    assert_int_equal(keyspace_init(&trial->keyspace, "bench/", 20, &trial->status), STATED_OK);
    assert_int_equal(runner_new(&trial->options, &trial->keyspace, &trial->runner, &trial->status),
                     STATED_OK);
    interrupted_runner = trial->runner;
    trial->result = runner_run(trial->runner, interrupt);
    assert_true(trial->result->interrupted);
    assert_false(trial->result->gave_up);
    assert_true(trial->result->elapsed_ns < trial->options.duration_ns);
}

static void test_nobody_there_is_said(void **state)
{
    struct trial *trial = *state;
    trial->faults.refuse_to_open = true;
    fake_server_reset(&trial->faults);
    assert_int_equal(runner_new(&trial->options, &trial->keyspace, &trial->runner, &trial->status),
                     STATED_UNAVAILABLE);
    assert_null(trial->runner);
    assert_string_equal(trial->status.message, "nobody answers at ipc:///nowhere");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_honest_server_is_in_order),
        TEST(test_second_run_starts_from_what_is_there),
        TEST(test_warm_up_is_checked_and_not_measured),
        TEST(test_duration_ends_the_run),
        TEST(test_without_check_nothing_is_kept),
        TEST(test_open_loop_keeps_its_rate),
        TEST(test_open_loop_is_given_up_and_interrupted_like_the_closed_one),
        TEST(test_committed_reads_have_no_place_in_the_order),
        TEST(test_mix_of_one_kind),
        TEST(test_refused_calls_take_no_ticket),
        TEST(test_lost_replies_are_understood),
        TEST(test_lost_calls_are_understood),
        TEST(test_control_stale_reads),
        TEST(test_control_lost_write),
        TEST(test_control_last_write_lost),
        TEST(test_control_state_gone_at_the_end),
        TEST(test_control_double_ticket),
        TEST(test_control_swapped_tickets),
        TEST(test_ticket_of_others_is_counted),
        TEST(test_control_missing_ticket_when_alone),
        TEST(test_control_missing_ticket_when_the_server_tells_nothing),
        TEST(test_restart_is_no_verdict),
        TEST(test_nothing_but_errors_is_given_up),
        TEST(test_calls_that_do_not_start_are_given_up),
        TEST(test_interrupt_ends_the_run_in_order),
        TEST(test_nobody_there_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
