#include "statectl/cli.h"

#include "statectl/errors.h"
#include "statectl/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_TIMEOUT = 0x1000, KEY_MAX_MESSAGE, KEY_BASE64 };

static const struct argp_option global_options[] = {
    {NULL, 0, NULL, 0, "Of every command:", -2},
    {"endpoint", 'e', "URL", 0, "The server: ipc:///PATH or tcp://HOST:PORT", -2},
    {"output", 'o', "FORMAT", 0, "auto, json, jsonl, raw or table", -2},
    {"timeout", KEY_TIMEOUT, "MS", 0, "Of each call and of connecting (5000)", -2},
    {"max-message", KEY_MAX_MESSAGE, "BYTES", 0, "As the server's --max-message (1048576)", -2},
    {"base64", KEY_BASE64, NULL, 0, "Keys on the command line are in base64", -2},
    {0},
};

static error_t parse_global_option(int key, char *text, struct argp_state *state)
{
    struct ctl *ctl = state->input;
    switch (key) {
    case 'e':
        ctl->endpoint = text;
        return 0;
    case 'o':
        return ctl_set_output(ctl, "--output", text) ? 0 : EINVAL;
    case KEY_TIMEOUT:
        return ctl_set_timeout(ctl, "--timeout", text) ? 0 : EINVAL;
    case KEY_MAX_MESSAGE:
        return ctl_set_max_message(ctl, "--max-message", text) ? 0 : EINVAL;
    case KEY_BASE64:
        ctl->keys_in_base64 = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp global = {.options = global_options, .parser = parse_global_option};

/* What the parser around a command's own hands on. */
struct invocation {
    struct ctl *ctl;
    void *input;
    const char *name;
    char *(*help)(void);
    struct cli_arguments *arguments; /* to fill in; NULL = they are someone else's */
};

static error_t parse_around(int key, char *text, struct argp_state *state)
{
    struct invocation *invocation = state->input;
    (void)text;
    if (key == ARGP_KEY_ARGS && invocation->arguments != NULL) {
        invocation->arguments->at = state->argv + state->next;
        invocation->arguments->n = state->argc - state->next;
        state->next = state->argc;
        return 0;
    }
    if (key != ARGP_KEY_INIT) {
        return ARGP_ERR_UNKNOWN;
    }
    state->child_inputs[0] = invocation->ctl;
    if (invocation->input != NULL) {
        state->child_inputs[1] = invocation->input;
    }
    state->name = (char *)(uintptr_t)invocation->name;
    /* Keeps argp's "Try --help" away: an error is one line, which says what to do. */
    state->err_stream = NULL;
    return 0;
}

static char *fill_in_help(int key, const char *text, void *input)
{
    const struct invocation *invocation = input;
    bool is_place = key == ARGP_KEY_HELP_POST_DOC && invocation != NULL && invocation->help != NULL;
    return is_place ? invocation->help() : (char *)(uintptr_t)text;
}

int cli_parse_global(struct ctl *ctl, int argc, char **argv, char *(*help)(void))
{
    const struct argp_child children[] = {{&global, 0, NULL, 0}, {0}};
    const struct argp around = {
        .parser = parse_around,
        .children = children,
        .args_doc = "COMMAND [ARGUMENT...]",
        .doc = "Reads and changes the state that a stated server keeps.\v ",
        .help_filter = fill_in_help,
    };
    struct invocation invocation = {.ctl = ctl, .name = "statectl", .help = help};
    int next;
    if (argp_parse(&around, argc, argv, ARGP_IN_ORDER | ARGP_NO_ARGS, &next, &invocation) != 0) {
        return -1;
    }
    return next;
}

static bool count_fits(const struct command *command, int n)
{
    if (n < command->least_arguments) {
        error_say("%s needs %s; usage: statectl %s %s", command->name,
                  n == 0 ? "arguments" : "more arguments", command->name, command->arguments);
        return false;
    }
    if (command->most_arguments >= 0 && n > command->most_arguments) {
        error_say("%s takes %s; usage: statectl %s%s%s", command->name,
                  command->most_arguments == 0 ? "no arguments" : "fewer arguments", command->name,
                  command->arguments[0] != '\0' ? " " : "", command->arguments);
        return false;
    }
    return true;
}

bool cli_parse(struct ctl *ctl, const struct command *command, int argc, char **argv, void *input,
               struct cli_arguments *arguments)
{
    const struct argp own = {.options = command->options, .parser = command->parser};
    const struct argp_child children[] = {
        {&global, 0, NULL, 0}, {command->parser != NULL ? &own : NULL, 0, NULL, 0}, {0}};
    char *doc = memory_format("%s.\v%s", command->summary, command->help);
    char *name = memory_format("statectl %s", command->name);
    const struct argp around = {
        .parser = parse_around, .children = children, .args_doc = command->arguments, .doc = doc};
    struct invocation invocation = {
        .ctl = ctl, .input = input, .name = name, .arguments = arguments};
    char *program = argv[0];

    argv[0] = (char *)(uintptr_t) "statectl"; /* what getopt's messages begin with */
    *arguments = (struct cli_arguments){.n = 0};
    bool good = argp_parse(&around, argc, argv, 0, NULL, &invocation) == 0;
    argv[0] = program;
    free(name);
    free(doc);
    return good && count_fits(command, arguments->n);
}

bool cli_number(const char *origin, const char *text, uint64_t least, uint64_t most,
                uint64_t *number)
{
    char *end;
    errno = 0;
    unsigned long long parsed = strtoull(text, &end, 10);
    bool is_number = text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
    if (!is_number || parsed < least || parsed > most) {
        error_say("%s: '%s' is not a number from %" PRIu64 " to %" PRIu64, origin, text, least,
                  most);
        return false;
    }
    *number = parsed;
    return true;
}
