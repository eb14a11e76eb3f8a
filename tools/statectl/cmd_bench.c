/* bench: runs stated-bench against the server that statectl calls. */
#include "statectl/commands.h"
#include "statectl/errors.h"
#include "statectl/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char program[] = "stated-bench";

enum { OWN_WORDS = 8 };

/* Runs it from where statectl is, or else from the PATH. Returns when it cannot be run. */
static void execute(char **words)
{
    char path[PATH_MAX + sizeof program];
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX);
    path[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(path, '/');
    if (slash != NULL) {
        strcpy(slash + 1, program);
        execv(path, words);
    }
    execvp(program, words);
}

static bool asks_for_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-?") == 0 || strcmp(word, "--usage") == 0;
}

static int run(struct ctl *ctl, int argc, char **argv)
{
    char endpoint[] = "-e";
    char timeout[] = "--timeout";
    char output[] = "-o";
    char json[] = "json";
    char ms[16];
    struct cli_arguments arguments;
    if (argc == 2 && asks_for_help(argv[1])) {
        return cli_parse(ctl, &cmd_bench, argc, argv, NULL, &arguments) ? EXIT_DONE : EXIT_USAGE;
    }
    char **words = memory_new((size_t)argc + OWN_WORDS, sizeof *words);
    size_t n = 0;
    words[n++] = program;
    words[n++] = endpoint;
    words[n++] = (char *)(uintptr_t)ctl->endpoint;
    snprintf(ms, sizeof ms, "%" PRIu32, ctl->timeout_ms);
    words[n++] = timeout;
    words[n++] = ms;
    if (ctl->format == OUTPUT_JSON || ctl->format == OUTPUT_JSONL) {
        words[n++] = output;
        words[n++] = json;
    }
    for (int i = 1; i < argc; i++) {
        if (i > 1 || strcmp(argv[i], "--") != 0) {
            words[n++] = argv[i];
        }
    }
    execute(words);
    int code = error_usage("cannot run %s, which is neither beside statectl nor on the PATH: %s",
                           program, strerror(errno));
    free(words);
    return code;
}

const struct command cmd_bench = {
    .name = "bench",
    .arguments = "[OPTION of stated-bench...]",
    .summary = "measure the server and check its order",
    .help = "Runs stated-bench with the endpoint, the timeout and, for -o json, the format that "
            "statectl would use; what comes behind bench is for it, and so is the exit status. "
            "It writes keys under bench/. Its own options: statectl bench -- --help.\n\n"
            "Examples:\n"
            "  statectl bench\n"
            "  statectl bench --connections 4 --in-flight 16 --read-percent 50\n"
            "  statectl -o json bench --duration 5 | jq .calls_per_s\n",
    .least_arguments = 0,
    .most_arguments = -1,
    .run = run,
};
