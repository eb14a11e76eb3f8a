/* statectl: the command line of stated. */
#include "statectl/commands.h"
#include "statectl/errors.h"
#include "statectl/interrupt.h"
#include "statectl/memory.h"
#include "statectl/suggest.h"

#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct command *const commands[] = {
    &cmd_get,   &cmd_put,    &cmd_create, &cmd_cas,          &cmd_del,     &cmd_add,
    &cmd_ls,    &cmd_export, &cmd_import, &cmd_status,       &cmd_health,  &cmd_ping,
    &cmd_queue, &cmd_poison, &cmd_rpc,    &cmd_verify_order, &cmd_version,
};

enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

static const char after_commands[] =
    "\n"
    "Examples:\n"
    "  statectl put greeting hello\n"
    "  statectl get greeting\n"
    "  statectl -e tcp://127.0.0.1:7420 -o json status\n"
    "  statectl COMMAND --help\n"
    "\n"
    "Environment: STATECTL_ENDPOINT, STATECTL_OUTPUT and STATECTL_TIMEOUT stand for the options of "
    "these names, which win. NO_COLOR turns colours off.\n"
    "\n"
    "Exit status: 0 done; 1 the answer is no (no such key, a guard did not hold, the order was "
    "broken, the server is not serving); 2 wrong usage, or a file that cannot be used; 64 + the "
    "status code of a call that failed (67 invalid argument, 68 deadline exceeded, 72 overloaded, "
    "73 failed precondition, 78 unavailable); 130 interrupted.\n";

/* The list of commands, for the global help. To free, as argp does. */
static char *list_commands(void)
{
    char *text = NULL;
    size_t size;
    FILE *out = memory_check(open_memstream(&text, &size));
    fputs("Commands:\n", out);
    for (size_t i = 0; i < N_COMMANDS; i++) {
        fprintf(out, "  %-13s %s\n", commands[i]->name, commands[i]->summary);
    }
    fputs(after_commands, out);
    memory_check(fclose(out) == 0 ? text : NULL);
    return text;
}

static const struct command *find_command(const char *name)
{
    const char *names[N_COMMANDS];
    for (size_t i = 0; i < N_COMMANDS; i++) {
        names[i] = commands[i]->name;
        if (strcmp(name, names[i]) == 0) {
            return commands[i];
        }
    }
    const char *similar = suggest(name, names, N_COMMANDS);
    if (similar != NULL) {
        error_say("unknown command '%s'; did you mean '%s'?", name, similar);
    } else {
        error_say("unknown command '%s'; statectl --help lists them", name);
    }
    return NULL;
}

/* "statectl help put" is "statectl put --help". The index of what is to be run then. */
static int turn_help_around(struct ctl *ctl, int argc, char **argv, int at)
{
    static char help[] = "--help";
    if (at + 1 == argc) {
        argv[at] = help;
        return cli_parse_global(ctl, argc, argv, list_commands);
    }
    argv[at] = argv[at + 1];
    argv[at + 1] = help;
    return at;
}

/* Files that are opened later shall not be taken for a standard stream that is closed. */
static void occupy_standard_streams(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO) {
        close(fd);
    }
}

int main(int argc, char **argv)
{
    struct ctl ctl;

    argp_program_version = "statectl " STATED_VERSION;
    occupy_standard_streams();
    setlocale(LC_CTYPE, "C.UTF-8"); /* what wcwidth goes by; all else stays as it is */
    interrupt_init();
    int code = ctl_init(&ctl);
    if (code != EXIT_DONE) {
        return code;
    }
    int at = cli_parse_global(&ctl, argc, argv, list_commands);
    if (at >= 0 && at < argc && strcmp(argv[at], "help") == 0) {
        at = turn_help_around(&ctl, argc, argv, at);
    }
    if (at < 0) {
        return EXIT_USAGE;
    }
    if (at == argc) {
        return error_usage("which command? statectl --help lists them");
    }
    const struct command *command = find_command(argv[at]);
    if (command == NULL) {
        return EXIT_USAGE;
    }
    code = command->run(&ctl, argc - at, argv + at);
    ctl_deinit(&ctl);
    return output_finish(code);
}
