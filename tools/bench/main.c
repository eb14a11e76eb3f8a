/* stated-bench: measures a server and checks its order. */
#include "bench/keyspace.h"
#include "bench/options.h"
#include "bench/report.h"
#include "bench/runner.h"
#include "bench/verify.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum { EXIT_DONE = 0, EXIT_BROKEN = 1, EXIT_CODE = 64, EXIT_INTERRUPTED = 130 };

static struct runner *running; /* what the signal handler interrupts */

static void on_signal(int number)
{
    (void)number;
    runner_interrupt(running);
}

/* The first signal ends the run and still prints what came of it; the second kills. */
static void catch_signals(struct runner *runner)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART | (int)SA_RESETHAND};
    running = runner;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static void show_progress(uint64_t calls, uint64_t elapsed_ns)
{
    static uint64_t calls_before;
    static uint64_t ns_before;
    double since_s = (double)(elapsed_ns - ns_before) / 1e9;
    fprintf(stderr, "\r%12" PRIu64 " calls, %6.1f s, now %8.0f calls/s ", calls,
            (double)elapsed_ns / 1e9, (double)(calls - calls_before) / since_s);
    calls_before = calls;
    ns_before = elapsed_ns;
}

static int fail(const struct stated_status *status)
{
    fprintf(stderr, "stated-bench: %s\n", status->message);
    return EXIT_CODE + (int)status->code;
}

static int outcome(const struct report *report)
{
    if (report->verdict->checked && !report->verdict->in_order) {
        return EXIT_BROKEN;
    }
    if (report->result->interrupted) {
        return EXIT_INTERRUPTED;
    }
    bool failed = report->result->gave_up || report->all.calls == 0;
    if (failed && report->result->error.code != STATED_OK) {
        return EXIT_CODE + (int)report->result->error.code;
    }
    return EXIT_DONE;
}

static int print(const struct bench_options *options, const struct runner_result *result,
                 const struct verdict *verdict)
{
    struct report report;
    bool printed = report_init(&report, options, result, verdict);
    if (printed && options->format == BENCH_JSON) {
        printed = report_json(&report, stdout);
    } else if (printed) {
        report_table(&report, stdout);
    }
    if (!printed || fflush(stdout) != 0) {
        fputs("stated-bench: the report could not be printed\n", stderr);
        return EXIT_CODE + STATED_RESOURCE_EXHAUSTED;
    }
    return outcome(&report);
}

/* Loads and fills the keys, runs, verifies, prints. */
static int measure(const struct bench_options *options, struct keyspace *keyspace,
                   struct runner *runner)
{
    struct stated_client *client = runner_client(runner);
    struct stated_status status;
    struct verify_tickets tickets;
    struct verdict verdict;

    if (keyspace_load(keyspace, client, &status) != STATED_OK ||
        keyspace_fill(keyspace, client, options->value_bytes, &status) != STATED_OK) {
        return fail(&status);
    }
    catch_signals(runner);
    tickets.before = verify_next_ticket(client);
    const struct runner_result *result =
        runner_run(runner, isatty(STDERR_FILENO) ? show_progress : NULL);
    tickets.after = verify_next_ticket(client);
    if (isatty(STDERR_FILENO)) {
        fputs("\r\033[K", stderr);
    }
    if (verify_run(options, keyspace, client, result, tickets, &verdict, &status) != STATED_OK) {
        snprintf(verdict.message, sizeof verdict.message, "%s", status.message);
    }
    return print(options, result, &verdict);
}

static int run(const struct bench_options *options, struct journal *journal)
{
    struct keyspace keyspace;
    struct runner *runner;
    struct stated_status status;
    if (keyspace_init(&keyspace, options->prefix, options->keys, &status) != STATED_OK) {
        return fail(&status);
    }
    keyspace.journal = journal;
    int code;
    if (runner_new(options, &keyspace, &runner, &status) == STATED_OK) {
        code = measure(options, &keyspace, runner);
        runner_free(runner);
    } else {
        code = fail(&status);
    }
    keyspace_deinit(&keyspace);
    return code;
}

int main(int argc, char **argv)
{
    struct bench_options options;
    struct journal journal;
    struct stated_status status;

    bench_options_parse(&options, argc, argv);
    if (options.order_log == NULL) {
        return run(&options, NULL);
    }
    if (journal_open(&journal, options.order_log, &status) != STATED_OK) {
        return fail(&status);
    }
    int code = run(&options, &journal);
    if (journal_close(&journal, &status) != STATED_OK) {
        int incomplete = fail(&status);
        return code == EXIT_DONE ? incomplete : code;
    }
    return code;
}
