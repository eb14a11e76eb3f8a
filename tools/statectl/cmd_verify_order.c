/* verify-order: checks a log of calls by the tickets of their replies, or by their times. */
#include "statectl/commands.h"
#include "statectl/errors.h"
#include "statectl/json.h"
#include "statectl/text.h"

#include "order/call_log.h"
#include "order/history.h"
#include "order/linear.h"
#include "order/oracle.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_ALONE = 0x100, KEY_BY_TIME };

struct verify_options {
    bool alone;
    bool by_time;
};

static const struct argp_option options[] = {
    {"alone", KEY_ALONE, NULL, 0,
     "The log has every call since the state was empty: no ticket may be missing", 0},
    {"by-time", KEY_BY_TIME, NULL, 0,
     "Trust no ticket: is there an order of each key's calls, every one between its sending and "
     "its "
     "reply, that explains all replies? The log may go over restarts",
     0},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct verify_options *self = state->input;
    (void)text;
    switch (key) {
    case KEY_ALONE:
        self->alone = true;
        return 0;
    case KEY_BY_TIME:
        self->by_time = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
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

static int conclude(enum stated_code code, const char *message)
{
    if (code != STATED_OK && code != STATED_DATA_LOSS) {
        return error_usage("the log cannot be checked: %s", message);
    }
    return code == STATED_OK ? EXIT_DONE : EXIT_NEGATIVE;
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
    int exit_code = conclude(code, report.message);
    if (exit_code != EXIT_USAGE) {
        print(ctl, log, &report, code == STATED_OK);
    }
    return exit_code;
}

/* key NULL: every key has an order. */
static void print_by_time(const struct ctl *ctl, const struct call_log *log,
                          const struct linear_report *report, const char *key)
{
    enum output_format format = output_choose(ctl->format, OUTPUT_TABLE);
    if (format == OUTPUT_JSON || format == OUTPUT_JSONL) {
        json_t *object = json_new_object();
        json_set(object, "linearizable", json_boolean(key == NULL));
        json_set(object, "calls", json_new_number(log->n_records));
        json_set(object, "checked", json_new_number(report->checked));
        json_set(object, "open", json_new_number(report->open));
        json_set(object, "key", key == NULL ? json_null() : json_string(key));
        json_set(object, "call", key == NULL ? json_null() : json_new_number(report->call + 1));
        json_set(object, "message", json_string(report->message));
        output_json(object, format);
    } else if (key == NULL) {
        printf("%slinearizable%s: %zu calls; %zu times one saw or changed a key, of which %zu have "
               "no reply, and each key has an order that explains all replies\n",
               output_green(), output_plain(), log->n_records, report->checked, report->open);
    } else {
        printf("%snot linearizable%s: no order of the calls on key %s explains the reply of call "
               "%zu\n",
               output_red(), output_plain(), key, report->call + 1);
    }
}

static int check_by_time(const struct ctl *ctl, const struct call_log *log, bool alone)
{
    struct linear_report report = {.message = ""};
    struct stated_status status;
    struct history history;
    enum stated_code code = history_init_by_time(&history, log, alone, &status);
    if (code != STATED_OK) {
        error_say("the log cannot be checked: %s", status.message);
        return code == STATED_DATA_LOSS ? EXIT_NEGATIVE : EXIT_USAGE;
    }
    code = linear_check(&history.oracle, &report);
    int exit_code = conclude(code, report.message);
    if (exit_code != EXIT_USAGE) {
        char *key = code == STATED_OK ? NULL : text_of(history.keys.keys[report.key], 0);
        print_by_time(ctl, log, &report, key);
        free(key);
    }
    history_deinit(&history);
    return exit_code;
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
        code =
            given.by_time ? check_by_time(ctl, &log, given.alone) : check(ctl, &log, given.alone);
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
    .help =
        "The log has a line of JSON for each call, as stated-bench --order-log writes it; - is "
        "standard input. The calls are replayed by ticket on a plain map: every reply has to "
        "fit, no ticket may come twice, and a call sent after another's reply has the larger "
        "ticket. The exit status is 1 when the order is broken, and the output says where.\n\n"
        "With --by-time the tickets do not count: each key's calls are judged by when they were "
        "sent and answered. A call without a reply may have happened or not.\n\n"
        "Examples:\n"
        "  stated-bench --order-log calls.jsonl && statectl verify-order calls.jsonl\n",
    .options = options,
    .parser = parse,
    .least_arguments = 1,
    .most_arguments = 1,
    .run = run,
};
