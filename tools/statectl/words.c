#include "statectl/words.h"

#include "statectl/memory.h"
#include "statectl/text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct splitter {
    struct words *words;
    const char *line;
    size_t length;
    size_t at;
    uint8_t *out;
    char *problem;
    bool good;
};

static void object(struct splitter *self, const char *problem)
{
    if (self->good) {
        snprintf(self->problem, WORDS_PROBLEM_BYTES, "%s", problem);
    }
    self->good = false;
}

static int hexadecimal(char digit)
{
    return isdigit((unsigned char)digit) ? digit - '0' : (digit | 0x20) - 'a' + 10;
}

/* What stands behind a backslash in double quotes. */
static void take_escape(struct splitter *self)
{
    static const char names[] = "nrt0\\\"";
    static const char meanings[] = "\n\r\t\0\\\"";
    char c = self->line[self->at];
    const char *found = c != '\0' ? strchr(names, c) : NULL;
    if (found != NULL) {
        *self->out++ = (uint8_t)meanings[found - names];
        self->at++;
    } else if (c == 'x' && self->length - self->at >= 3 &&
               isxdigit((unsigned char)self->line[self->at + 1]) &&
               isxdigit((unsigned char)self->line[self->at + 2])) {
        *self->out++ = (uint8_t)(hexadecimal(self->line[self->at + 1]) << 4 |
                                 hexadecimal(self->line[self->at + 2]));
        self->at += 3;
    } else {
        object(self, "a backslash in double quotes is followed by one of n, t, r, 0, xNN, \\ and "
                     "\"");
        self->at++;
    }
}

/* The rest of a part in quotes, and the closing one. */
static void take_quoted(struct splitter *self, char quote)
{
    self->words->open = quote;
    while (self->at < self->length && self->words->open != 0) {
        char c = self->line[self->at++];
        if (c == quote) {
            self->words->open = 0;
        } else if (c == '\\' && quote == '"' && self->at < self->length) {
            take_escape(self);
        } else {
            *self->out++ = (uint8_t)c;
        }
    }
    if (self->words->open != 0) {
        object(self, quote == '"' ? "a double quote is not closed" : "a quote is not closed");
    }
}

static void take_word(struct splitter *self)
{
    struct words *words = self->words;
    words->at = memory_resize(words->at, words->n + 1, sizeof *words->at);
    struct word *word = &words->at[words->n++];
    *word = (struct word){.bytes.data = self->out, .start = self->at};
    while (self->at < self->length && !isspace((unsigned char)self->line[self->at])) {
        char c = self->line[self->at++];
        if (c == '\'' || c == '"') {
            word->is_quoted = true;
            take_quoted(self, c);
        } else if (c != '\\') {
            *self->out++ = (uint8_t)c;
        } else if (self->at < self->length) {
            word->is_quoted = true;
            *self->out++ = (uint8_t)self->line[self->at++];
        } else {
            words->open = '\\';
            object(self, "nothing comes after the backslash");
        }
    }
    word->bytes.len = (size_t)(self->out - word->bytes.data);
    *self->out++ = '\0';
    words->ends_in_word = self->at == self->length;
}

bool words_split(struct words *self, const char *line, size_t length,
                 char problem[WORDS_PROBLEM_BYTES])
{
    *self = (struct words){.bytes = memory_new(2 * length + 1, 1)};
    struct splitter splitter = {.words = self,
                                .line = line,
                                .length = length,
                                .out = self->bytes,
                                .problem = problem,
                                .good = true};
    while (splitter.at < length && line[splitter.at] != '#') {
        if (isspace((unsigned char)line[splitter.at])) {
            splitter.at++;
            self->ends_in_word = false;
        } else {
            take_word(&splitter);
        }
    }
    self->has_comment = splitter.at < length;
    self->ends_in_word = self->ends_in_word && !self->has_comment;
    return splitter.good;
}

char *words_quote(ProtobufCBinaryData bytes)
{
    static const char plain[] = "_-./:,+=@%^";
    bool is_plain = bytes.len > 0;
    for (size_t i = 0; i < bytes.len && is_plain; i++) {
        is_plain = isalnum(bytes.data[i]) || bytes.data[i] >= 0x80 ||
                   (bytes.data[i] != '\0' && strchr(plain, bytes.data[i]) != NULL);
    }
    if (is_plain && text_is_utf8(bytes)) {
        return memory_format("%.*s", (int)bytes.len, (const char *)bytes.data);
    }
    char *shown = text_of(bytes, 0);
    char *quoted = memory_new(2 * strlen(shown) + 3, 1);
    char *end = quoted;
    *end++ = '"';
    for (const char *at = shown; *at != '\0'; at++) {
        if (*at == '"') {
            *end++ = '\\';
        }
        *end++ = *at;
    }
    *end = '"';
    free(shown);
    return quoted;
}

void words_free(struct words *self)
{
    free(self->at);
    free(self->bytes);
    *self = (struct words){.n = 0};
}
