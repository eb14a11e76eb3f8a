/* libedit does the editing. What is ours: the wait for a key, which Ctrl-C and a new size of the
   window interrupt; what Tab does; and the hint at the right edge, which is drawn anew with each
   word. */
#include "statectl/editor.h"

#include "statectl/commands.h"
#include "statectl/line_history.h"
#include "statectl/memory.h"
#include "statectl/output.h"
#include "statectl/text.h"

#include "utf8.h"

#include <errno.h>
#include <histedit.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_ROWS = 20, HINT_BYTES = 160 };

struct editor {
    EditLine *line;
    struct line_history history;
    const struct complete_keys *keys;
    bool was_cancelled;
    int signal;
    char *text; /* the line that was read */
    char hint[HINT_BYTES];
};

/* What the handlers tell the wait for a key. */
static volatile sig_atomic_t caught;

static void on_signal(int number)
{
    caught = number;
}

static struct editor *editor_of(EditLine *line)
{
    void *self = NULL;
    el_get(line, EL_CLIENTDATA, &self);
    return self;
}

/* One byte of input: 1, or 0 at its end, or -1 when a signal or the terminal's end came first. */
static int read_byte(struct editor *self, uint8_t *byte)
{
    sigset_t none;
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    sigemptyset(&none);
    while (true) {
        int ready = ppoll(&input, 1, NULL, &none);
        int number = caught;
        caught = 0;
        if (number == SIGWINCH) {
            el_resize(self->line);
        } else if (number == SIGINT) {
            self->was_cancelled = true;
            return -1;
        } else if (number != 0) {
            self->signal = number;
            return -1;
        } else if (ready > 0) {
            return (int)read(STDIN_FILENO, byte, 1);
        } else if (errno != EINTR) {
            return -1;
        }
    }
}

/* A character, for libedit. What is no UTF-8 is skipped. */
static int read_character(EditLine *line, wchar_t *character)
{
    struct editor *self = editor_of(line);
    uint8_t bytes[4];
    size_t n = 0;
    while (true) {
        int got = read_byte(self, &bytes[n]);
        if (got != 1) {
            return got;
        }
        n++;
        size_t length = utf8_character(bytes, n);
        if (length > 0) {
            mbstate_t state = {0};
            return mbrtowc(character, (const char *)bytes, n, &state) == n ? 1 : -1;
        }
        n = n == sizeof bytes || (bytes[0] & 0xc0) != 0xc0 ? 0 : n;
    }
}

/* What takes no columns stands between two of these, for libedit. */
static const char *mark(void)
{
    return output_plain()[0] != '\0' ? "\001" : "";
}

static char *prompt(EditLine *line)
{
    static char text[64];
    (void)line;
    snprintf(text, sizeof text, "%s%s%sstatectl>%s%s%s ", mark(), output_bold(), mark(), mark(),
             output_plain(), mark());
    return text;
}

/* How the command that is being typed is used. */
static char *hint(EditLine *line)
{
    struct editor *self = editor_of(line);
    const LineInfo *typed = el_line(line);
    char name[32];
    size_t length = strcspn(typed->buffer, " ");
    size_t all = (size_t)(typed->lastchar - typed->buffer);
    self->hint[0] = '\0';
    if (length >= all || length >= sizeof name) {
        return self->hint;
    }
    memcpy(name, typed->buffer, length);
    name[length] = '\0';
    const struct command *command = commands_find(name);
    if (command != NULL) {
        /* The blank carries the end of the colour: libedit drops what stands behind the last. */
        snprintf(self->hint, sizeof self->hint, "%s%s%s%s %s%s%s%s ", mark(), output_dim(), mark(),
                 command->name, command->arguments, mark(), output_plain(), mark());
    }
    return self->hint;
}

/* A blank ends a word: the hint may be another one. */
static unsigned char insert_blank(EditLine *line, int character)
{
    (void)character;
    return el_insertstr(line, " ") == 0 ? CC_REFRESH : CC_ERROR;
}

/* The candidates in columns, below the line. */
static void list(const struct complete *complete)
{
    char **shown = memory_new(complete->n, sizeof *shown);
    size_t width = 2;
    for (size_t i = 0; i < complete->n; i++) {
        shown[i] = text_of(complete->found[i], 60);
        size_t columns = text_columns(shown[i]) + 2;
        width = columns > width ? columns : width;
    }
    size_t screen = output_columns() > 0 ? output_columns() : 80;
    size_t per_row = screen / width > 0 ? screen / width : 1;
    size_t most = per_row * MOST_ROWS;
    for (size_t i = 0; i < complete->n; i++) {
        if (i < most) {
            bool ends_row = (i + 1) % per_row == 0 || i + 1 == complete->n || i + 1 == most;
            size_t space = ends_row ? 0 : width - text_columns(shown[i]);
            printf("%s%s%*s%s", i == 0 ? "\n" : "", shown[i], (int)space, "", ends_row ? "\n" : "");
        }
        free(shown[i]);
    }
    if (complete->n > most) {
        printf("and %zu more\n", complete->n - most);
    }
    free(shown);
}

static int characters(const char *text, size_t length)
{
    int n = 0;
    for (size_t i = 0; i < length; i++) {
        n += ((uint8_t)text[i] & 0xc0) != 0x80;
    }
    return n;
}

static unsigned char complete_word(EditLine *line, int character)
{
    struct editor *self = editor_of(line);
    const LineInfo *typed = el_line(line);
    size_t cursor = (size_t)(typed->cursor - typed->buffer);
    char *text = memory_check(strndup(typed->buffer, cursor));
    struct complete complete;
    unsigned char outcome = CC_ERROR;
    (void)character;
    complete_line(&complete, text, cursor, self->keys);
    char *replacement = complete_replacement(&complete, text, cursor);
    if (replacement != NULL) {
        el_deletestr(line, characters(text + complete.start, cursor - complete.start));
        el_insertstr(line, replacement);
        outcome = CC_REFRESH;
    } else if (complete.n > 0) {
        list(&complete);
        outcome = CC_REDISPLAY;
    } else if (complete.command != NULL) {
        printf("\n%s %s\n", complete.command->name, complete.command->arguments);
        outcome = CC_REDISPLAY;
    }
    fflush(stdout);
    free(replacement);
    complete_free(&complete);
    free(text);
    return outcome;
}

static void catch_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH};
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t blocked;
    sigemptyset(&blocked);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        sigaction(numbers[i], &action, NULL);
        sigaddset(&blocked, numbers[i]);
    }
    sigprocmask(SIG_BLOCK, &blocked, NULL);
}

/* What libedit asks of a history: the function that it wants in the place of its own. */
static int look_back(void *history, HistEvent *event, int operation, ...)
{
    static const struct {
        int operation;
        enum line_history_step step;
    } steps[] = {{H_FIRST, LINE_HISTORY_NEWEST},
                 {H_NEXT, LINE_HISTORY_OLDER},
                 {H_PREV, LINE_HISTORY_NEWER},
                 {H_LAST, LINE_HISTORY_OLDEST},
                 {H_CURR, LINE_HISTORY_SAME}};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (steps[i].operation == operation) {
            struct line_history *self = history;
            event->str = line_history_look(self, steps[i].step);
            event->num = (int)self->current + 1;
            return event->str != NULL ? 0 : -1;
        }
    }
    return -1;
}

struct editor *editor_open(const struct complete_keys *keys, const char *history_path)
{
    struct editor *self = memory_new(1, sizeof *self);
    self->keys = keys;
    line_history_open(&self->history, history_path);
    catch_signals();
    self->line = memory_check(el_init("statectl", stdin, stdout, stderr));
    el_set(self->line, EL_CLIENTDATA, self);
    el_set(self->line, EL_SIGNAL, 0);
    el_set(self->line, EL_EDITOR, "emacs");
    el_set(self->line, EL_GETCFN, read_character);
    el_set(self->line, EL_PROMPT_ESC, prompt, '\001');
    el_set(self->line, EL_RPROMPT_ESC, hint, '\001');
    /* In wide characters: of others libedit makes copies, which it never frees. */
    el_wset(self->line, EL_ADDFN, L"statectl-complete", L"Complete the word", complete_word);
    el_wset(self->line, EL_ADDFN, L"statectl-blank", L"Insert a blank", insert_blank);
    el_set(self->line, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_source(self->line, NULL); /* the user's own bindings win, but for these: */
    el_set(self->line, EL_BIND, "^I", "statectl-complete", NULL);
    el_set(self->line, EL_BIND, " ", "statectl-blank", NULL);
    el_set(self->line, EL_HIST, look_back, &self->history);
    return self;
}

enum editor_event editor_read(struct editor *self, const char **line)
{
    int count = 0;
    self->was_cancelled = false;
    const char *typed = el_gets(self->line, &count);
    if (self->signal != 0) {
        return EDITOR_SIGNAL;
    }
    if (self->was_cancelled) {
        fputs("^C\n", stdout);
        fflush(stdout);
        return EDITOR_CANCELLED;
    }
    if (typed == NULL || count <= 0) {
        putchar('\n');
        fflush(stdout);
        return EDITOR_END;
    }
    free(self->text);
    self->text = memory_check(strdup(typed));
    self->text[strcspn(self->text, "\r\n")] = '\0';
    *line = self->text;
    return EDITOR_LINE;
}

void editor_remember(struct editor *self, const char *line)
{
    line_history_add(&self->history, line);
}

int editor_signal(const struct editor *self)
{
    return self->signal;
}

void editor_close(struct editor *self)
{
    el_end(self->line);
    line_history_close(&self->history);
    free(self->text);
    free(self);
}
