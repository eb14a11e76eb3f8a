/* How far something is, on standard error: a bar on a terminal, lines elsewhere. */
#ifndef STATED_STATECTL_PROGRESS_H
#define STATED_STATECTL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

enum progress_kind { PROGRESS_NONE, PROGRESS_BAR, PROGRESS_LINES };

/* Counts are the caller's to tell. */
struct progress {
    enum progress_kind kind;
    uint64_t all_bytes; /* of the input; 0 = not known */
    uint64_t began_ns;
    uint64_t shown_ns;
    bool is_on_screen; /* a bar to wipe */
};

/* A bar when standard error is a terminal that is not dumb; else lines when asked for. */
void progress_init(struct progress *self, bool wants_lines, uint64_t all_bytes);

/* Tells how much is done; shows it when the last time was long enough ago. */
void progress_tell(struct progress *self, uint64_t keys, uint64_t bytes);

/* The end: wipes the bar, so that something else can be printed, or prints the last line. */
void progress_end(struct progress *self, uint64_t keys, uint64_t bytes);

/* The same where only a share is known; what: it does, "copying". Only a bar is shown. */
void progress_tell_share(struct progress *self, const char *what, unsigned permille);

/* Wipes the bar, so that something else can be printed. */
void progress_wipe(struct progress *self);

/* Milliseconds until it would like to be told again; -1 = never. */
int progress_wait_ms(const struct progress *self);

/* Seconds since progress_init. */
double progress_seconds(const struct progress *self);

#endif
