/* Lines typed on a terminal: edited, completed, with hints, and remembered. */
#ifndef STATED_STATECTL_EDITOR_H
#define STATED_STATECTL_EDITOR_H

#include "statectl/complete.h"

/* The terminal's editor; one at a time in a process. Opaque. */
struct editor;

enum editor_event {
    EDITOR_LINE,      /* a line is there */
    EDITOR_CANCELLED, /* Ctrl-C: the line is thrown away */
    EDITOR_END,       /* Ctrl-D on an empty line, or the terminal is gone */
    EDITOR_SIGNAL,    /* SIGTERM or SIGHUP, see editor_signal */
};

/* Takes over standard input and output. keys is asked when Tab is pressed where a key may stand;
   history_path (NULL = none) is read now, and written when lines are remembered. keys stays the
   caller's and has to last. From now on SIGINT, SIGTERM, SIGHUP and SIGWINCH are blocked but while
   editor_read waits. Main thread. */
struct editor *editor_open(const struct complete_keys *keys, const char *history_path);

/* The next line, without its newline: valid until the next call. Blocks. */
enum editor_event editor_read(struct editor *self, const char **line);

/* Remembers the line, as line_history_add does. */
void editor_remember(struct editor *self, const char *line);

/* The signal that ended editor_read. */
int editor_signal(const struct editor *self);

/* Gives the terminal back as it was, and frees. */
void editor_close(struct editor *self);

#endif
