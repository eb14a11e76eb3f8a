/* statectl: the command line of stated. */
#include "statectl/commands.h"
#include "statectl/errors.h"
#include "statectl/interrupt.h"

#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* "statectl help put" is "statectl put --help". The index of what is to be run then. */
static int turn_help_around(struct ctl *ctl, int argc, char **argv, int at)
{
    static char help[] = "--help";
    if (at + 1 == argc) {
        argv[at] = help;
        return cli_parse_global(ctl, argc, argv, commands_help);
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
    int at = cli_parse_global(&ctl, argc, argv, commands_help);
    if (at >= 0 && at < argc && strcmp(argv[at], "help") == 0) {
        at = turn_help_around(&ctl, argc, argv, at);
    }
    if (at < 0) {
        return EXIT_USAGE;
    }
    static char shell[] = "shell";
    static char *alone[] = {shell, NULL};
    if (at == argc && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)) {
        argc = 1;
        argv = alone;
        at = 0;
    } else if (at == argc) {
        return error_usage("which command? statectl --help lists them");
    }
    const struct command *command = commands_find(argv[at]);
    if (command == NULL) {
        commands_say_unknown(argv[at]);
        return EXIT_USAGE;
    }
    code = command->run(&ctl, argc - at, argv + at);
    ctl_deinit(&ctl);
    return output_finish(code);
}
