/* Splits a line into words, with quotes: the rules of transactions and of the interactive mode.

   Blanks separate words, # at the start of one begins a comment. 'Everything' between single
   quotes is as it is; between "double quotes" \n, \t, \r, \0, \xNN, \\ and \" are what they are in
   C; outside of both, a backslash takes the next character as it is. Quoted and unquoted parts that
   touch are one word; '' is an empty one. */
#ifndef STATED_STATECTL_WORDS_H
#define STATED_STATECTL_WORDS_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

struct word {
    ProtobufCBinaryData bytes; /* with a NUL behind them */
    size_t start;              /* where in the line it starts, quotes included */
    bool is_quoted;            /* has a part in quotes, or a backslash */
};

struct words {
    struct word *at;
    size_t n;
    uint8_t *bytes;    /* of all words */
    char open;         /* the quote, or backslash, that the line leaves open; 0 = none */
    bool ends_in_word; /* no blank behind the last word */
    bool has_comment;
};

/* Room for what is wrong with a line. */
#define WORDS_PROBLEM_BYTES 96

/* Splits the line. False when an escape is wrong or a quote left open: then problem says so, and
   the words are there all the same as far as they go. To free either way. Ends the process when
   memory is out. */
bool words_split(struct words *self, const char *line, size_t length,
                 char problem[WORDS_PROBLEM_BYTES]);

/* The text quoted such that words_split takes it for one word with these bytes; as it is when that
   needs no quotes. To free. */
char *words_quote(ProtobufCBinaryData bytes);

/* Frees it. */
void words_free(struct words *self);

#endif
