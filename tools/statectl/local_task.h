/* What takes long and happens here, on files: with a progress bar, and ended by a signal. */
#ifndef STATED_STATECTL_LOCAL_TASK_H
#define STATED_STATECTL_LOCAL_TASK_H

#include "statectl/progress.h"

#include "state/store.h"
#include "stated/status.h"

struct local_task {
    struct store_task task; /* to hand on */
    struct progress progress;
    const char *what; /* it does, for the bar: "verifying"; static */
};

/* Defers signals: the first one ends the operation, which cleans up behind itself. The struct stays
   where it is. */
void local_task_init(struct local_task *self, const char *what);

/* Wipes the bar. EXIT_DONE when code is OK, else the exit code after saying why: EXIT_NEGATIVE for
   a finding (DATA_LOSS), that of the signal, EXIT_USAGE for a file that cannot be used. */
int local_task_conclude(struct local_task *self, enum stated_code code,
                        const struct stated_status *status) STATED_MUST_USE;

#endif
