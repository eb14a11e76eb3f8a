#include "statectl/progress.h"

#include "statectl/output.h"
#include "statectl/units.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BAR_INTERVAL_MS = 100, LINE_INTERVAL_MS = 1000, BAR_COLUMNS = 24 };

void progress_init(struct progress *self, bool wants_lines, uint64_t all_bytes)
{
    uint64_t now_ns = clock_now_ns();
    bool has_bar = isatty(STDERR_FILENO) && output_has_cursor();
    *self = (struct progress){.kind = has_bar       ? PROGRESS_BAR
                                      : wants_lines ? PROGRESS_LINES
                                                    : PROGRESS_NONE,
                              .all_bytes = all_bytes,
                              .began_ns = now_ns,
                              .shown_ns = now_ns};
}

double progress_seconds(const struct progress *self)
{
    return (double)(clock_now_ns() - self->began_ns) / (double)CLOCK_NS_PER_S;
}

/* "  45%, 0:03 left", or nothing where the end is not known. */
static void put_share(const struct progress *self, double share, double seconds)
{
    char left[UNITS_BYTES];
    if (self->all_bytes == 0) {
        return;
    }
    fprintf(stderr, ", %.0f%%", 100 * share);
    if (share > 0 && share < 1) {
        uint64_t left_s = (uint64_t)(seconds / share * (1 - share)) + 1;
        fprintf(stderr, ", %s left", units_time(left, left_s * 1000000));
    }
}

static const char *draw_bar(char bar[BAR_COLUMNS + 1], double share)
{
    memset(bar, '.', BAR_COLUMNS);
    memset(bar, '#', (size_t)(share * BAR_COLUMNS));
    bar[BAR_COLUMNS] = '\0';
    return bar;
}

static void show(struct progress *self, uint64_t keys, uint64_t bytes)
{
    char count[UNITS_BYTES];
    char rate[UNITS_BYTES];
    char bar[BAR_COLUMNS + 1];
    double seconds = progress_seconds(self);
    double share = self->all_bytes > 0 ? (double)bytes / (double)self->all_bytes : 0;
    share = share > 1 ? 1 : share;
    if (self->kind == PROGRESS_BAR && self->all_bytes > 0) {
        fprintf(stderr, "\r[%s] ", draw_bar(bar, share));
    } else if (self->kind == PROGRESS_BAR) {
        fputc('\r', stderr);
    }
    fprintf(stderr, "%s keys, %s keys/s", units_count(count, keys),
            units_count(rate, seconds > 0 ? (uint64_t)((double)keys / seconds) : 0));
    put_share(self, share, seconds);
    fputs(self->kind == PROGRESS_BAR ? "\033[K" : "\n", stderr);
    fflush(stderr);
    self->is_on_screen = self->kind == PROGRESS_BAR;
}

/* Whether the last time was long enough ago; then this is the last time. */
static bool is_time(struct progress *self)
{
    uint64_t now_ns = clock_now_ns();
    uint64_t interval_ms = self->kind == PROGRESS_BAR ? BAR_INTERVAL_MS : LINE_INTERVAL_MS;
    bool is_over = now_ns - self->shown_ns >= interval_ms * CLOCK_NS_PER_MS;
    self->shown_ns = is_over ? now_ns : self->shown_ns;
    return is_over;
}

void progress_tell(struct progress *self, uint64_t keys, uint64_t bytes)
{
    if (self->kind != PROGRESS_NONE && is_time(self)) {
        show(self, keys, bytes);
    }
}

void progress_end(struct progress *self, uint64_t keys, uint64_t bytes)
{
    if (self->kind == PROGRESS_LINES) {
        show(self, keys, bytes);
    }
    progress_wipe(self);
}

void progress_wipe(struct progress *self)
{
    if (self->is_on_screen) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
        self->is_on_screen = false;
    }
}

void progress_tell_share(struct progress *self, const char *what, unsigned permille)
{
    char bar[BAR_COLUMNS + 1];
    if (self->kind != PROGRESS_BAR || !is_time(self)) {
        return;
    }
    fprintf(stderr, "\r[%s] %s, %u%%\033[K", draw_bar(bar, permille / 1000.0), what, permille / 10);
    fflush(stderr);
    self->is_on_screen = true;
}

int progress_wait_ms(const struct progress *self)
{
    return self->kind == PROGRESS_NONE  ? -1
           : self->kind == PROGRESS_BAR ? BAR_INTERVAL_MS
                                        : LINE_INTERVAL_MS;
}
