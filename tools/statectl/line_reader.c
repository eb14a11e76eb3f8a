#include "statectl/line_reader.h"

#include "statectl/memory.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST_CAPACITY = 64 << 10 };

void line_reader_init(struct line_reader *self, int fd, size_t most_bytes)
{
    *self = (struct line_reader){.fd = fd,
                                 .most_bytes = most_bytes,
                                 .buffer = memory_new(FIRST_CAPACITY, 1),
                                 .capacity = FIRST_CAPACITY};
}

void line_reader_deinit(struct line_reader *self)
{
    free(self->buffer);
}

/* Makes room behind what was read. */
static void make_room(struct line_reader *self)
{
    if (self->start > 0) {
        memmove(self->buffer, self->buffer + self->start, self->end - self->start);
        self->end -= self->start;
        self->scanned -= self->start;
        self->start = 0;
    }
    if (self->end == self->capacity) {
        self->capacity *= 2;
        self->buffer = memory_resize(self->buffer, self->capacity, 1);
    }
}

/* LINE = something came. */
static enum line_reader_result fill(struct line_reader *self)
{
    struct pollfd ready = {.fd = self->fd, .events = POLLIN};
    make_room(self);
    int n = poll(&ready, 1, 0);
    if (n == 0 || (n < 0 && errno == EINTR)) {
        return LINE_READER_WAIT;
    }
    ssize_t got = read(self->fd, self->buffer + self->end, self->capacity - self->end);
    if (got < 0) {
        return errno == EINTR || errno == EAGAIN ? LINE_READER_WAIT : LINE_READER_FAILED;
    }
    self->end += (size_t)got;
    self->at_end = got == 0;
    return LINE_READER_LINE;
}

/* Hands out what is between start and end_of_line; `skip` bytes end it. */
static enum line_reader_result give(struct line_reader *self, size_t end_of_line, size_t skip,
                                    const char **line, size_t *length)
{
    *line = self->buffer + self->start;
    *length = end_of_line - self->start;
    self->line++;
    self->bytes += *length + skip;
    self->start = end_of_line + skip;
    self->scanned = self->start;
    return *length > self->most_bytes ? LINE_READER_TOO_LONG : LINE_READER_LINE;
}

enum line_reader_result line_reader_next(struct line_reader *self, const char **line,
                                         size_t *length)
{
    while (true) {
        char *end = memchr(self->buffer + self->scanned, '\n', self->end - self->scanned);
        if (end != NULL) {
            return give(self, (size_t)(end - self->buffer), 1, line, length);
        }
        self->scanned = self->end;
        if (self->end - self->start > self->most_bytes) {
            return give(self, self->end, 0, line, length);
        }
        if (self->at_end) {
            return self->start == self->end ? LINE_READER_END
                                            : give(self, self->end, 0, line, length);
        }
        enum line_reader_result result = fill(self);
        if (result != LINE_READER_LINE) {
            return result;
        }
    }
}
