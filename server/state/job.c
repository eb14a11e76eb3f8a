/* The runner and its thread. */
#include "state/job_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/monotonic.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char snapshot_name[] = "snapshot.tmp";

bool job_runner_can(const struct job_runner *self)
{
    return self != NULL && (self->store->ops->capabilities & STORE_CAN_SNAPSHOT) != 0;
}

enum stated_code job_runner_new(struct store *store, struct job_runner **runner)
{
    struct store_status status;
    struct job_runner *self = calloc(1, sizeof(*self));
    *runner = NULL;
    if (self == NULL) {
        return STATED_RESOURCE_EXHAUSTED;
    }
    self->store = store;
    if (job_runner_can(self)) {
        store->ops->read_status(store, &status);
        if (asprintf(&self->snapshot_path, "%s/%s", status.directory, snapshot_name) < 0) {
            free(self);
            return STATED_RESOURCE_EXHAUSTED;
        }
        (void)unlink(self->snapshot_path);
    }
    if (monotonic_cond_init(&self->changed) != 0) {
        free(self->snapshot_path);
        free(self);
        return STATED_RESOURCE_EXHAUSTED;
    }
    pthread_mutex_init(&self->mutex, NULL);
    *runner = self;
    return STATED_OK;
}

/* ---- the thread */

/* Under the mutex. */
void job_discard(struct job *job)
{
    job->is_unwanted = true;
    if (job->runner->guarded.current == job) {
        job->runner->guarded.current = NULL;
    }
}

static bool go_on(void *argument, unsigned permille)
{
    struct job *job = argument;
    struct job_runner *self = job->runner;
    pthread_mutex_lock(&self->mutex);
    job->view.permille = permille;
    if (clock_now_ns() > job->heard_ns + job->keep_ns) {
        job_discard(job);
    }
    bool goes_on = !job->is_unwanted && !self->guarded.is_stopping;
    pthread_mutex_unlock(&self->mutex);
    return goes_on;
}

/* The finished snapshot without a name: whatever happens, nothing of it is left behind. */
static enum stated_code take_file(struct job_runner *self, int *fd, struct stated_status *status)
{
    *fd = open(self->snapshot_path, O_RDONLY | O_CLOEXEC);
    int error = errno;
    (void)unlink(self->snapshot_path);
    return *fd >= 0 ? STATED_OK
                    : stated_status_set(status, STATED_UNAVAILABLE, "%s: %s", self->snapshot_path,
                                        strerror(error));
}

static enum stated_code do_job(struct job_runner *self, struct job *job, int *fd,
                               struct store_contents *contents, struct stated_status *status)
{
    const struct store_ops *ops = self->store->ops;
    const struct store_task task = {.go_on = go_on, .argument = job};
    if (job->view.kind == JOB_CHECK) {
        return ops->check(self->store, &task, contents, status);
    }
    (void)unlink(self->snapshot_path);
    enum stated_code code =
        ops->snapshot(self->store, self->snapshot_path, &task, contents, status);
    return code == STATED_OK ? take_file(self, fd, status) : code;
}

const char *job_name(enum job_kind kind)
{
    return kind == JOB_SNAPSHOT ? "snapshot" : "check";
}

static void log_end(const struct job *job, enum stated_code code,
                    const struct store_contents *contents, const struct stated_status *status)
{
    const char *name = job_name(job->view.kind);
    if (code == STATED_OK) {
        log_info("%s of revision %llu done: %llu keys, %llu bytes", name,
                 (unsigned long long)contents->revision, (unsigned long long)contents->keys,
                 (unsigned long long)contents->file_bytes);
    } else if (code == STATED_CANCELLED) {
        log_info("%s ended early", name);
    } else {
        log_error("%s failed: %s", name, status->message);
    }
}

/* Keeps what the job has come to until nobody wants it any more. Under the mutex. */
static void keep(struct job_runner *self, struct job *job)
{
    while (!job->is_unwanted && !self->guarded.is_stopping) {
        uint64_t until_ns = job->heard_ns + job->keep_ns;
        if (clock_now_ns() >= until_ns) {
            job_discard(job);
        } else {
            (void)monotonic_cond_wait(&self->changed, &self->mutex, until_ns);
        }
    }
    job_discard(job);
}

/* Under the mutex, but while it works. */
static void run_job(struct job_runner *self, struct job *job)
{
    struct store_contents contents = {0};
    struct stated_status status = {.code = STATED_OK, .message = ""};
    int fd = -1;
    job->has_begun = true;
    pthread_mutex_unlock(&self->mutex);
    enum stated_code code = do_job(self, job, &fd, &contents, &status);
    log_end(job, code, &contents, &status);
    pthread_mutex_lock(&self->mutex);
    job->fd = fd;
    job->ended_ns = clock_now_ns();
    job->heard_ns = job->ended_ns;
    job->view.contents = contents;
    job->view.failure = status;
    job->view.failure.code = code;
    job->view.permille = code == STATED_OK ? 1000 : job->view.permille;
    job->view.state = code == STATED_OK ? JOB_DONE : JOB_FAILED;
    keep(self, job);
    pthread_mutex_unlock(&self->mutex);
    if (job->fd >= 0) {
        (void)close(job->fd);
    }
    free(job);
    pthread_mutex_lock(&self->mutex);
}

void *job_runner_work(void *argument)
{
    struct job_runner *self = argument;
    pthread_mutex_lock(&self->mutex);
    while (!self->guarded.is_stopping) {
        if (self->guarded.current != NULL) {
            run_job(self, self->guarded.current);
        } else {
            (void)monotonic_cond_wait(&self->changed, &self->mutex, UINT64_MAX);
        }
    }
    pthread_mutex_unlock(&self->mutex);
    return NULL;
}

/* ---- its life */

void job_runner_stop(struct job_runner *self)
{
    if (self != NULL) {
        pthread_mutex_lock(&self->mutex);
        self->guarded.is_stopping = true;
        pthread_cond_signal(&self->changed);
        pthread_mutex_unlock(&self->mutex);
    }
}

void job_runner_free(struct job_runner *self)
{
    if (self == NULL) {
        return;
    }
    job_runner_stop(self);
    if (self->guarded.has_thread) {
        pthread_join(self->thread, NULL);
    }
    free(self->guarded.current);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->mutex);
    free(self->snapshot_path);
    free(self);
}
