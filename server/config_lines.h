/* The lines of a config file as inih is to see them, so that none is cut or joined to another one
   in silence. */
#ifndef STATED_SERVER_CONFIG_LINES_H
#define STATED_SERVER_CONFIG_LINES_H

#include <stdio.h>

/* Zeroed but for the file, which stays the caller's. */
struct config_lines {
    FILE *file;
    int line;            /* that was read last, from 1 */
    const char *mistake; /* what is wrong with it; NULL = nothing */
};

/* An ini_reader over a struct config_lines: the next line without its indentation, which inih would
   take for the rest of the value before it. NULL at the end of the file, and after a line that has
   a NUL byte or does not fit `size`, which is then noted; a comment may have any length. */
char *config_lines_next(char *line, int size, void *lines);

#endif
