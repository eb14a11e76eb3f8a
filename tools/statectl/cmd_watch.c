/* watch: shows changes as they happen, or runs a command for each. */
#include "statectl/commands.h"
#include "statectl/errors.h"
#include "statectl/event_command.h"
#include "statectl/event_print.h"
#include "statectl/follow.h"
#include "statectl/interrupt.h"

#include <string.h>

enum { KEY_FROM = 0x100, KEY_LIMIT };

struct watch {
    struct follow follow;
    char *prefix;
    uint64_t limit;
    char **command; /* NULL = print */
    struct event_print print;
};

static const struct argp_option options[] = {
    {"prefix", 'p', "PREFIX", 0, "Every key that starts with PREFIX", 0},
    {"from", KEY_FROM, "REVISION", 0, "Begin with the changes of this revision, not with the next",
     0},
    {"limit", KEY_LIMIT, "N", 0, "End after N changes", 0},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct watch *self = state->input;
    switch (key) {
    case 'p':
        self->prefix = text;
        return 0;
    case KEY_FROM:
        return cli_number("--from", text, 1, INT64_MAX, &self->follow.next_revision) ? 0
                                                                                     : CLI_REFUSED;
    case KEY_LIMIT:
        return cli_number("--limit", text, 1, INT64_MAX, &self->limit) ? 0 : CLI_REFUSED;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int take_event(void *argument, const Stated__V1__Event *event)
{
    struct watch *self = argument;
    int code = FOLLOW_ON;
    if (self->command == NULL) {
        event_print(&self->print, event);
    } else if (interrupt_requested() == 0) {
        code = event_command_run(self->command, event);
        code = code == EXIT_DONE ? FOLLOW_ON : code;
    }
    bool is_last = self->limit != 0 && self->follow.handled + 1 == self->limit;
    return code == FOLLOW_ON && is_last ? EXIT_DONE : code;
}

/* Takes "-- COMMAND ARGUMENT..." off the line; false after saying that the command is missing. */
static bool take_command(struct watch *self, int *argc, char **argv)
{
    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], "--") == 0) {
            self->command = i + 1 < *argc ? argv + i + 1 : NULL;
            argv[i] = NULL;
            *argc = i;
            if (self->command == NULL) {
                error_say("watch: which command? -- has to be followed by one");
                return false;
            }
            return true;
        }
    }
    return true;
}

static bool take_selector(struct ctl *ctl, const struct watch *self,
                          const struct cli_arguments *arguments, Stated__V1__Selector *select)
{
    if (self->prefix != NULL && arguments->n == 1) {
        error_say("watch takes a key or --prefix, not both");
        return false;
    }
    if (arguments->n == 1) {
        select->kind_case = STATED__V1__SELECTOR__KIND_KEY;
        return ctl_key(ctl, arguments->at[0], &select->key);
    }
    select->kind_case = STATED__V1__SELECTOR__KIND_PREFIX;
    return self->prefix == NULL || ctl_key(ctl, self->prefix, &select->prefix);
}

static int run(struct ctl *ctl, int argc, char **argv)
{
    Stated__V1__Selector select = STATED__V1__SELECTOR__INIT;
    struct watch self = {.follow = {.select = &select, .event = take_event}};
    struct cli_arguments arguments;
    self.follow.argument = &self;
    if (!take_command(&self, &argc, argv) ||
        !cli_parse(ctl, &cmd_watch, argc, argv, &self, &arguments) ||
        !take_selector(ctl, &self, &arguments, &select)) {
        return EXIT_USAGE;
    }
    self.follow.needs_output = self.command == NULL;
    interrupt_defer();
    event_print_init(&self.print, output_choose(ctl->format, OUTPUT_JSONL));
    int code = follow_run(&self.follow, ctl);
    event_print_deinit(&self.print);
    return code;
}

const struct command cmd_watch = {
    .name = "watch",
    .arguments = "[KEY] [-- COMMAND [ARGUMENT...]]",
    .summary = "show changes as they happen, or run a command for each",
    .help =
        "Of one key, of those with a prefix, or of all. Goes on by itself when the connection was "
        "lost or the server has been restarted, and misses nothing; ends with Ctrl-C, "
        "or when nobody reads what it prints any more. When going on is not possible because the "
        "server keeps the changes no more, it says so and ends with 75; "
        "with --from, a later run goes on where an earlier one ended.\n\n"
        "On a terminal a change is a row, elsewhere a JSON line. With -o raw a line is \"put\" or "
        "\"delete\", REVISION, KEY and, of a put, VALUE, with tabs in between.\n\n"
        "COMMAND runs once for each change, in order, one at a time. It gets the value as it is on "
        "standard input, and of the change in its environment STATECTL_EVENT_TYPE (put or delete), "
        "_REVISION, _KEY, _VALUE, _CREATE_REVISION, _VERSION, _PREVIOUS_VALUE and "
        "_PREVIOUS_REVISION. _KEY_BASE64, _VALUE_BASE64 and _PREVIOUS_VALUE_BASE64 are there as "
        "well, and alone when the bytes have a NUL among them; what is larger than 64 KiB is only "
        "on standard input. When it fails, the watch ends with 1 and says where to go on.\n\n"
        "Examples:\n"
        "  statectl watch greeting\n"
        "  statectl watch --prefix sessions/ --from 1042\n"
        "  statectl watch --prefix config/ -- sh -c 'echo $STATECTL_EVENT_KEY changed'\n",
    .options = options,
    .parser = parse,
    .least_arguments = 0,
    .most_arguments = 1,
    .run = run,
};
