#include "bench/options.h"

#include "stated/client.h"

#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    USAGE_STATUS = 2,
    MAX_KEY_BYTES = 480,
    MAX_VALUE_BYTES = 1 << 24,
    MAX_SECONDS = 86400,
    MAX_RATE = 10000000,
    DEFAULT_CALLS = 100000,
    DEFAULT_OPEN_IN_FLIGHT = 256,
};

enum option_key {
    KEY_CALLS = 0x100,
    KEY_DURATION,
    KEY_READ_PERCENT,
    KEY_KEYS,
    KEY_VALUE_SIZE,
    KEY_PREFIX,
    KEY_SEED,
    KEY_DISTRIBUTION,
    KEY_WARMUP,
    KEY_TIMEOUT,
    KEY_ORDER_LOG,
    KEY_NO_CHECK,
    KEY_ALONE,
    KEY_RATE,
    KEY_CONSISTENCY,
    KEY_COALESCE,
    KEY_NUMBER_WRITES,
};

static const struct argp_option entries[] = {
    {NULL, 0, NULL, 0, "Whom to ask, and how hard:", 1},
    {"endpoint", 'e', "URL", 0, "Server to call (default: the one statectl calls)", 1},
    {"connections", 'c', "N", 0, "Clients, each with a connection of its own (1)", 1},
    {"in-flight", 'n', "N", 0,
     "Calls that each client keeps in flight (1); with --rate, has in "
     "flight at most (256)",
     1},
    {"rate", KEY_RATE, "N", 0,
     "Calls a second of all clients together, whether answered or not; "
     "times count from when a call was due",
     1},
    {"coalesce", KEY_COALESCE, "on|off", 0, "Whether calls of a client share frames (on)", 1},
    {"number-writes", KEY_NUMBER_WRITES, "on|off", 0,
     "Whether writes are numbered, so that each "
     "is applied once however often it is sent (on)",
     1},
    {"calls", KEY_CALLS, "N", 0, "Stop after this many calls (100000)", 1},
    {"duration", KEY_DURATION, "SECONDS", 0, "Stop after this time instead", 1},
    {"warmup", KEY_WARMUP, "N", 0, "Calls before the measurement starts (0)", 1},
    {"timeout", KEY_TIMEOUT, "MS", 0, "Of one call (5000)", 1},
    {NULL, 0, NULL, 0, "What to ask:", 2},
    {"read-percent", KEY_READ_PERCENT, "P", 0, "Share of reads, the rest are writes (90)", 2},
    {"keys", KEY_KEYS, "N", 0, "Keys to use; missing ones are made first (1000)", 2},
    {"prefix", KEY_PREFIX, "TEXT", 0, "Of the keys; they stay in the state (bench/)", 2},
    {"consistency", KEY_CONSISTENCY, "NAME", 0, "Of reads: ordered (default) or committed", 2},
    {"distribution", KEY_DISTRIBUTION, "NAME", 0, "Of the keys: uniform (default) or zipf", 2},
    {"value-size", KEY_VALUE_SIZE, "BYTES", 0, "Of each written value (100)", 2},
    {"seed", KEY_SEED, "N", 0, "The same seed asks the same calls (1)", 2},
    {NULL, 0, NULL, 0, "What to make of the answers:", 3},
    {"output", 'o', "FORMAT", 0, "table (default) or json", 3},
    {"order-log", KEY_ORDER_LOG, "FILE", 0, "Write each call and its reply as a line of JSON", 3},
    {"no-check", KEY_NO_CHECK, NULL, 0, "Do not keep the calls and check them by ticket", 3},
    {"alone", KEY_ALONE, NULL, 0, "Fail when tickets went to anyone else during the run", 3},
    {0},
};

/* Ends the process when text is not a whole number in the range. */
static uint64_t parse_number(struct argp_state *state, const char *option, const char *text,
                             uint64_t least, uint64_t most)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    bool digits = text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
    if (!digits || number < least || number > most) {
        argp_error(state, "--%s: '%s' is not a number from %" PRIu64 " to %" PRIu64, option, text,
                   least, most);
    }
    return number;
}

static uint64_t parse_seconds(struct argp_state *state, const char *text)
{
    char *end;
    double seconds = strtod(text, &end);
    if (end == text || *end != '\0' || !(seconds >= 0.01 && seconds <= MAX_SECONDS)) {
        argp_error(state, "--duration: '%s' is not a number of seconds from 0.01 to %d", text,
                   MAX_SECONDS);
    }
    return (uint64_t)(seconds * 1e9);
}

/* The index of text among the names. */
static int parse_name(struct argp_state *state, const char *option, const char *text,
                      const char *const names[2])
{
    if (strcmp(text, names[1]) == 0) {
        return 1;
    }
    if (strcmp(text, names[0]) != 0) {
        argp_error(state, "--%s: '%s' is neither %s nor %s", option, text, names[0], names[1]);
    }
    return 0;
}

static void parse_endpoint(struct argp_state *state, struct bench_options *options,
                           const char *text)
{
    if (strlen(text) >= sizeof options->endpoint) {
        argp_error(state, "--endpoint: longer than %zu bytes", sizeof options->endpoint - 1);
    }
    strcpy(options->endpoint, text);
}

/* Keys are bytes to the server; here they also have to be read in a report. */
static bool is_printable(const char *text)
{
    while (*text > ' ' && *text < 127) {
        text++;
    }
    return *text == '\0';
}

static void parse_prefix(struct argp_state *state, struct bench_options *options, const char *text)
{
    const size_t most = MAX_KEY_BYTES - BENCH_KEY_DIGITS;
    if (strlen(text) < 1 || strlen(text) > most) {
        argp_error(state, "--prefix: has %zu bytes, not 1 to %zu", strlen(text), most);
    }
    if (!is_printable(text)) {
        argp_error(state, "--prefix: may only have printable ASCII characters, and no space");
    }
    options->prefix = text;
}

/* What only makes sense together. */
static void check_together(struct argp_state *state, struct bench_options *options)
{
    if (options->duration_ns != 0) {
        if (options->calls != 0) {
            argp_error(state, "--calls and --duration exclude each other");
        }
        options->calls = UINT64_MAX - options->warmup;
    } else if (options->calls == 0) {
        options->calls = DEFAULT_CALLS;
    }
    if (options->in_flight == 0) {
        options->in_flight = options->rate != 0 ? DEFAULT_OPEN_IN_FLIGHT : 1;
    }
    if (options->order_log != NULL && !options->check) {
        argp_error(state, "--order-log needs the calls that --no-check does not keep");
    }
    if (options->check && options->duration_ns == 0 &&
        options->calls + options->warmup > BENCH_MAX_CHECKED_CALLS) {
        argp_error(state, "at most %d calls are kept for the order check; more need --no-check",
                   BENCH_MAX_CHECKED_CALLS);
    }
    if (options->endpoint[0] == '\0') {
        stated_default_endpoint(options->endpoint, sizeof options->endpoint);
    }
}

static error_t parse_load(int key, char *text, struct argp_state *state)
{
    static const char *const on_off[] = {"on", "off"};
    struct bench_options *options = state->input;
    switch (key) {
    case 'e':
        parse_endpoint(state, options, text);
        return 0;
    case 'c':
        options->connections = (uint32_t)parse_number(state, "connections", text, 1, 1024);
        return 0;
    case 'n':
        options->in_flight = (uint32_t)parse_number(state, "in-flight", text, 1, 4096);
        return 0;
    case KEY_RATE:
        options->rate = (uint32_t)parse_number(state, "rate", text, 1, MAX_RATE);
        return 0;
    case KEY_COALESCE:
        options->coalesce = parse_name(state, "coalesce", text, on_off) == 0;
        return 0;
    case KEY_NUMBER_WRITES:
        options->number_writes = parse_name(state, "number-writes", text, on_off) == 0;
        return 0;
    case KEY_CALLS:
        options->calls = parse_number(state, "calls", text, 1, UINT64_C(1) << 40);
        return 0;
    case KEY_DURATION:
        options->duration_ns = parse_seconds(state, text);
        return 0;
    case KEY_WARMUP:
        options->warmup = parse_number(state, "warmup", text, 0, UINT64_C(1) << 32);
        return 0;
    case KEY_TIMEOUT:
        options->timeout_ms = (uint32_t)parse_number(state, "timeout", text, 1, 600000);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_work(int key, char *text, struct argp_state *state)
{
    static const char *const distributions[] = {"uniform", "zipf"};
    static const char *const consistencies[] = {"ordered", "committed"};
    struct bench_options *options = state->input;
    switch (key) {
    case KEY_READ_PERCENT:
        options->read_percent = (unsigned)parse_number(state, "read-percent", text, 0, 100);
        return 0;
    case KEY_KEYS:
        options->keys = (uint32_t)parse_number(state, "keys", text, 1, BENCH_MAX_KEYS);
        return 0;
    case KEY_VALUE_SIZE:
        options->value_bytes =
            (uint32_t)parse_number(state, "value-size", text, 0, MAX_VALUE_BYTES);
        return 0;
    case KEY_PREFIX:
        parse_prefix(state, options, text);
        return 0;
    case KEY_SEED:
        options->seed = parse_number(state, "seed", text, 0, UINT64_MAX);
        return 0;
    case KEY_CONSISTENCY:
        options->committed = parse_name(state, "consistency", text, consistencies) == 1;
        return 0;
    case KEY_DISTRIBUTION:
        options->distribution = parse_name(state, "distribution", text, distributions) == 1
                                    ? WORKLOAD_ZIPF
                                    : WORKLOAD_UNIFORM;
        return 0;
    default:
        return parse_load(key, text, state);
    }
}

static error_t parse_option(int key, char *text, struct argp_state *state)
{
    static const char *const formats[] = {"table", "json"};
    struct bench_options *options = state->input;
    switch (key) {
    case 'o':
        options->format =
            parse_name(state, "output", text, formats) == 1 ? BENCH_JSON : BENCH_TABLE;
        return 0;
    case KEY_ORDER_LOG:
        options->order_log = text;
        return 0;
    case KEY_NO_CHECK:
        options->check = false;
        return 0;
    case KEY_ALONE:
        options->alone = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "'%s': there are no arguments, only options", text);
        return 0;
    case ARGP_KEY_END:
        check_together(state, options);
        return 0;
    default:
        return parse_work(key, text, state);
    }
}

void bench_options_parse(struct bench_options *options, int argc, char **argv)
{
    static const struct argp parser = {
        .options = entries,
        .parser = parse_option,
        .doc =
            "Measures a stated server and checks its order.\v"
            "Each client keeps its calls in flight and sends the next when one is answered; with "
            "--rate, calls are sent when they are due. "
            "Afterwards every reply is checked: replayed by ticket on a plain map, each read must "
            "have seen what the writes with smaller tickets left, no ticket may come twice, and "
            "none may be missing when nobody else called.\n\n"
            "Exit status: 0 done and in order; 1 the order was broken; 2 wrong usage; 64 + the "
            "status code when the server did not answer; 130 interrupted.",
    };
    *options = (struct bench_options){
        .connections = 1,
        .coalesce = true,
        .number_writes = true,
        .timeout_ms = 5000,
        .read_percent = 90,
        .keys = 1000,
        .value_bytes = 100,
        .prefix = "bench/",
        .seed = 1,
        .check = true,
    };
    argp_program_version = "stated-bench " STATED_VERSION;
    argp_err_exit_status = USAGE_STATUS;
    argp_parse(&parser, argc, argv, 0, NULL, options);
}
