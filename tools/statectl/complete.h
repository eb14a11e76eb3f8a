/* Completion of a line in the interactive mode: what may stand where the cursor is. */
#ifndef STATED_STATECTL_COMPLETE_H
#define STATED_STATECTL_COMPLETE_H

#include "statectl/cli.h"

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

struct complete {
    size_t start;               /* where in the line the word begins that is completed */
    ProtobufCBinaryData *found; /* what it may be, without quotes; bytes are owned */
    size_t n;
    const struct command *command; /* that the line is for, NULL = none yet, or unknown */
};

/* Adds a candidate, for the key source below. Copies the bytes. */
void complete_add(struct complete *self, ProtobufCBinaryData bytes);

/* Where keys come from. */
struct complete_keys {
    /* Adds the keys with this prefix to *self: few of them, and soon. */
    void (*list)(void *argument, ProtobufCBinaryData prefix, struct complete *self);
    void *argument;
};

/* What the word may be that ends at the cursor, as the descriptions of the commands have it: a
   command, an option or its argument, a method, a file, a key. To free. Main thread. */
void complete_line(struct complete *self, const char *line, size_t cursor,
                   const struct complete_keys *keys);

/* What to put in the word's place: the candidate with its quotes and a blank behind it, or as much
   as all candidates have in common, when that is more than there is; NULL when it is not. To free.
   Pure. */
char *complete_replacement(const struct complete *self, const char *line, size_t cursor);

/* Frees it. */
void complete_free(struct complete *self);

#endif
