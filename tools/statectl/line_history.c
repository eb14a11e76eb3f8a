#include "statectl/line_history.h"

#include "statectl/memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Takes the text, which was allocated. */
static void keep(struct line_history *self, char *line)
{
    if (self->n == LINE_HISTORY_LINES) {
        free(self->lines[0]);
        memmove(self->lines, self->lines + 1, (self->n - 1) * sizeof *self->lines);
        self->n--;
    }
    self->lines[self->n++] = line;
}

/* Replaces the file by what is in memory, in one step. */
static void rewrite(const struct line_history *self)
{
    char *temporary = memory_format("%s.XXXXXX", self->path);
    int fd = mkostemp(temporary, O_CLOEXEC);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    for (size_t i = 0; file != NULL && i < self->n; i++) {
        fprintf(file, "%s\n", self->lines[i]);
    }
    bool good = file != NULL && ferror(file) == 0;
    good = file != NULL && fclose(file) == 0 && good;
    if (fd >= 0 && (!good || rename(temporary, self->path) != 0)) {
        unlink(temporary);
    }
    free(temporary);
}

void line_history_open(struct line_history *self, const char *path)
{
    char *line = NULL;
    size_t capacity = 0;
    size_t all = 0;
    *self = (struct line_history){.lines = memory_new(LINE_HISTORY_LINES, sizeof *self->lines),
                                  .path = path != NULL ? memory_format("%s", path) : NULL};
    FILE *file = path != NULL ? fopen(path, "re") : NULL;
    while (file != NULL && getline(&line, &capacity, file) >= 0) {
        line[strcspn(line, "\n")] = '\0';
        keep(self, memory_format("%s", line));
        all++;
    }
    free(line);
    if (file != NULL) {
        fclose(file);
    }
    if (all >= 2 * (size_t)LINE_HISTORY_LINES) {
        rewrite(self);
    }
}

void line_history_add(struct line_history *self, const char *line)
{
    bool is_again = self->n > 0 && strcmp(self->lines[self->n - 1], line) == 0;
    if (line[0] == '\0' || line[0] == ' ' || is_again) {
        return;
    }
    char *text = memory_format("%s\n", line);
    int fd =
        self->path != NULL ? open(self->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd >= 0) {
        ssize_t written = write(fd, text, strlen(text));
        (void)written;
        close(fd);
    }
    text[strlen(line)] = '\0';
    keep(self, text);
}

const char *line_history_look(struct line_history *self, enum line_history_step step)
{
    size_t at = self->current;
    switch (step) {
    case LINE_HISTORY_NEWEST:
        at = self->n - 1; /* wraps when there is none, and is out of bounds then */
        break;
    case LINE_HISTORY_OLDEST:
        at = 0;
        break;
    case LINE_HISTORY_OLDER:
        at--;
        break;
    case LINE_HISTORY_NEWER:
        at++;
        break;
    default:
        break;
    }
    if (at >= self->n) {
        return NULL;
    }
    self->current = at;
    return self->lines[at];
}

void line_history_close(struct line_history *self)
{
    for (size_t i = 0; i < self->n; i++) {
        free(self->lines[i]);
    }
    free(self->lines);
    free(self->path);
    *self = (struct line_history){.n = 0};
}
