/* Runs a program for an event of the change log, with the event in its environment. */
#ifndef STATED_STATECTL_EVENT_COMMAND_H
#define STATED_STATECTL_EVENT_COMMAND_H

#include "stated/v1/state.pb-c.h"

/* What every variable's name begins with. */
#define EVENT_COMMAND_PREFIX "STATECTL_EVENT_"

/* A larger value is not in the environment, which has no room for it: only on standard input. */
#define EVENT_COMMAND_MAX_BYTES ((size_t)64 << 10)

/* The program's environment: ours without such variables, and those of the event. A value that has
   a NUL in it, or is too large, is only there in base64, or not at all. NULL ends it; to free with
   event_command_free. */
char **event_command_environment(const Stated__V1__Event *event);
void event_command_free(char **environment);

/* Runs argv[0], looked for in PATH, and waits for its end; its standard input is the value, byte by
   byte, empty for a delete. EXIT_DONE when it ends with 0; else, after saying what it did,
   EXIT_NEGATIVE, or EXIT_USAGE when it cannot be run. */
int event_command_run(char *const argv[], const Stated__V1__Event *event);

#endif
