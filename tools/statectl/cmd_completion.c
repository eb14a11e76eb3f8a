/* completion: prints what makes a shell complete statectl's command lines. */
#include "statectl/commands.h"
#include "statectl/completion_bash.h"
#include "statectl/completion_zsh.h"
#include "statectl/errors.h"

#include <string.h>

static int run(struct ctl *ctl, int argc, char **argv)
{
    struct cli_arguments arguments;
    if (!cli_parse(ctl, &cmd_completion, argc, argv, NULL, &arguments)) {
        return EXIT_USAGE;
    }
    const char *shell = arguments.at[0];
    if (strcmp(shell, "bash") == 0) {
        completion_bash_print();
    } else if (strcmp(shell, "zsh") == 0) {
        completion_zsh_print();
    } else {
        return error_usage("completion: '%s' is neither bash nor zsh", shell);
    }
    return EXIT_DONE;
}

const struct command cmd_completion = {
    .name = "completion",
    .arguments = "bash|zsh",
    .summary = "print what makes a shell complete command lines",
    .help = "Commands, options and their values, methods, files, and keys, which are asked of the "
            "server that the line is for: at most 200 of them, for at most a second.\n\n"
            "Examples:\n"
            "  source <(statectl completion bash)       # for this shell\n"
            "  statectl completion bash >~/.local/share/bash-completion/completions/statectl\n"
            "  statectl completion zsh >~/.zfunc/_statectl     # a directory of $fpath\n",
    .least_arguments = 1,
    .most_arguments = 1,
    .run = run,
};
