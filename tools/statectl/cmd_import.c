/* import: writes entries from JSON lines. */
#include "statectl/ack_log.h"
#include "statectl/commands.h"
#include "statectl/errors.h"
#include "statectl/import.h"
#include "statectl/interrupt.h"
#include "statectl/units.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY_PROGRESS = 0x100, KEY_BATCH, KEY_ACK_LOG, MAX_CONNECTIONS = 256, MAX_BATCH = 4096 };

/* A byte of a key or value takes at most six in JSON; and something stands around them. */
enum { LINE_FACTOR = 6, LINE_OVERHEAD_BYTES = 8192 };

struct import_options {
    uint64_t connections;
    uint64_t batch;
    bool progress;
    const char *ack_log; /* NULL = none */
    const char *path;    /* "-" = standard input */
};

static const struct argp_option options[] = {
    {"connections", 'c', "N", 0, "Over N connections at a time (4)", 0},
    {"batch", KEY_BATCH, "N", 0, "Write at most N keys at a time, all or none (64)", 0},
    {"progress", KEY_PROGRESS, NULL, 0, "Say how far it is, also when that is no terminal", 0},
    {"ack-log", KEY_ACK_LOG, "FILE", 0, "Append each key once the server has acknowledged it", 0},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct import_options *given = state->input;
    switch (key) {
    case 'c':
        return cli_number("--connections", text, 1, MAX_CONNECTIONS, &given->connections)
                   ? 0
                   : CLI_REFUSED;
    case KEY_BATCH:
        return cli_number("--batch", text, 1, MAX_BATCH, &given->batch) ? 0 : CLI_REFUSED;
    case KEY_PROGRESS:
        given->progress = true;
        return 0;
    case KEY_ACK_LOG:
        given->ack_log = text;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void print_done(const struct ctl *ctl, const struct import *import)
{
    char keys[UNITS_BYTES];
    char rate[UNITS_BYTES];
    double seconds = progress_seconds(&import->progress);
    enum output_format format = output_choose(ctl->format, OUTPUT_TABLE);
    if (format == OUTPUT_JSON || format == OUTPUT_JSONL) {
        json_t *object = json_new_object();
        json_set(object, "keys", json_new_number(import->sender.keys));
        json_set(object, "writes", json_new_number(import->sender.batches_written));
        json_set(object, "retries", json_new_number(import->sender.retries));
        json_set(object, "seconds", json_real(seconds));
        output_json(object, format);
    } else if (format == OUTPUT_RAW) {
        printf("%" PRIu64 "\n", import->sender.keys);
    } else {
        printf("imported %s in %.2f s, %s keys/s\n", units_keys(keys, import->sender.keys), seconds,
               units_count(rate, (uint64_t)((double)import->sender.keys / seconds)));
    }
}

/* Says what the server, or the way to it, did not like, and about which lines. */
static int explain_failure(const struct import_sender *sender, const char *written)
{
    const struct stated_status *status = &sender->failure;
    char lines[64] = "";
    if (sender->failed_first_line == sender->failed_last_line) {
        snprintf(lines, sizeof lines, "line %" PRIu64, sender->failed_first_line);
    } else {
        snprintf(lines, sizeof lines, "lines %" PRIu64 " to %" PRIu64, sender->failed_first_line,
                 sender->failed_last_line);
    }
    error_say("%s: %s; %s written", lines, status->message, written);
    /* Without a ticket nobody but we decided so: the connection was lost. */
    bool was_lost = status->code == STATED_UNKNOWN && status->order.ticket == 0;
    return EXIT_CALL + (int)(was_lost ? STATED_UNAVAILABLE : status->code);
}

/* The exit code, after saying how it went. */
static int conclude(const struct ctl *ctl, const struct import *import, const char *path)
{
    char written[UNITS_BYTES];
    units_keys(written, import->sender.keys);
    const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
    if (import_sender_has_failed(&import->sender)) {
        return explain_failure(&import->sender, written);
    }
    if (import->problem[0] != '\0') {
        return error_usage("%s, line %" PRIu64 ": %s; %s written, those before its batch", name,
                           import->reader.line, import->problem, written);
    }
    if (import->read_error != 0) {
        return error_usage("cannot read %s: %s; %s written", name, strerror(import->read_error),
                           written);
    }
    if (interrupt_requested() != 0) {
        error_say("interrupted; %s written", written);
        return interrupt_requested();
    }
    print_done(ctl, import);
    return EXIT_DONE;
}

static int import_from(struct ctl *ctl, const struct import_options *given, int fd, FILE *ack_log)
{
    struct import import = {.at_end = false};
    struct stat input;
    int code = import_sender_open(&import.sender, ctl, given->connections, given->batch, ack_log);
    if (code != EXIT_DONE) {
        return code;
    }
    bool is_file = fstat(fd, &input) == 0 && S_ISREG(input.st_mode);
    interrupt_defer();
    line_reader_init(&import.reader, fd,
                     import.sender.message_limit * LINE_FACTOR + LINE_OVERHEAD_BYTES);
    progress_init(&import.progress, given->progress, is_file ? (uint64_t)input.st_size : 0);
    import_run(&import);
    code = conclude(ctl, &import, given->path);
    line_reader_deinit(&import.reader);
    import_sender_close(&import.sender);
    return code;
}

static int run(struct ctl *ctl, int argc, char **argv)
{
    struct import_options given = {.connections = 4, .batch = 64};
    struct cli_arguments arguments;
    if (!cli_parse(ctl, &cmd_import, argc, argv, &given, &arguments)) {
        return EXIT_USAGE;
    }
    given.path = arguments.n == 1 ? arguments.at[0] : "-";
    bool is_input = strcmp(given.path, "-") == 0;
    int fd = is_input ? STDIN_FILENO : open(given.path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return error_file("read", given.path);
    }
    FILE *ack_log = given.ack_log != NULL ? ack_log_open(given.ack_log) : NULL;
    int code = EXIT_USAGE;
    if (given.ack_log == NULL || ack_log != NULL) {
        code = import_from(ctl, &given, fd, ack_log);
    }
    if (ack_log != NULL && fclose(ack_log) != 0 && code == EXIT_DONE) {
        code = error_file("write", given.ack_log);
    }
    if (!is_input) {
        close(fd);
    }
    return code;
}

const struct command cmd_import = {
    .name = "import",
    .arguments = "[FILE|-]",
    .summary = "write entries from JSON lines",
    .help = "Lines as export and ls -o jsonl write them: {\"key\":\"…\",\"value\":\"…\"}, with "
            "key_base64 and value_base64 for what is not UTF-8. They come from FILE or standard "
            "input and are written in batches, each all or none, several at a time. Of two lines "
            "with one key the later one wins. A line that is wrong ends the import: it is named, "
            "and of its batch nothing is written.\n\n"
            "Examples:\n"
            "  statectl import backup.jsonl\n"
            "  statectl -e tcp://10.0.0.1:7420 export | statectl import\n",
    .options = options,
    .parser = parse,
    .least_arguments = 0,
    .most_arguments = 1,
    .run = run,
};
