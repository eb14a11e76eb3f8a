/* What takes long and is nobody's call: snapshots and checks, one at a time, on a thread of its
   own.

   A job is started, asked about and ended by calls that never wait. Nobody waits for it in a
   thread: who wants to know asks again. A job that nobody asks about is over after a while. */
#ifndef STATED_STATE_JOB_H
#define STATED_STATE_JOB_H

#include "state/store.h"

#include "stated/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum job_kind { JOB_SNAPSHOT, JOB_CHECK };

enum job_state { JOB_RUNNING, JOB_DONE, JOB_FAILED };

/* How a job stands. */
struct job_view {
    uint64_t id;
    enum job_kind kind;
    enum job_state state;
    unsigned permille;
    uint64_t elapsed_ms;
    struct store_contents contents; /* when done */
    struct stated_status failure;   /* when failed */
};

/* Opaque; one per server. */
struct job_runner;

/* A runner for the store, which outlives it; removes what a snapshot that was cut short by a crash
   has left. OK, or RESOURCE_EXHAUSTED and *runner is NULL. */
enum stated_code job_runner_new(struct store *store, struct job_runner **runner) STATED_MUST_USE;

/* In all that follows, a runner that is NULL is one that can do nothing and has no job.

   Starts a job, or finds the running one with this id and kind. UNIMPLEMENTED when the store cannot
   do it; RESOURCE_EXHAUSTED while there is another one, or no room on disk; UNAVAILABLE when the
   runner stops. Any thread, does not wait, as all that follows. */
enum stated_code job_start(struct job_runner *self, enum job_kind kind, uint64_t id,
                           uint32_t keep_ms, struct job_view *view,
                           struct stated_status *status) STATED_MUST_USE;

/* How the job stands; it is kept on. NOT_FOUND when there is none with this id any more. */
enum stated_code job_look(struct job_runner *self, uint64_t id, struct job_view *view,
                          struct stated_status *status) STATED_MUST_USE;

/* Reads from the snapshot that the job has made, at most size bytes; *n of them are there. It is
   kept on. NOT_FOUND as above; FAILED_PRECONDITION when it is not done, or no snapshot;
   OUT_OF_RANGE behind its end; RESOURCE_EXHAUSTED or UNAVAILABLE when it cannot be read. Blocks on
   disk. */
enum stated_code job_read(struct job_runner *self, uint64_t id, uint64_t offset, void *bytes,
                          size_t size, size_t *n, struct stated_status *status) STATED_MUST_USE;

/* Ends the job with this id, if there is one, and removes what it made. */
void job_end(struct job_runner *self, uint64_t id);

/* Asks the job there is to end, and takes no more. Returns at once. */
void job_runner_stop(struct job_runner *self);

/* Stops, waits for the thread, and frees. */
void job_runner_free(struct job_runner *self);

#endif
