/* Live views: shows something again and again, until Ctrl-C. */
#ifndef STATED_STATECTL_LIVE_H
#define STATED_STATECTL_LIVE_H

#include "statectl/cli.h"
#include "statectl/ctl.h"

#include <stdint.h>

/* The options of a command that has a live view. */
struct live {
    bool watch;
    uint64_t interval_ms;
};

#define LIVE_INIT                                                                                  \
    {                                                                                              \
        .watch = false, .interval_ms = 500                                                         \
    }

enum { KEY_INTERVAL = 0x2000 };

#define LIVE_OPTIONS                                                                               \
    {"watch", 'w', NULL, 0, "Again and again, until Ctrl-C", 0},                                   \
    {                                                                                              \
        "interval", KEY_INTERVAL, "MS", 0, "With --watch: every MS milliseconds (500)", 0          \
    }

/* The parser of these two options. */
error_t live_parse(struct live *self, int key, char *text);

/* Shows once or, with --watch, again and again. show prints one picture on standard output and
   returns an exit code, after saying what is wrong if it is not EXIT_DONE.

   On a terminal each picture replaces the one before, in one piece and cut to the screen, and a
   server that goes away is waited for. Elsewhere, and with JSON, the pictures follow each other,
   and a failure ends them. Returns the exit code; blocks. */
int live_run(const struct live *self, struct ctl *ctl,
             int (*show)(struct ctl *ctl, const void *argument), const void *argument);

#endif
