/* Lines of a file or a pipe, as they come, without ever waiting for the next one. */
#ifndef STATED_STATECTL_LINE_READER_H
#define STATED_STATECTL_LINE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum line_reader_result {
    LINE_READER_LINE,
    LINE_READER_WAIT, /* nothing there yet: poll the descriptor */
    LINE_READER_END,
    LINE_READER_TOO_LONG,
    LINE_READER_FAILED, /* errno says why */
};

/* Owns its buffer; the descriptor is the caller's. */
struct line_reader {
    int fd;
    size_t most_bytes; /* of one line */
    char *buffer;
    size_t capacity;
    size_t start;   /* of the next line */
    size_t scanned; /* no line ends between start and here */
    size_t end;     /* of what was read */
    bool at_end;

    uint64_t line;  /* number of the line that was given last, from 1 */
    uint64_t bytes; /* of the lines that were given */
};

/* Starts reading; a line that is longer than most_bytes ends it. */
void line_reader_init(struct line_reader *self, int fd, size_t most_bytes);

/* The next line without its end, valid until the next call. The last one needs no end. Reads only
   what is there. */
enum line_reader_result line_reader_next(struct line_reader *self, const char **line,
                                         size_t *length);

/* Frees the buffer. */
void line_reader_deinit(struct line_reader *self);

#endif
