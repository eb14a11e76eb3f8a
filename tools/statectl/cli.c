#include "statectl/cli.h"

#include "statectl/errors.h"
#include "statectl/memory.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_TIMEOUT = 0x1000, KEY_BASE64, KEY_COLOUR };

static const struct argp_option global_options[] = {
    {NULL, 0, NULL, 0, "Of every command:", -2},
    {"endpoint", 'e', "URL", 0,
     "The server: ipc:///PATH or tcp://HOST:PORT; of several, with commas between them, the first "
     "that answers",
     -2},
    {"output", 'o', "FORMAT", 0, "auto, json, jsonl, raw or table", -2},
    {"timeout", KEY_TIMEOUT, "MS", 0, "Of each call and of connecting (5000)", -2},
    {"color", KEY_COLOUR, "WHEN", 0, "auto, always or never", -2},
    {"base64", KEY_BASE64, NULL, 0, "Keys on the command line are in base64", -2},
    {0},
};

const struct argp_option *cli_global_options(void)
{
    return global_options;
}

static error_t parse_global_option(int key, char *text, struct argp_state *state)
{
    struct ctl *ctl = state->input;
    switch (key) {
    case 'e':
        ctl->endpoint = text;
        return 0;
    case 'o':
        return ctl_set_output(ctl, "--output", text) ? 0 : CLI_REFUSED;
    case KEY_TIMEOUT:
        return ctl_set_timeout(ctl, "--timeout", text) ? 0 : CLI_REFUSED;
    case KEY_COLOUR:
        return ctl_set_colours("--color", text) ? 0 : CLI_REFUSED;
    case KEY_BASE64:
        ctl->keys_in_base64 = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp global = {.options = global_options, .parser = parse_global_option};

/* "-12" looks like options to getopt: option 1 with the argument 2. So the digits are options. */
#define DIGIT(c)                                                                                   \
    {                                                                                              \
        NULL, c, "N", OPTION_ARG_OPTIONAL | OPTION_HIDDEN | OPTION_NO_USAGE, NULL, 0               \
    }

static const struct argp_option digit_options[] = {
    DIGIT('0'), DIGIT('1'), DIGIT('2'), DIGIT('3'), DIGIT('4'), DIGIT('5'),
    DIGIT('6'), DIGIT('7'), DIGIT('8'), DIGIT('9'), {0},
};

static error_t parse_digit(int key, char *text, struct argp_state *state)
{
    char **negative = state->input;
    (void)text;
    if (key < '0' || key > '9') {
        return ARGP_ERR_UNKNOWN;
    }
    char *given = state->argv[state->next - 1];
    if (*negative != NULL) {
        error_say("%s and %s are one number too many", *negative, given);
        return CLI_REFUSED;
    }
    *negative = given;
    return 0;
}

static const struct argp digits = {.options = digit_options, .parser = parse_digit};

/* What the parser around a command's own hands on. */
struct invocation {
    struct ctl *ctl;
    void *input;
    char *(*help)(void);
    struct cli_arguments *arguments; /* to fill in; NULL = they are someone else's */
    char *negative;                  /* an argument that looks like options; NULL = none */
};

/* Where the children of the parser around are, see below. */
enum { CHILD_GLOBAL, CHILD_DIGITS, CHILD_OWN };

/* A negative number comes last among the arguments: there is room for it in front of them, where
   options were. */
static void take_arguments(struct invocation *invocation, char **at, int n)
{
    if (invocation->negative != NULL) {
        memmove(at - 1, at, (size_t)n * sizeof *at);
        at--;
        at[n++] = invocation->negative;
    }
    *invocation->arguments = (struct cli_arguments){.at = at, .n = n};
}

static error_t parse_around(int key, char *text, struct argp_state *state)
{
    struct invocation *invocation = state->input;
    (void)text;
    if (key == ARGP_KEY_INIT) {
        state->child_inputs[CHILD_GLOBAL] = invocation->ctl;
        if (invocation->arguments != NULL) {
            state->child_inputs[CHILD_DIGITS] = &invocation->negative;
        }
        if (invocation->input != NULL) {
            state->child_inputs[CHILD_OWN] = invocation->input;
        }
        /* Keeps argp's "Try --help" away: an error is one line. */
        state->err_stream = NULL;
        return 0;
    }
    if ((key == ARGP_KEY_ARGS || key == ARGP_KEY_NO_ARGS) && invocation->arguments != NULL) {
        take_arguments(invocation, state->argv + state->next, state->argc - state->next);
        state->next = state->argc;
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static char *edit_help(int key, const char *text, void *input)
{
    const struct invocation *invocation = input;
    if (key == ARGP_KEY_HELP_DUP_ARGS_NOTE) {
        return NULL;
    }
    bool is_place = key == ARGP_KEY_HELP_POST_DOC && invocation != NULL && invocation->help != NULL;
    return is_place ? invocation->help() : (char *)(uintptr_t)text;
}

/* Parses with argv[0] as the name. What getopt says goes into an error of ours. */
static bool parse(const struct argp *argp, const char *name, int argc, char **argv, unsigned flags,
                  int *next, struct invocation *invocation)
{
    char *said = NULL;
    size_t length;
    char *program = argv[0];
    FILE *errors = stderr;
    FILE *caught = memory_check(open_memstream(&said, &length));

    argv[0] = (char *)(uintptr_t)name;
    stderr = caught;
    error_t error = argp_parse(argp, argc, argv, flags, next, invocation);
    stderr = errors;
    argv[0] = program;
    memory_check(fclose(caught) == 0 ? said : NULL);
    size_t prefix = strlen(name) + strlen(": ");
    if (error == EINVAL && length > prefix) {
        said[length - 1] = '\0';
        error_say("%s; see %s --help", said + prefix, name);
    } else {
        fputs(said, stderr);
    }
    free(said);
    return error == 0;
}

int cli_parse_global(struct ctl *ctl, int argc, char **argv, char *(*help)(void))
{
    const struct argp_child children[] = {[CHILD_GLOBAL] = {&global, 0, NULL, 0}, {0}};
    const struct argp around = {
        .parser = parse_around,
        .children = children,
        .args_doc = "COMMAND [ARGUMENT...]",
        .doc = "Reads and changes the state that a stated server keeps.\v ",
        .help_filter = edit_help,
    };
    struct invocation invocation = {.ctl = ctl, .help = help};
    int next;
    return parse(&around, "statectl", argc, argv, ARGP_IN_ORDER | ARGP_NO_ARGS, &next, &invocation)
               ? next
               : -1;
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
    static const struct argp nothing;
    const struct argp own = {.options = command->options, .parser = command->parser};
    const struct argp_child children[] = {
        [CHILD_GLOBAL] = {&global, 0, NULL, 0},
        [CHILD_DIGITS] = {command->takes_negative ? &digits : &nothing, 0, NULL, 0},
        [CHILD_OWN] = {&own, 0, NULL, 0},
        {0},
    };
    char *doc = memory_format("%c%s.\v%s", toupper((unsigned char)command->summary[0]),
                              command->summary + 1, command->help);
    char *name = memory_format("statectl %s", command->name);
    const struct argp around = {.parser = parse_around,
                                .children = children,
                                .args_doc = command->arguments,
                                .doc = doc,
                                .help_filter = edit_help};
    struct invocation invocation = {.ctl = ctl, .input = input, .arguments = arguments};

    *arguments = (struct cli_arguments){.n = 0};
    bool good = parse(&around, name, argc, argv, 0, NULL, &invocation);
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
