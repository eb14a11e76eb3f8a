/* Lines that were typed, the newest last, kept in a file that several programs may add to. */
#ifndef STATED_STATECTL_LINE_HISTORY_H
#define STATED_STATECTL_LINE_HISTORY_H

#include <stdbool.h>
#include <stddef.h>

/* The most lines that are read and kept in memory. */
#define LINE_HISTORY_LINES 1000

struct line_history {
    char **lines; /* the oldest first */
    size_t n;
    size_t current; /* that was looked at last, for line_history_look */
    char *path;     /* to add lines to; NULL = nowhere */
};

/* Reads the file (NULL = none); one that is not there is empty. A file that has grown to twice as
   many lines as are kept is cut. Blocks. */
void line_history_open(struct line_history *self, const char *path);

/* Adds the line, in memory and at the end of the file, which nobody else can read; unless it is the
   same as the one before, empty, or begins with a blank. A file that cannot be written is left as
   it is. Blocks. */
void line_history_add(struct line_history *self, const char *line);

enum line_history_step {
    LINE_HISTORY_NEWEST,
    LINE_HISTORY_OLDER,
    LINE_HISTORY_NEWER,
    LINE_HISTORY_OLDEST,
    LINE_HISTORY_SAME
};

/* Moves to a line and returns it, NULL when there is none in that direction. Pure. */
const char *line_history_look(struct line_history *self, enum line_history_step step);

/* Frees it. */
void line_history_close(struct line_history *self);

#endif
