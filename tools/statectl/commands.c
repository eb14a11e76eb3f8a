#include "statectl/commands.h"

#include "statectl/errors.h"
#include "statectl/memory.h"
#include "statectl/suggest.h"

#include <stdio.h>
#include <string.h>

static const struct command *const commands[] = {
#define COMMAND_ADDRESS(name) &cmd_##name,
    COMMANDS(COMMAND_ADDRESS)
#undef COMMAND_ADDRESS
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
    "Environment: STATECTL_ENDPOINT, STATECTL_OUTPUT, STATECTL_TIMEOUT and STATECTL_COLOR stand "
    "for the options of these names, which win. NO_COLOR turns colours off.\n"
    "\n"
    "Exit status: 0 done; 1 the answer is no (no such key, a guard did not hold, the order was "
    "broken, the server is not serving); 2 wrong usage, or a file that cannot be used; 64 + the "
    "status code of a call that failed (67 invalid argument, 68 deadline exceeded, 72 overloaded, "
    "73 failed precondition, 78 unavailable); 130 interrupted.\n";

const struct command *commands_at(size_t index)
{
    return index < N_COMMANDS ? commands[index] : NULL;
}

const struct command *commands_find(const char *name)
{
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (strcmp(name, commands[i]->name) == 0) {
            return commands[i];
        }
    }
    return NULL;
}

void commands_say_unknown(const char *name)
{
    const char *names[N_COMMANDS];
    for (size_t i = 0; i < N_COMMANDS; i++) {
        names[i] = commands[i]->name;
    }
    const char *similar = suggest(name, names, N_COMMANDS);
    if (similar != NULL) {
        error_say("unknown command '%s'; did you mean '%s'?", name, similar);
    } else {
        error_say("unknown command '%s'; statectl --help lists them", name);
    }
}

char *commands_help(void)
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
