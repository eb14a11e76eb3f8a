/* shell: the interactive mode. Each line is run as a statectl of its own, so that whatever becomes
   of it, Ctrl-C included, this one goes on. */
#include "statectl/commands.h"
#include "statectl/editor.h"
#include "statectl/errors.h"
#include "statectl/key_source.h"
#include "statectl/memory.h"
#include "statectl/words.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

struct shell {
    struct ctl *ctl;
    bool is_interactive;
    int last; /* exit code of the last command */
    bool ends;
};

/* statectl/history in the state directory; NULL when there is no place for one. To free. */
static char *history_path(void)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    char *directory = NULL;
    if (state != NULL && state[0] == '/') {
        directory = memory_format("%s/statectl", state);
    } else if (home != NULL && home[0] == '/') {
        directory = memory_format("%s/.local/state/statectl", home);
    } else {
        return NULL;
    }
    for (char *slash = strchr(directory + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(directory, 0700);
        *slash = '/';
    }
    mkdir(directory, 0700);
    char *path = memory_format("%s/history", directory);
    free(directory);
    return path;
}

/* What the commands inherit of this one's options. */
static void hand_on(const struct ctl *ctl)
{
    char ms[16];
    snprintf(ms, sizeof ms, "%" PRIu32, ctl->timeout_ms);
    setenv("STATECTL_ENDPOINT", ctl->endpoint, 1);
    setenv("STATECTL_OUTPUT", output_format_name(ctl->format), 1);
    setenv("STATECTL_TIMEOUT", ms, 1);
}

static int exit_code(pid_t child)
{
    int status;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            return EXIT_USAGE;
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_SIGNAL + WTERMSIG(status);
}

/* Forgets a Ctrl-C that was for the command: it is blocked here, so it waits. */
static void forget_interrupt(void)
{
    struct sigaction before;
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGINT, &ignore, &before);
    sigaction(SIGINT, &before, NULL);
}

/* Runs statectl with these words. Ctrl-C is for it meanwhile, not for this one. */
static int run_words(const struct shell *self, char **argv)
{
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t files;
    sigset_t none;
    pid_t child;
    sigemptyset(&none);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawn_file_actions_init(&files);
    if (!self->is_interactive) {
        /* Standard input is the commands, not theirs. */
        posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", 0, 0);
    }
    int error = posix_spawn(&child, "/proc/self/exe", &files, &attributes, argv, environ);
    int code =
        error == 0 ? exit_code(child) : error_usage("cannot start a command: %s", strerror(error));
    if (self->is_interactive) {
        forget_interrupt();
    }
    if (self->is_interactive && code == EXIT_SIGNAL + SIGINT) {
        putchar('\n'); /* behind the ^C */
    }
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return code;
}

static int run_command(const struct shell *self, const struct words *words)
{
    static char program[] = "statectl";
    static char base64[] = "--base64";
    char **argv = memory_new(words->n + 3, sizeof *argv);
    size_t n = 0;
    int code = EXIT_DONE;
    argv[n++] = program;
    if (self->ctl->keys_in_base64) {
        argv[n++] = base64;
    }
    for (size_t i = 0; i < words->n && code == EXIT_DONE; i++) {
        argv[n++] = (char *)words->at[i].bytes.data;
        if (strlen(argv[n - 1]) != words->at[i].bytes.len) {
            code = error_usage("an argument cannot have a NUL; give a key in --base64 and a value "
                               "with -f FILE");
        }
    }
    code = code == EXIT_DONE ? run_words(self, argv) : code;
    free(argv);
    return code;
}

static void run_line(struct shell *self, const char *line)
{
    char problem[WORDS_PROBLEM_BYTES];
    struct words words;
    if (!words_split(&words, line, strlen(line), problem)) {
        self->last = error_usage("%s", problem);
    } else if (words.n > 0) {
        const char *first = (const char *)words.at[0].bytes.data;
        if (strcmp(first, "exit") == 0 || strcmp(first, "quit") == 0) {
            self->ends = true;
        } else if (strcmp(first, "shell") == 0) {
            self->last = error_usage("this is the interactive mode already; exit ends it");
        } else {
            self->last = run_command(self, &words);
        }
    }
    words_free(&words);
}

static void run_terminal(struct shell *self)
{
    struct key_source source = {.ctl = self->ctl};
    const struct complete_keys keys = {.list = key_source_list, .argument = &source};
    char *path = history_path();
    struct editor *editor = editor_open(&keys, path);
    const char *line;
    printf("%s; Tab completes, help lists the commands, Ctrl-D ends\n", self->ctl->endpoint);
    while (!self->ends) {
        enum editor_event event = editor_read(editor, &line);
        if (event == EDITOR_LINE) {
            editor_remember(editor, line);
            run_line(self, line);
        } else if (event == EDITOR_END) {
            self->ends = true;
        } else if (event == EDITOR_SIGNAL) {
            self->last = EXIT_SIGNAL + editor_signal(editor);
            self->ends = true;
        }
    }
    editor_close(editor);
    key_source_close(&source);
    free(path);
}

static void run_input(struct shell *self)
{
    char *line = NULL;
    size_t capacity = 0;
    while (!self->ends && getline(&line, &capacity, stdin) >= 0) {
        run_line(self, line);
    }
    free(line);
}

static int run(struct ctl *ctl, int argc, char **argv)
{
    struct shell self = {.ctl = ctl};
    struct cli_arguments arguments;
    if (!cli_parse(ctl, &cmd_shell, argc, argv, NULL, &arguments)) {
        return EXIT_USAGE;
    }
    self.is_interactive = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    hand_on(ctl);
    if (self.is_interactive) {
        run_terminal(&self);
    } else {
        run_input(&self);
    }
    return self.last;
}

const struct command cmd_shell = {
    .name = "shell",
    .arguments = "",
    .summary = "run commands one after the other, interactively",
    .help = "So does statectl without a command on a terminal. A line is a command with its "
            "arguments, without statectl in front; help, help COMMAND and exit work too. Options "
            "given to the shell hold for its commands.\n\n"
            "Tab completes commands, options, methods, files and keys, which are asked of the "
            "server: at most 200, for at most half a second. How the command is used stands at "
            "the right. Ctrl-C throws the line away, or ends the command that runs; Ctrl-D ends "
            "the shell. Up, Down and Ctrl-R look into the history, which is in statectl/history "
            "below $XDG_STATE_HOME, ~/.local/state without one; lines that begin with a blank "
            "stay out of it. Other keys are as ~/.editrc says.\n\n"
            "Blanks separate words. 'Single quotes' keep everything as it is; in \"double "
            "quotes\" \\n, \\t, \\r, \\xNN, \\\\ and \\\" mean what they do in C; elsewhere a "
            "backslash takes the next character as it is. # begins a comment.\n\n"
            "When standard input is no terminal, its lines are run, without all that. The exit "
            "status is that of the last command.\n\n"
            "Examples:\n"
            "  statectl -e tcp://127.0.0.1:7420 shell\n"
            "  statectl shell <commands.txt\n",
    .least_arguments = 0,
    .most_arguments = 0,
    .run = run,
};
