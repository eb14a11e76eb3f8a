/* What statectl says when something does not work, and the exit codes it ends with. */
#ifndef STATED_STATECTL_ERRORS_H
#define STATED_STATECTL_ERRORS_H

#include "stated/status.h"

#include <stdbool.h>

enum {
    EXIT_DONE = 0,
    EXIT_NEGATIVE = 1, /* no such key, a guard did not hold, the order was broken, not serving */
    EXIT_USAGE = 2,    /* wrong command line, or a local file that cannot be used */
    EXIT_CALL = 64,    /* plus the status code of the call that failed */
    EXIT_SIGNAL = 128, /* plus the number of the signal: 130 interrupted, 141 closed pipe */
};

/* From now on what is said is one JSON object a line: {"error":{"message":...}}, with "code" and
   "retry_after_ms" for a call that failed, and "exit" where the exit code is known. Main thread,
   before other threads say something. */
void errors_as_json(bool wanted);

/* Prints "statectl: " and the message (printf style) as one line on standard error. Any thread. */
void error_say(const char *format, ...) STATED_PRINTF(1, 2);

/* The same; returns EXIT_USAGE. */
int error_usage(const char *format, ...) STATED_PRINTF(1, 2);

/* The same; returns EXIT_NEGATIVE. */
int error_negative(const char *format, ...) STATED_PRINTF(1, 2);

/* The same for a file; adds what errno says. Returns EXIT_USAGE. */
int error_file(const char *action, const char *path);

/* Says why a call failed, as its status does. Returns the exit code that stands for it. */
int error_call(const struct stated_status *status);

#endif
