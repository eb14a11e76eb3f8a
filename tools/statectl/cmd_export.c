/* export: writes entries as JSON lines, as import reads them. */
#include "statectl/commands.h"
#include "statectl/errors.h"
#include "statectl/file.h"
#include "statectl/interrupt.h"
#include "statectl/json.h"
#include "statectl/progress.h"
#include "statectl/scan.h"
#include "statectl/units.h"

#include "stated/v1/state.stated-client.h"

#include <inttypes.h>
#include <string.h>

struct export
{
    struct scan scan;
    char *prefix;
    FILE *out;
    bool has_failed;       /* writing */
    bool progress_is_told; /* also when that is no terminal */
    struct progress progress;
};

enum { KEY_PROGRESS = 0x100 };

static const struct argp_option options[] = {
    {"prefix", 'p', "PREFIX", 0, "Only keys that start with PREFIX", 0},
    {"progress", KEY_PROGRESS, NULL, 0, "Say how far it is, also when that is no terminal", 0},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct export *self = state->input;
    switch (key) {
    case 'p':
        self->prefix = text;
        return 0;
    case KEY_PROGRESS:
        self->progress_is_told = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static bool write_page(void *argument, const Stated__V1__ReadResponse *page)
{
    struct export *self = argument;
    for (size_t i = 0; i < page->n_entries; i++) {
        json_t *object = json_of_pair(page->entries[i]);
        json_dumpf(object, self->out, JSON_COMPACT);
        fputc('\n', self->out);
        json_decref(object);
    }
    self->has_failed = ferror(self->out) != 0;
    progress_tell(&self->progress, self->scan.n, self->scan.n);
    return !self->has_failed && interrupt_requested() == 0;
}

/* How many keys there are, for the bar; 0 when the server does not say. */
static uint64_t count_keys(const struct export *self, struct ctl *ctl)
{
    Stated__V1__ReadRequest request = STATED__V1__READ_REQUEST__INIT;
    Stated__V1__Selector selector = STATED__V1__SELECTOR__INIT;
    Stated__V1__Selector *selectors = &selector;
    Stated__V1__ReadResponse *response;
    selector.kind_case = STATED__V1__SELECTOR__KIND_PREFIX;
    selector.prefix = self->scan.prefix;
    request.select = &selectors;
    request.n_select = 1;
    request.count_only = true;
    request.consistency = STATED__V1__CONSISTENCY__CONSISTENCY_COMMITTED;
    if (stated_v1_state_service_read(ctl->client, NULL, &request, &response, NULL) != STATED_OK) {
        return 0;
    }
    uint64_t keys = response->count;
    stated__v1__read_response__free_unpacked(response, NULL);
    return keys;
}

/* A bar among the lines on the same terminal would help nobody. */
static void begin_progress(struct export *self, struct ctl *ctl)
{
    progress_init(&self->progress, self->progress_is_told, 0);
    if (self->progress.kind == PROGRESS_BAR && self->out == stdout && output_is_terminal()) {
        self->progress.kind = PROGRESS_NONE;
    }
    if (self->progress.kind != PROGRESS_NONE) {
        self->progress.all_bytes = count_keys(self, ctl);
    }
}

static int scan(struct export *self, struct ctl *ctl)
{
    char keys[UNITS_BYTES];
    self->scan.page = write_page;
    self->scan.argument = self;
    self->scan.committed = true;
    int code = ctl_connect(ctl);
    if (code != EXIT_DONE) {
        return code;
    }
    /* What has been written ends with a whole line, also when it was not all. */
    interrupt_defer();
    begin_progress(self, ctl);
    code = scan_run(&self->scan, ctl);
    progress_end(&self->progress, self->scan.n, self->scan.n);
    if (code == EXIT_DONE && interrupt_requested() != 0) {
        error_say("interrupted after %s", units_keys(keys, self->scan.n));
        return interrupt_requested();
    }
    if (code == EXIT_DONE && self->scan.first_revision != self->scan.last_revision) {
        error_say("the state changed meanwhile, from revision %" PRIu64 " to %" PRIu64
                  "; the export has some of both",
                  self->scan.first_revision, self->scan.last_revision);
    }
    return code;
}

static void print_done(const struct ctl *ctl, const struct export *self, const char *path)
{
    char keys[UNITS_BYTES];
    enum output_format format = output_choose(ctl->format, OUTPUT_TABLE);
    if (format == OUTPUT_JSON || format == OUTPUT_JSONL) {
        json_t *object = json_new_object();
        json_set(object, "keys", json_new_number(self->scan.n));
        json_set(object, "first_revision", json_new_number(self->scan.first_revision));
        json_set(object, "revision", json_new_number(self->scan.last_revision));
        output_json(object, format);
    } else if (format == OUTPUT_RAW) {
        printf("%" PRIu64 "\n", self->scan.n);
    } else {
        printf("exported %s to %s\n", units_keys(keys, self->scan.n), path);
    }
}

static int export_to_file(struct export *self, struct ctl *ctl, const char *path)
{
    struct whole_file file;
    int code = ctl_connect(ctl);
    if (code != EXIT_DONE) {
        return code;
    }
    interrupt_defer();
    if (!whole_file_open(&file, path)) {
        return EXIT_USAGE;
    }
    self->out = file.file;
    code = scan(self, ctl);
    if (code != EXIT_DONE) {
        whole_file_abandon(&file);
        return code;
    }
    if (!whole_file_close(&file)) {
        return EXIT_USAGE;
    }
    print_done(ctl, self, path);
    return EXIT_DONE;
}

static int run(struct ctl *ctl, int argc, char **argv)
{
    struct export self = {.out = stdout};
    struct cli_arguments arguments;
    if (!cli_parse(ctl, &cmd_export, argc, argv, &self, &arguments) ||
        (self.prefix != NULL && !ctl_key(ctl, self.prefix, &self.scan.prefix))) {
        return EXIT_USAGE;
    }
    if (arguments.n == 1 && strcmp(arguments.at[0], "-") != 0) {
        return export_to_file(&self, ctl, arguments.at[0]);
    }
    return scan(&self, ctl);
}

const struct command cmd_export = {
    .name = "export",
    .arguments = "[FILE]",
    .summary = "write entries as JSON lines",
    .help = "One line for each key, {\"key\":\"…\",\"value\":\"…\"}, in key order; what is not "
            "UTF-8 is base64 under key_base64 or value_base64. It goes to standard output, or to "
            "FILE, which gets its name when it is whole. What is read is the newest committed "
            "state, page by page, and each page is of one revision. When the state was changed "
            "meanwhile, "
            "the export has some of both, which is said on standard error, and by -o json: "
            "first_revision and revision differ. A copy of one moment is what snapshot save "
            "makes.\n\n"
            "Examples:\n"
            "  statectl export backup.jsonl\n"
            "  statectl export --prefix sessions/ | wc -l\n",
    .options = options,
    .parser = parse,
    .least_arguments = 0,
    .most_arguments = 1,
    .run = run,
};
