/* verify-order: checks a log of calls by the tickets of their replies. */
#include "statectl/commands.h"
#include "statectl/errors.h"
#include "statectl/json.h"

#include "order/call_log.h"
#include "order/history.h"
#include "order/oracle.h"

#include <inttypes.h>
#include <string.h>

enum { KEY_ALONE = 0x100 };

struct verify_options {
    bool alone;
};

static const struct argp_option options[] = {
    {"alone", KEY_ALONE, NULL, 0,
     "The log has every call since the state was empty: no ticket may be missing", 0},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct verify_options *self = state->input;
    (void)text;
    if (key != KEY_ALONE) {
        return ARGP_ERR_UNKNOWN;
    }
    self->alone = true;
    return 0;
}

static void print(const struct ctl *ctl, const struct call_log *log,
                  const struct oracle_report *report, bool holds)
{
    enum output_format format = output_choose(ctl->format, OUTPUT_TABLE);
    if (format == OUTPUT_JSON || format == OUTPUT_JSONL) {
        json_t *object = json_new_object();
        json_set(object, "in_order", json_boolean(holds));
        json_set(object, "calls", json_new_number(log->n_records));
        json_set(object, "tickets", json_new_number(report->tickets));
        json_set(object, "checked", json_new_number(report->checked));
        json_set(object, "unchecked", json_new_number(report->unchecked));
        json_set(object, "ticket", json_new_number(report->ticket));
        json_set(object, "message", json_string(report->message));
        output_json(object, format);
    } else if (holds) {
        printf("%sin order%s: %zu calls, %zu with a ticket; %zu values seen, each what the order "
               "of the tickets gives\n",
               output_green(), output_plain(), log->n_records, report->tickets, report->checked);
    } else {
        printf("%sorder broken%s: %s\n", output_red(), output_plain(), report->message);
    }
}

static int check(const struct ctl *ctl, const struct call_log *log, bool alone)
{
    struct oracle_report report = {.fault = ORACLE_FAULT_NONE};
    struct stated_status status;
    struct history history;
    enum stated_code code = history_init(&history, log, alone, &status);
    if (code == STATED_OK) {
        code = oracle_check(&history.oracle, &report);
        history_deinit(&history);
    } else {
        memcpy(report.message, status.message, sizeof report.message);
    }
    if (code != STATED_OK && code != STATED_DATA_LOSS) {
        error_say("the log cannot be checked: %s", report.message);
        return EXIT_USAGE;
    }
    print(ctl, log, &report, code == STATED_OK);
    return code == STATED_OK ? EXIT_DONE : EXIT_NEGATIVE;
}

static int run(struct ctl *ctl, int argc, char **argv)
{
    struct verify_options given = {.alone = false};
    struct cli_arguments arguments;
    struct stated_status status;
    struct call_log log;
    if (!cli_parse(ctl, &cmd_verify_order, argc, argv, &given, &arguments)) {
        return EXIT_USAGE;
    }
    const char *path = arguments.at[0];
    bool is_input = strcmp(path, "-") == 0;
    FILE *file = is_input ? stdin : fopen(path, "re");
    if (file == NULL) {
        return error_file("read", path);
    }
    call_log_init(&log);
    int code = EXIT_USAGE;
    if (call_log_read(&log, file, &status) == STATED_OK) {
        code = check(ctl, &log, given.alone);
    } else {
        error_say("%s: %s", is_input ? "standard input" : path, status.message);
    }
    call_log_deinit(&log);
    if (!is_input) {
        fclose(file);
    }
    return code;
}

const struct command cmd_verify_order = {
    .name = "verify-order",
    .arguments = "FILE",
    .summary = "check a log of calls by their tickets",
    .help = "The log has a line of JSON for each call, as stated-bench --order-log writes it; - is "
            "standard input. The calls are replayed by ticket on a plain map: every reply has to "
            "fit, no ticket may come twice, and a call sent after another's reply has the larger "
            "ticket. The exit status is 1 when the order is broken, and the output says where.\n\n"
            "Examples:\n"
            "  stated-bench --order-log calls.jsonl && statectl verify-order calls.jsonl\n",
    .options = options,
    .parser = parse,
    .least_arguments = 1,
    .most_arguments = 1,
    .run = run,
};
