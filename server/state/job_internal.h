/* What the files of the job runner share. */
#ifndef STATED_STATE_JOB_INTERNAL_H
#define STATED_STATE_JOB_INTERNAL_H

#include "state/job.h"

#include <pthread.h>

struct job {
    struct job_runner *runner;
    uint64_t keep_ns;
    uint64_t started_ns;
    uint64_t ended_ns; /* 0: still running */
    uint64_t heard_ns; /* when somebody last asked about it */
    struct job_view view;
    bool has_begun;   /* the thread has it */
    bool is_unwanted; /* nobody will ask about it any more */
    int fd;           /* of a snapshot that is done; -1: none */
};

/* One mutex guards everything but the work itself. The visible job is `current`; the thread works
   on it, then keeps it until it is ended, and frees what it has begun: closing a large file that
   has no name any more takes time, which no call shall wait for. */
struct job_runner {
    struct store *store;
    char *snapshot_path; /* NULL: the store makes none */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    pthread_t thread;
    struct {
        bool has_thread;
        bool is_stopping;
        struct job *current; /* NULL: none */
    } guarded;
};

/* Whether the store can do jobs; a runner that is NULL cannot. */
bool job_runner_can(const struct job_runner *self);

/* The thread's function; argument: the runner. */
void *job_runner_work(void *argument);

/* Nobody will ask about the job any more. Under the mutex. */
void job_discard(struct job *job);

/* What a kind of job is called. */
const char *job_name(enum job_kind kind);

#endif
