/* The command line: a command's description, its options beside the global ones, its arguments. */
#ifndef STATED_STATECTL_CLI_H
#define STATED_STATECTL_CLI_H

#include "statectl/ctl.h"

#include <argp.h>
#include <errno.h>

/* What a parser of options returns after it has said what is wrong. */
#define CLI_REFUSED ECANCELED

/* What is left of a command line without its options. */
struct cli_arguments {
    char **at;
    int n;
};

/* One command of statectl. */
struct command {
    const char *name;
    const char *arguments; /* as the usage line shows them: "KEY [DELTA]" */
    const char *summary;   /* one line, for the list of commands */
    const char *help;      /* what follows its options in its own help: details, examples */
    const struct argp_option *options; /* NULL = none but the global ones */
    argp_parser_t parser; /* of these options, its state->input is the command's; NULL = none */
    bool takes_negative;  /* "-5" is an argument, the last one, and no option */
    int least_arguments;
    int most_arguments; /* -1 = any number */

    /* Does it; argv[0] is the command's name. Returns the exit code. Main thread. */
    int (*run)(struct ctl *ctl, int argc, char **argv);
};

/* Parses what comes before the command. The index of the command in argv (argc when there is none)
   or -1 after saying what is wrong. Prints help and exits when asked to. help is the list of
   commands, shown in it. */
int cli_parse_global(struct ctl *ctl, int argc, char **argv, char *(*help)(void)) STATED_MUST_USE;

/* The options that every command takes; an empty one ends them. Static. */
const struct argp_option *cli_global_options(void);

/* Parses a command's options, and the global ones among them. False after saying what is wrong.
   Prints help and exits when asked to. */
bool cli_parse(struct ctl *ctl, const struct command *command, int argc, char **argv, void *input,
               struct cli_arguments *arguments) STATED_MUST_USE;

/* A whole decimal number in a range. False after saying that text, given as origin, is none. */
bool cli_number(const char *origin, const char *text, uint64_t least, uint64_t most,
                uint64_t *number) STATED_MUST_USE;

#endif
