/* A value as commands take one: an argument, the content of a file, or standard input. */
#ifndef STATED_STATECTL_VALUE_H
#define STATED_STATECTL_VALUE_H

#include "statectl/ctl.h"

#include <protobuf-c/protobuf-c.h>
#include <stdint.h>

/* Its bytes, and who has to free them. */
struct value {
    ProtobufCBinaryData bytes; /* of the argument, or owned */
    uint8_t *owned;            /* NULL = nothing to free */
};

/* Takes the argument (which may be "-" for standard input), or else the file ("-" likewise);
   exactly one of the two is not NULL, as value_is_one makes sure. EXIT_DONE, or the exit code after
   saying what is wrong. What comes from a file is read up to what the server takes, so this
   connects then. Main thread; blocks. */
int value_take(struct value *self, struct ctl *ctl, char *argument,
               const char *file) STATED_MUST_USE;

/* Whether exactly one of the two is given; if not, says how the command is used. */
bool value_is_one(const char *command, const char *argument, const char *file) STATED_MUST_USE;

/* Frees it. */
void value_free(struct value *self);

#endif
