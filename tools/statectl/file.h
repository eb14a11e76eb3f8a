/* Whole files, in and out. */
#ifndef STATED_STATECTL_FILE_H
#define STATED_STATECTL_FILE_H

#include "stated/status.h"

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdio.h>

/* The content of a file, of standard input for "-"; data is to free. OK; RESOURCE_EXHAUSTED when it
   has more than most_bytes; UNAVAILABLE, with errno, when it cannot be read. Blocks. */
enum stated_code file_read(const char *path, size_t most_bytes,
                           ProtobufCBinaryData *content) STATED_MUST_USE;

/* A file that gets its name when it is whole: nobody ever sees half of it. */
struct whole_file {
    FILE *file;      /* to write to */
    char *path;      /* as it will be called; NULL = it was opened as it is, being no plain file */
    char *temporary; /* as it is called now */
};

/* Starts it, next to the path or where the path's symbolic link leads. False after saying what is
   wrong. */
bool whole_file_open(struct whole_file *self, const char *path);

/* Writes it to disk and gives it its name. False after saying what is wrong; then it is gone. */
bool whole_file_close(struct whole_file *self);

/* Removes what there is of it. */
void whole_file_abandon(struct whole_file *self);

#endif
