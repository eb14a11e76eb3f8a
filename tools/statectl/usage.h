/* What a usage line's words stand for, so that they can be completed: "KEY" a key of the state,
   "show|clear" one of these words. Commands need nothing beside their description for it. */
#ifndef STATED_STATECTL_USAGE_H
#define STATED_STATECTL_USAGE_H

#include "statectl/cli.h"

#include <stddef.h>

enum usage_kind {
    USAGE_ANYTHING, /* nothing that could be completed */
    USAGE_KEY,      /* KEY, PREFIX, START, END */
    USAGE_FILE,     /* FILE, DIRECTORY */
    USAGE_METHOD,   /* METHOD */
    USAGE_COMMAND,  /* COMMAND */
    USAGE_WORDS,    /* one of some words */
};

struct usage {
    enum usage_kind kind;
    const char *words; /* of USAGE_WORDS: separated by |, not ended by NUL */
    size_t length;
};

/* The argument at this position (from 0) of a command; USAGE_ANYTHING behind the last. Pure. */
struct usage usage_of_argument(const struct command *command, size_t position);

/* How many positions there are to tell apart; *repeats = further arguments are like the last. Pure.
 */
size_t usage_positions(const struct command *command, bool *repeats);

/* What an option that takes an argument takes. Pure. */
struct usage usage_of_option(const struct argp_option *option);

/* Steps through the words of USAGE_WORDS: the next one, with its length, or NULL. *at starts at 0.
   Pure. */
const char *usage_next_word(const struct usage *self, size_t *at, size_t *length);

/* The option with this index that a command (NULL = none yet) takes, its own before the global
   ones; NULL behind the last. Hidden ones and --help are left out. Static. */
const struct argp_option *usage_option_at(const struct command *command, size_t index);

/* Whether it is one of the options that every command takes. */
bool usage_is_global(const struct argp_option *option);

/* The option that a word of the command line names ("--file", "-f"), NULL = none. */
const struct argp_option *usage_find_option(const struct command *command, const char *word);

#endif
