/* The commands of statectl. */
#ifndef STATED_STATECTL_COMMANDS_H
#define STATED_STATECTL_COMMANDS_H

#include "statectl/cli.h"

#include <stddef.h>

/* All of them, in the order of the help. A command is a file cmd_NAME.c and a line here; help,
   completion and the interactive mode know it from its description. */
#define COMMANDS(X)                                                                                \
    X(get)                                                                                         \
    X(put)                                                                                         \
    X(create)                                                                                      \
    X(cas)                                                                                         \
    X(txn)                                                                                         \
    X(del)                                                                                         \
    X(add)                                                                                         \
    X(ls)                                                                                          \
    X(watch)                                                                                       \
    X(history)                                                                                     \
    X(export)                                                                                      \
    X(import)                                                                                      \
    X(snapshot)                                                                                    \
    X(db)                                                                                          \
    X(status)                                                                                      \
    X(health)                                                                                      \
    X(ping)                                                                                        \
    X(queue)                                                                                       \
    X(poison)                                                                                      \
    X(rpc)                                                                                         \
    X(bench)                                                                                       \
    X(shell)                                                                                       \
    X(completion)                                                                                  \
    X(verify_order)                                                                                \
    X(version)

#define COMMAND_DECLARE(name) extern const struct command cmd_##name;
COMMANDS(COMMAND_DECLARE)
#undef COMMAND_DECLARE

/* The command with this index, in the order of the help; NULL behind the last. Static. */
const struct command *commands_at(size_t index);

/* The command of this name. NULL when there is none. Static. */
const struct command *commands_find(const char *name);

/* Says that there is no such command, and which one may have been meant. */
void commands_say_unknown(const char *name);

/* The list of commands with what goes with it, for the global help. To free. */
char *commands_help(void);

#endif
