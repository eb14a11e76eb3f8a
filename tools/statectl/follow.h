/* Following the change log with Watch: from a revision on, without a gap or a repeat, over lost
   connections, until somebody wants no more. */
#ifndef STATED_STATECTL_FOLLOW_H
#define STATED_STATECTL_FOLLOW_H

#include "statectl/ctl.h"

#include "stated/v1/state.pb-c.h"

#include <stdbool.h>
#include <stdint.h>

/* What follow_run gets from whoever handles an event to go on with the next one. */
#define FOLLOW_ON (-1)

/* The caller sets the first group, the rest zeroed. */
struct follow {
    const Stated__V1__Selector *select;
    uint64_t next_revision; /* where to begin, then where to go on; 0 = with what comes next */
    bool no_wait;           /* only what there is already; a lost connection is an error */
    bool needs_output;      /* when nobody reads standard output any more, all ends as by SIGPIPE */
    /* Called with each event, in order. FOLLOW_ON, or the exit code to end with. */
    int (*event)(void *argument, const Stated__V1__Event *event);
    void *argument;

    uint64_t handled; /* events */
    bool has_begun;   /* there was a reply */
    bool is_lost;     /* the connection, which has been said */
};

/* Follows: with no_wait to the newest revision, else until `event` or a signal (interrupt_defer)
   ends it. What it has printed by itself is flushed after each reply. Returns the exit code, after
   saying what went wrong: EXIT_DONE for no_wait, the signal's code, what `event` returned, or that
   of a failed call, as when retention has dropped what comes next. Main thread; connects. */
int follow_run(struct follow *self, struct ctl *ctl);

#endif
