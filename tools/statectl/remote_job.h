/* A job of the server: started, followed with a progress bar until it is done, and ended. */
#ifndef STATED_STATECTL_REMOTE_JOB_H
#define STATED_STATECTL_REMOTE_JOB_H

#include "statectl/ctl.h"
#include "statectl/progress.h"

#include "stated/v1/admin.pb-c.h"

#include <stdbool.h>
#include <stdint.h>

struct remote_job {
    struct ctl *ctl;
    uint64_t id;
    const char *what;         /* it does, for the bar: "copying"; static */
    Stated__V1__Job *job;     /* as the server last showed it; NULL before it has */
    ProtobufCMessage *answer; /* that job is in */
    struct progress progress;
};

/* Starts it and waits until it is over. EXIT_DONE: self->job is done and has its contents, or it
   has failed. Else the exit code after saying why: a call failed, or a signal asked to stop; then
   the job has been ended. Signals have been deferred. Blocks. */
int remote_job_run(struct remote_job *self, struct ctl *ctl, Stated__V1__Job__Kind kind,
                   const char *what) STATED_MUST_USE;

/* Says why it failed; the exit code. */
int remote_job_fail(const struct remote_job *self);

/* Ends it, whatever it has come to: the server removes what it made. Wipes the bar. */
void remote_job_end(struct remote_job *self);

#endif
