/* What calls do with jobs; none of them waits for the thread. */
#include "state/job_internal.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* A snapshot is refused when this share of it more would not fit the disk, or so many bytes. */
#define SPARE_SHARE 8
#define SPARE_BYTES ((uint64_t)1 << 20)

/* Before the disk is full of a snapshot that will not fit, and writers have none. */
static enum stated_code check_room(const struct job_runner *self, struct stated_status *status)
{
    struct store_status store;
    struct statvfs disk;
    self->store->ops->read_status(self->store, &store);
    uint64_t needed = store.live_bytes + store.live_bytes / SPARE_SHARE + SPARE_BYTES;
    if (statvfs(store.directory, &disk) != 0 || (uint64_t)disk.f_bavail * disk.f_frsize >= needed) {
        return STATED_OK;
    }
    return stated_status_set(status, STATED_RESOURCE_EXHAUSTED,
                             "a snapshot needs about %llu bytes in %s, where %llu are left; free "
                             "disk space",
                             (unsigned long long)needed, store.directory,
                             (unsigned long long)disk.f_bavail * disk.f_frsize);
}

/* Under the mutex. */
static void show(const struct job *job, struct job_view *view)
{
    uint64_t now_ns = job->ended_ns != 0 ? job->ended_ns : clock_now_ns();
    *view = job->view;
    view->elapsed_ms = (now_ns - job->started_ns) / CLOCK_NS_PER_MS;
}

static enum stated_code refuse_unknown(uint64_t id, struct stated_status *status)
{
    return stated_status_set(
        status, STATED_NOT_FOUND,
        "there is no job %016llx: it was ended, nobody asked about it in time, "
        "or the server has started again",
        (unsigned long long)id);
}

/* The job with this id, which is kept on; NULL after saying that there is none. Under the mutex. */
static struct job *find(struct job_runner *self, uint64_t id, struct stated_status *status)
{
    struct job *job = self->guarded.current;
    if (job != NULL && job->view.id == id) {
        job->heard_ns = clock_now_ns();
        return job;
    }
    (void)refuse_unknown(id, status);
    return NULL;
}

static enum stated_code refuse_busy(const struct job *job, struct stated_status *status)
{
    struct job_view view;
    show(job, &view);
    enum stated_code code = stated_status_set(
        status, STATED_RESOURCE_EXHAUSTED,
        "a %s is under way, %u%% after %llu s, and there is one job at a time; try again later",
        job_name(view.kind), view.permille / 10, (unsigned long long)view.elapsed_ms / 1000);
    return code;
}

/* Under the mutex. */
static enum stated_code add(struct job_runner *self, struct job *job, struct stated_status *status)
{
    struct job *current = self->guarded.current;
    if (self->guarded.is_stopping) {
        return stated_status_set(status, STATED_UNAVAILABLE, "the server is stopping");
    }
    if (current != NULL) {
        return refuse_busy(current, status);
    }
    if (!self->guarded.has_thread) {
        self->guarded.has_thread = pthread_create(&self->thread, NULL, job_runner_work, self) == 0;
    }
    if (!self->guarded.has_thread) {
        return stated_status_set(status, STATED_RESOURCE_EXHAUSTED, "no thread for the job");
    }
    self->guarded.current = job;
    pthread_cond_signal(&self->changed);
    return STATED_OK;
}

static struct job *new_job(struct job_runner *self, enum job_kind kind, uint64_t id,
                           uint32_t keep_ms)
{
    struct job *job = calloc(1, sizeof(*job));
    if (job != NULL) {
        uint64_t now_ns = clock_now_ns();
        *job = (struct job){.runner = self,
                            .keep_ns = keep_ms * CLOCK_NS_PER_MS,
                            .started_ns = now_ns,
                            .heard_ns = now_ns,
                            .view = {.id = id, .kind = kind},
                            .fd = -1};
    }
    return job;
}

static bool is_started(struct job_runner *self, enum job_kind kind, uint64_t id,
                       struct job_view *view)
{
    pthread_mutex_lock(&self->mutex);
    struct job *current = self->guarded.current;
    bool is_same = current != NULL && current->view.id == id && current->view.kind == kind;
    if (is_same) {
        current->heard_ns = clock_now_ns();
        show(current, view);
    }
    pthread_mutex_unlock(&self->mutex);
    return is_same;
}

enum stated_code job_start(struct job_runner *self, enum job_kind kind, uint64_t id,
                           uint32_t keep_ms, struct job_view *view, struct stated_status *status)
{
    if (!job_runner_can(self)) {
        return stated_status_set(status, STATED_UNIMPLEMENTED,
                                 "the state of this server can be neither copied nor checked");
    }
    if (is_started(self, kind, id, view)) {
        return STATED_OK;
    }
    enum stated_code code = kind == JOB_SNAPSHOT ? check_room(self, status) : STATED_OK;
    if (code != STATED_OK) {
        return code;
    }
    struct job *job = new_job(self, kind, id, keep_ms);
    if (job == NULL) {
        return stated_status_set(status, STATED_RESOURCE_EXHAUSTED, "out of memory for the job");
    }
    pthread_mutex_lock(&self->mutex);
    code = add(self, job, status);
    if (code == STATED_OK) {
        show(job, view);
    }
    pthread_mutex_unlock(&self->mutex);
    if (code != STATED_OK) {
        free(job);
    }
    return code;
}

enum stated_code job_look(struct job_runner *self, uint64_t id, struct job_view *view,
                          struct stated_status *status)
{
    if (self == NULL) {
        return refuse_unknown(id, status);
    }
    pthread_mutex_lock(&self->mutex);
    struct job *job = find(self, id, status);
    if (job != NULL) {
        show(job, view);
    }
    pthread_mutex_unlock(&self->mutex);
    return job != NULL ? STATED_OK : STATED_NOT_FOUND;
}

/* A descriptor of the job's file for the caller to close. */
static enum stated_code share_file(struct job_runner *self, uint64_t id, int *fd,
                                   struct stated_status *status)
{
    enum stated_code code = STATED_OK;
    pthread_mutex_lock(&self->mutex);
    struct job *job = find(self, id, status);
    *fd = -1;
    if (job == NULL) {
        code = STATED_NOT_FOUND;
    } else if (job->fd < 0) {
        code = stated_status_set(status, STATED_FAILED_PRECONDITION,
                                 "the job has made no snapshot yet; ask about it until it is done");
    } else {
        *fd = fcntl(job->fd, F_DUPFD_CLOEXEC, 0);
        code = *fd >= 0 ? STATED_OK
                        : stated_status_set(status, STATED_RESOURCE_EXHAUSTED,
                                            "no descriptor for the snapshot: %s", strerror(errno));
    }
    pthread_mutex_unlock(&self->mutex);
    return code;
}

enum stated_code job_read(struct job_runner *self, uint64_t id, uint64_t offset, void *bytes,
                          size_t size, size_t *n, struct stated_status *status)
{
    int fd = -1;
    *n = 0;
    enum stated_code code =
        self != NULL ? share_file(self, id, &fd, status) : refuse_unknown(id, status);
    if (code != STATED_OK) {
        return code;
    }
    ssize_t got = offset <= INT64_MAX ? pread(fd, bytes, size, (off_t)offset) : 0;
    int error = errno;
    (void)close(fd);
    if (got < 0) {
        return stated_status_set(status, STATED_UNAVAILABLE, "reading the snapshot: %s",
                                 strerror(error));
    }
    if (got == 0) {
        return stated_status_set(status, STATED_OUT_OF_RANGE, "the snapshot ends before byte %llu",
                                 (unsigned long long)offset);
    }
    *n = (size_t)got;
    return STATED_OK;
}

void job_end(struct job_runner *self, uint64_t id)
{
    if (self == NULL) {
        return;
    }
    struct job *never_begun = NULL;
    pthread_mutex_lock(&self->mutex);
    struct job *job = self->guarded.current;
    if (job != NULL && job->view.id == id) {
        job_discard(job);
        pthread_cond_signal(&self->changed);
        never_begun = job->has_begun ? NULL : job; /* the thread will not see it any more */
    }
    pthread_mutex_unlock(&self->mutex);
    free(never_begun);
}
