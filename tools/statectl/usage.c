#include "statectl/usage.h"

#include <ctype.h>
#include <string.h>

/* A part of a text. */
struct slice {
    const char *at;
    size_t length;
};

/* The bracket that closes the one at the start, or the end. */
static const char *closing_bracket(const char *at)
{
    int depth = 0;
    for (; *at != '\0'; at++) {
        depth += *at == '[' ? 1 : *at == ']' ? -1 : 0;
        if (depth == 0) {
            return at;
        }
    }
    return at;
}

/* The word of the usage line at a position: without brackets and dots. */
static bool token_at(const char *line, size_t position, struct slice *token, bool *repeats)
{
    const char *at = line;
    while (true) {
        at += strspn(at, " ");
        if (*at == '\0') {
            return false;
        }
        const char *end = *at == '[' ? closing_bracket(at) : at + strcspn(at, " ");
        *token = (struct slice){.at = at + (*at == '['), .length = (size_t)(end - at)};
        token->length -= *at == '[';
        if (*end == ']') {
            end++;
        }
        *repeats = token->length > 3 && memcmp(token->at + token->length - 3, "...", 3) == 0;
        token->length -= *repeats ? 3 : 0;
        if (position-- == 0) {
            return true;
        }
        at = end;
    }
}

static struct usage usage_of(struct slice token)
{
    static const struct {
        const char *name;
        struct usage usage;
    } known[] = {
        {"KEY", {.kind = USAGE_KEY}},
        {"PREFIX", {.kind = USAGE_KEY}},
        {"START", {.kind = USAGE_KEY}},
        {"END", {.kind = USAGE_KEY}},
        {"FILE", {.kind = USAGE_FILE}},
        {"DIRECTORY", {.kind = USAGE_FILE}},
        {"METHOD", {.kind = USAGE_METHOD}},
        {"COMMAND", {.kind = USAGE_COMMAND}},
        {"FORMAT", {.kind = USAGE_WORDS, .words = "auto|json|jsonl|raw|table", .length = 25}},
        {"WHEN", {.kind = USAGE_WORDS, .words = "auto|always|never", .length = 17}},
    };
    const char *bar = memchr(token.at, '|', token.length);
    size_t first = bar != NULL ? (size_t)(bar - token.at) : token.length;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strlen(known[i].name) == first && memcmp(known[i].name, token.at, first) == 0) {
            return known[i].usage;
        }
    }
    if (token.length > 0 && islower((unsigned char)token.at[0])) {
        return (struct usage){.kind = USAGE_WORDS, .words = token.at, .length = token.length};
    }
    return (struct usage){.kind = USAGE_ANYTHING};
}

struct usage usage_of_argument(const struct command *command, size_t position)
{
    struct slice token;
    bool repeats = false;
    size_t positions = usage_positions(command, &repeats);
    if (repeats && position >= positions) {
        position = positions - 1;
    }
    return token_at(command->arguments, position, &token, &repeats)
               ? usage_of(token)
               : (struct usage){.kind = USAGE_ANYTHING};
}

size_t usage_positions(const struct command *command, bool *repeats)
{
    struct slice token;
    size_t n = 0;
    bool does = false;
    *repeats = false;
    while (token_at(command->arguments, n, &token, &does)) {
        *repeats = does;
        n++;
    }
    return n;
}

struct usage usage_of_option(const struct argp_option *option)
{
    return usage_of((struct slice){.at = option->arg, .length = strlen(option->arg)});
}

const char *usage_next_word(const struct usage *self, size_t *at, size_t *length)
{
    if (self->kind != USAGE_WORDS || *at >= self->length) {
        return NULL;
    }
    const char *word = self->words + *at;
    const char *bar = memchr(word, '|', self->length - *at);
    *length = bar != NULL ? (size_t)(bar - word) : self->length - *at;
    *at += *length + 1;
    return word;
}

/* The next of a list that can be named; *index counts down to it. */
static const struct argp_option *named_at(const struct argp_option *options, size_t *index)
{
    for (const struct argp_option *option = options;
         option != NULL && (option->name != NULL || option->key != 0 || option->doc != NULL);
         option++) {
        bool is_named = option->name != NULL && (option->flags & OPTION_HIDDEN) == 0;
        if (is_named && (*index)-- == 0) {
            return option;
        }
    }
    return NULL;
}

const struct argp_option *usage_option_at(const struct command *command, size_t index)
{
    const struct argp_option *own = command != NULL ? named_at(command->options, &index) : NULL;
    return own != NULL ? own : named_at(cli_global_options(), &index);
}

bool usage_is_global(const struct argp_option *option)
{
    const struct argp_option *global;
    for (size_t i = 0; (global = usage_option_at(NULL, i)) != NULL; i++) {
        if (global == option) {
            return true;
        }
    }
    return false;
}

const struct argp_option *usage_find_option(const struct command *command, const char *word)
{
    const struct argp_option *option;
    for (size_t i = 0; (option = usage_option_at(command, i)) != NULL; i++) {
        bool is_long = strncmp(word, "--", 2) == 0 && strcmp(word + 2, option->name) == 0;
        bool is_short =
            word[0] == '-' && word[1] == option->key && word[1] != '\0' && word[2] == '\0';
        if (is_long || is_short) {
            return option;
        }
    }
    return NULL;
}
