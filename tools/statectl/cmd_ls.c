/* ls: lists keys. */
#include "statectl/commands.h"
#include "statectl/errors.h"
#include "statectl/json.h"
#include "statectl/scan.h"
#include "statectl/table.h"
#include "statectl/text.h"

#include "stated/v1/state.stated-client.h"

#include <inttypes.h>

enum {
    KEY_LIMIT = 0x100,
    KEY_COUNT,
    KEY_KEYS,
    KEY_COMMITTED,
    KEY_NULL = '0',
    MAX_KEY_COLUMNS = 60
};

struct ls {
    struct scan scan;
    char *prefix; /* as an option, as other commands have it */
    bool count_only;
    bool ends_with_nul; /* what is raw */
    enum output_format format;
    struct table table;
    size_t columns; /* of the terminal; 0 = as many as needed */
};

static const struct argp_option options[] = {
    {"prefix", 'p', "PREFIX", 0, "The same as PREFIX alone", 0},
    {"keys", KEY_KEYS, NULL, 0, "Only keys, no values", 0},
    {"count", KEY_COUNT, NULL, 0, "Only how many there are", 0},
    {"limit", KEY_LIMIT, "N", 0, "At most N of them", 0},
    {"committed", KEY_COMMITTED, NULL, 0, "The newest committed state, without waiting in line", 0},
    {"null", KEY_NULL, NULL, 0, "Raw, with a NUL behind each entry instead of a newline", 0},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct ls *self = state->input;
    switch (key) {
    case 'p':
        self->prefix = text;
        return 0;
    case KEY_KEYS:
        self->scan.keys_only = true;
        return 0;
    case KEY_COUNT:
        self->count_only = true;
        return 0;
    case KEY_LIMIT:
        return cli_number("--limit", text, 1, INT64_MAX, &self->scan.limit) ? 0 : CLI_REFUSED;
    case KEY_COMMITTED:
        self->scan.committed = true;
        return 0;
    case KEY_NULL:
        self->ends_with_nul = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void print_raw(const struct ls *self, const Stated__V1__Entry *entry)
{
    output_bytes(entry->key);
    if (!self->scan.keys_only) {
        putchar('\t');
        output_bytes(entry->value);
    }
    putchar(self->ends_with_nul ? '\0' : '\n');
}

/* The list's brackets are printed around all pages. */
static void print_in_list(const struct ls *self, const Stated__V1__Entry *entry, bool is_first)
{
    fputs(is_first ? "[\n" : ",\n", stdout);
    json_t *object = json_of_entry(entry, !self->scan.keys_only);
    json_dumpf(object, stdout, JSON_COMPACT);
    json_decref(object);
}

static void add_row(struct ls *self, const Stated__V1__Entry *entry)
{
    table_add(&self->table, text_of(entry->key, self->columns > 0 ? MAX_KEY_COLUMNS : 0));
    table_format(&self->table, "%" PRIu64, entry->mod_revision);
    if (!self->scan.keys_only) {
        size_t used = self->table.widths[0] + 2 + self->table.widths[1] + 2;
        size_t left = self->columns > used + 20 ? self->columns - used : 20;
        table_add(&self->table, text_of(entry->value, self->columns > 0 ? left : 0));
    }
}

static bool print_page(void *argument, const Stated__V1__ReadResponse *page)
{
    struct ls *self = argument;
    bool is_first = self->scan.n == page->n_entries;
    for (size_t i = 0; i < page->n_entries; i++) {
        const Stated__V1__Entry *entry = page->entries[i];
        if (self->format == OUTPUT_TABLE) {
            add_row(self, entry);
        } else if (self->format == OUTPUT_RAW) {
            print_raw(self, entry);
        } else if (self->format == OUTPUT_JSONL) {
            output_json(json_of_entry(entry, !self->scan.keys_only), OUTPUT_JSONL);
        } else {
            print_in_list(self, entry, is_first && i == 0);
        }
    }
    table_flush(&self->table);
    return !output_has_failed();
}

static int list(struct ls *self, struct ctl *ctl)
{
    static const char *const headings[] = {"KEY", "REVISION", "VALUE"};
    self->format = self->ends_with_nul ? OUTPUT_RAW : output_choose(ctl->format, OUTPUT_JSONL);
    self->columns = output_columns();
    table_init(&self->table, headings, self->scan.keys_only ? 2 : 3);
    self->table.right[1] = true;
    self->scan.page = print_page;
    self->scan.argument = self;
    int code = scan_run(&self->scan, ctl);
    table_deinit(&self->table);
    if (self->format == OUTPUT_JSON && (code == EXIT_DONE || self->scan.n > 0)) {
        fputs(self->scan.n > 0 ? "\n]\n" : "[]\n", stdout);
    }
    return code;
}

static int count(const struct ls *self, struct ctl *ctl)
{
    Stated__V1__ReadRequest request = STATED__V1__READ_REQUEST__INIT;
    Stated__V1__Selector selector = STATED__V1__SELECTOR__INIT;
    Stated__V1__Selector *selectors = &selector;
    Stated__V1__ReadResponse *response;
    struct stated_status status;

    int code = ctl_connect(ctl);
    if (code != EXIT_DONE) {
        return code;
    }
    selector.kind_case = STATED__V1__SELECTOR__KIND_PREFIX;
    selector.prefix = self->scan.prefix;
    request.select = &selectors;
    request.n_select = 1;
    request.count_only = true;
    request.consistency = self->scan.committed ? STATED__V1__CONSISTENCY__CONSISTENCY_COMMITTED
                                               : STATED__V1__CONSISTENCY__CONSISTENCY_ORDERED;
    if (stated_v1_state_service_read(ctl->client, NULL, &request, &response, &status) !=
        STATED_OK) {
        return error_call(&status);
    }
    enum output_format format = output_choose(ctl->format, OUTPUT_RAW);
    if (format == OUTPUT_JSON || format == OUTPUT_JSONL) {
        json_t *object = json_new_object();
        json_set(object, "count", json_new_number(response->count));
        json_set(object, "revision", json_new_number(response->revision));
        output_json(object, format);
    } else {
        printf("%" PRIu64 "\n", response->count);
    }
    stated__v1__read_response__free_unpacked(response, NULL);
    return EXIT_DONE;
}

static bool take_prefix(struct ctl *ctl, struct ls *self, const struct cli_arguments *arguments)
{
    if (arguments->n == 1 && self->prefix != NULL) {
        error_say("ls takes one prefix, with --prefix or without");
        return false;
    }
    char *prefix = arguments->n == 1 ? arguments->at[0] : self->prefix;
    return prefix == NULL || ctl_key(ctl, prefix, &self->scan.prefix);
}

static int run(struct ctl *ctl, int argc, char **argv)
{
    struct ls self = {.count_only = false};
    struct cli_arguments arguments;
    if (!cli_parse(ctl, &cmd_ls, argc, argv, &self, &arguments) ||
        !take_prefix(ctl, &self, &arguments)) {
        return EXIT_USAGE;
    }
    if (self.count_only && (self.scan.limit != 0 || self.scan.keys_only)) {
        return error_usage("ls: --count goes with neither --limit nor --keys");
    }
    if (self.ends_with_nul &&
        (self.count_only || (ctl->format != OUTPUT_AUTO && ctl->format != OUTPUT_RAW))) {
        return error_usage("ls: --null is for raw entries; it goes with neither --count nor "
                           "another format");
    }
    return self.count_only ? count(&self, ctl) : list(&self, ctl);
}

const struct command cmd_ls = {
    .name = "ls",
    .arguments = "[PREFIX]",
    .summary = "list keys and values in key order",
    .help = "All of them, or those that start with PREFIX: a table on a terminal, where long "
            "values are cut, and JSON lines elsewhere. With -o raw a line is KEY, a tab, VALUE.\n\n"
            "Examples:\n"
            "  statectl ls\n"
            "  statectl ls sessions/ --count\n"
            "  statectl ls -o raw --keys sessions/\n"
            "  statectl ls -0 --keys old/ | xargs -0 statectl del\n",
    .options = options,
    .parser = parse,
    .least_arguments = 0,
    .most_arguments = 1,
    .run = run,
};
