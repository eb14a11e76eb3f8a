#include "statectl/live.h"

#include "statectl/errors.h"
#include "statectl/interrupt.h"
#include "statectl/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { LEAST_INTERVAL_MS = 50, MOST_INTERVAL_MS = 3600000 };

error_t live_parse(struct live *self, int key, char *text)
{
    switch (key) {
    case 'w':
        self->watch = true;
        return 0;
    case KEY_INTERVAL:
        return cli_number("--interval", text, LEAST_INTERVAL_MS, MOST_INTERVAL_MS,
                          &self->interval_ms)
                   ? 0
                   : CLI_REFUSED;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Lines of the terminal, but one for the cursor. */
static size_t rows(void)
{
    struct winsize size;
    bool is_known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 1;
    return is_known ? size.ws_row - 1u : 23;
}

/* Replaces what is on the screen. Long lines are cut by the terminal, which does not wrap them. */
static void draw(const char *picture)
{
    size_t left = rows();
    fputs("\033[H\033[?7l", stdout);
    for (const char *at = picture; *at != '\0' && left > 0; left--) {
        size_t length = strcspn(at, "\n");
        fwrite(at, 1, length, stdout);
        fputs("\033[K\n", stdout);
        at += length + (at[length] == '\n');
    }
    fputs("\033[J\033[?7h", stdout);
}

/* What an operator waits for: the server comes back, or has room again. */
static bool may_pass(int code)
{
    return code == EXIT_CALL + STATED_UNAVAILABLE || code == EXIT_CALL + STATED_DEADLINE_EXCEEDED ||
           code == EXIT_CALL + STATED_RESOURCE_EXHAUSTED || code == EXIT_CALL + STATED_ABORTED;
}

/* What show prints and says goes into one picture. */
static int show_on_screen(const struct live *self, struct ctl *ctl,
                          int (*show)(struct ctl *ctl, const void *argument), const void *argument)
{
    char *picture = NULL;
    size_t size;
    FILE *screen = stdout;
    FILE *errors = stderr;
    FILE *caught = memory_check(open_memstream(&picture, &size));
    fprintf(caught, "%s%s, every %g s, until Ctrl-C%s\n\n", output_dim(), ctl->endpoint,
            (double)self->interval_ms / 1000, output_plain());
    stdout = caught;
    stderr = caught;
    int code = show(ctl, argument);
    stdout = screen;
    stderr = errors;
    memory_check(fclose(caught) == 0 ? picture : NULL);
    draw(picture);
    free(picture);
    return may_pass(code) ? EXIT_DONE : code;
}

int live_run(const struct live *self, struct ctl *ctl,
             int (*show)(struct ctl *ctl, const void *argument), const void *argument)
{
    static char whole[1 << 16];
    bool is_json = ctl->format == OUTPUT_JSON || ctl->format == OUTPUT_JSONL;
    bool has_screen = self->watch && !is_json && output_is_terminal() && output_has_cursor();
    int code = ctl_connect(ctl);
    if (code != EXIT_DONE || !self->watch) {
        return code != EXIT_DONE ? code : show(ctl, argument);
    }
    if (has_screen) {
        setvbuf(stdout, whole, _IOFBF, sizeof whole); /* a picture is written in one piece */
        fputs("\033[H\033[2J", stdout);
        /* Ctrl-C takes from the terminal what it has not yet shown of a picture. */
        interrupt_say_last("\033[?7h\033[J");
    }
    while (code == EXIT_DONE) {
        code = has_screen ? show_on_screen(self, ctl, show, argument) : show(ctl, argument);
        if (code == EXIT_DONE && !has_screen && !is_json) {
            putchar('\n');
        }
        if (code == EXIT_DONE) {
            code = output_finish(code);
        }
        if (code == EXIT_DONE) {
            interrupt_sleep((int)self->interval_ms);
        }
    }
    interrupt_say_last(NULL);
    return code;
}
