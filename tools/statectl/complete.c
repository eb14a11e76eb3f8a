#include "statectl/complete.h"

#include "statectl/commands.h"
#include "statectl/memory.h"
#include "statectl/methods.h"
#include "statectl/usage.h"
#include "statectl/words.h"

#include "utf8.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The line up to the cursor. */
struct context {
    struct words words;
    size_t n;                    /* words before the one that is completed */
    ProtobufCBinaryData current; /* that one, without quotes */
    const struct complete_keys *keys;
};

void complete_add(struct complete *self, ProtobufCBinaryData bytes)
{
    self->found = memory_resize(self->found, self->n + 1, sizeof *self->found);
    ProtobufCBinaryData *own = &self->found[self->n++];
    own->data = memory_new(bytes.len + 1, 1);
    own->len = bytes.len;
    memcpy(own->data, bytes.data, bytes.len);
}

/* Adds the text if it goes on from what is there. */
static void offer(struct complete *self, const struct context *context, const char *text,
                  size_t length)
{
    ProtobufCBinaryData bytes = {.data = (uint8_t *)(uintptr_t)text, .len = length};
    if (length >= context->current.len &&
        memcmp(text, context->current.data, context->current.len) == 0) {
        complete_add(self, bytes);
    }
}

static void offer_commands(struct complete *self, const struct context *context)
{
    static const char *const own[] = {"help", "exit"};
    const struct command *command;
    for (size_t i = 0; (command = commands_at(i)) != NULL; i++) {
        offer(self, context, command->name, strlen(command->name));
    }
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        offer(self, context, own[i], strlen(own[i]));
    }
}

static void offer_options(struct complete *self, const struct context *context)
{
    const struct argp_option *option;
    for (size_t i = 0; (option = usage_option_at(self->command, i)) != NULL; i++) {
        char *name = memory_format("--%s", option->name);
        offer(self, context, name, strlen(name));
        free(name);
    }
    offer(self, context, "--help", strlen("--help"));
}

static void offer_methods(struct complete *self, const struct context *context)
{
    const struct stated_client_method *method;
    for (size_t i = 0; (method = methods_at(i)) != NULL; i++) {
        const char *name = strchr(method->name, '/') + 1;
        offer(self, context, name, strlen(name));
    }
}

/* Paths that begin as the word does; a directory with a slash behind it. */
static void offer_files(struct complete *self, const struct context *context)
{
    glob_t found;
    char *pattern = memory_new(2 * context->current.len + 2, 1);
    char *end = pattern;
    for (size_t i = 0; i < context->current.len; i++) {
        if (strchr("*?[]\\", context->current.data[i]) != NULL) {
            *end++ = '\\';
        }
        *end++ = (char)context->current.data[i];
    }
    *end = '*';
    if (glob(pattern, GLOB_MARK, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            offer(self, context, found.gl_pathv[i], strlen(found.gl_pathv[i]));
        }
        globfree(&found);
    }
    free(pattern);
}

static void offer_kind(struct complete *self, const struct context *context, struct usage usage)
{
    const char *word;
    size_t at = 0;
    size_t length;
    switch (usage.kind) {
    case USAGE_KEY:
        context->keys->list(context->keys->argument, context->current, self);
        break;
    case USAGE_FILE:
        offer_files(self, context);
        break;
    case USAGE_METHOD:
        offer_methods(self, context);
        break;
    case USAGE_COMMAND:
        offer_commands(self, context);
        break;
    default:
        while ((word = usage_next_word(&usage, &at, &length)) != NULL) {
            offer(self, context, word, length);
        }
        break;
    }
}

/* Goes over the words as getopt would. */
static void offer_what_fits(struct complete *self, const struct context *context)
{
    const struct argp_option *taking = NULL;
    bool is_literal = false;
    bool has_command = false;
    size_t position = 0;
    for (size_t i = 0; i < context->n; i++) {
        const char *word = (const char *)context->words.at[i].bytes.data;
        if (taking != NULL) {
            taking = NULL;
        } else if (!is_literal && strcmp(word, "--") == 0) {
            is_literal = true;
        } else if (!is_literal && word[0] == '-' && word[1] != '\0') {
            const struct argp_option *option = usage_find_option(self->command, word);
            taking = option != NULL && option->arg != NULL ? option : NULL;
        } else if (!has_command && strcmp(word, "help") != 0) {
            has_command = true;
            self->command = commands_find(word);
        } else {
            position += has_command ? 1 : 0;
        }
    }
    if (taking != NULL) {
        offer_kind(self, context, usage_of_option(taking));
    } else if (!is_literal && context->current.len > 0 && context->current.data[0] == '-') {
        offer_options(self, context);
    } else if (!has_command) {
        offer_commands(self, context);
    } else if (self->command != NULL) {
        offer_kind(self, context, usage_of_argument(self->command, position));
    }
}

void complete_line(struct complete *self, const char *line, size_t cursor,
                   const struct complete_keys *keys)
{
    static uint8_t nothing[1];
    char problem[WORDS_PROBLEM_BYTES];
    struct context context = {.current = {.data = nothing}, .keys = keys};
    *self = (struct complete){.start = cursor};
    bool good = words_split(&context.words, line, cursor, problem);
    context.n = context.words.n;
    if (context.words.ends_in_word) {
        context.n--;
        context.current = context.words.at[context.n].bytes;
        self->start = context.words.at[context.n].start;
    }
    if (!context.words.has_comment && (good || context.words.open != 0)) {
        offer_what_fits(self, &context);
    }
    words_free(&context.words);
}

/* How much all candidates have in common, in whole characters. */
static size_t common_length(const struct complete *self)
{
    size_t length = self->found[0].len;
    for (size_t i = 1; i < self->n; i++) {
        const ProtobufCBinaryData *other = &self->found[i];
        size_t same = 0;
        while (same < length && same < other->len &&
               self->found[0].data[same] == other->data[same]) {
            same++;
        }
        length = same;
    }
    return self->n == 1 ? length : utf8_whole((const char *)self->found[0].data, length);
}

/* Whether this goes on in the same word: a directory does. */
static bool goes_on(const struct complete *self)
{
    const ProtobufCBinaryData *only = &self->found[0];
    return self->n > 1 || (only->len > 0 && only->data[only->len - 1] == '/');
}

char *complete_replacement(const struct complete *self, const char *line, size_t cursor)
{
    if (self->n == 0) {
        return NULL;
    }
    ProtobufCBinaryData common = {.data = self->found[0].data, .len = common_length(self)};
    char *quoted = words_quote(common);
    size_t length = strlen(quoted);
    if (common.len == 0) {
        free(quoted);
        return NULL;
    }
    if (goes_on(self) && quoted[0] == '"') {
        quoted[--length] = '\0'; /* the quote stays open */
    }
    bool is_more = self->n == 1 || length != cursor - self->start ||
                   memcmp(quoted, line + self->start, length) != 0;
    char *text = is_more ? memory_format("%s%s", quoted, goes_on(self) ? "" : " ") : NULL;
    free(quoted);
    return text;
}

void complete_free(struct complete *self)
{
    for (size_t i = 0; i < self->n; i++) {
        free(self->found[i].data);
    }
    free(self->found);
    *self = (struct complete){.n = 0};
}
