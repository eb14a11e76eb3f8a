#include "engine/lmdb_engine.h"

#include "base/clock.h"

#include <string.h>

static void sync_now(struct lmdb_store *self)
{
    if (lmdb_trouble_is_final(self)) {
        return;
    }
    int rc = mdb_env_sync(self->env, 1);
    if (rc != 0) {
        lmdb_trouble_fail(self, "syncing", rc);
    }
}

static struct timespec period_from_now(void)
{
    uint64_t at = clock_now_ns() + LMDB_FLUSHER_PERIOD_MS * CLOCK_NS_PER_MS;
    return (struct timespec){.tv_sec = (time_t)(at / CLOCK_NS_PER_S),
                             .tv_nsec = (long)(at % CLOCK_NS_PER_S)};
}

/* From the first commit that is owed: so a steady stream of commits does not put the sync off. */
static void wait_for_period(struct lmdb_flusher *flusher)
{
    struct timespec until = period_from_now();
    int rc = 0;
    while (!flusher->is_stopping && rc == 0) {
        rc = pthread_cond_timedwait(&flusher->changed, &flusher->mutex, &until);
    }
}

static void *run_thread(void *argument)
{
    struct lmdb_store *self = argument;
    struct lmdb_flusher *flusher = &self->flusher;
    pthread_mutex_lock(&flusher->mutex);
    while (!flusher->is_stopping || flusher->is_owed) {
        if (!flusher->is_owed) {
            pthread_cond_wait(&flusher->changed, &flusher->mutex);
            continue;
        }
        wait_for_period(flusher);
        flusher->is_owed = false;
        pthread_mutex_unlock(&flusher->mutex);
        sync_now(self);
        pthread_mutex_lock(&flusher->mutex);
    }
    pthread_mutex_unlock(&flusher->mutex);
    return NULL;
}

enum stated_code lmdb_flusher_start(struct lmdb_store *self, struct stated_status *status)
{
    struct lmdb_flusher *flusher = &self->flusher;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&flusher->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&flusher->mutex, NULL);
    int rc = pthread_create(&flusher->thread, NULL, run_thread, self);
    if (rc != 0) {
        pthread_mutex_destroy(&flusher->mutex);
        pthread_cond_destroy(&flusher->changed);
        return stated_status_set(status, STATED_RESOURCE_EXHAUSTED,
                                 "the thread that syncs the state does not start: %s",
                                 strerror(rc));
    }
    flusher->is_running = true;
    return STATED_OK;
}

void lmdb_flusher_owe(struct lmdb_flusher *self)
{
    pthread_mutex_lock(&self->mutex);
    if (!self->is_owed) {
        self->is_owed = true;
        pthread_cond_signal(&self->changed);
    }
    pthread_mutex_unlock(&self->mutex);
}

void lmdb_flusher_stop(struct lmdb_store *self)
{
    struct lmdb_flusher *flusher = &self->flusher;
    if (!flusher->is_running) {
        return;
    }
    pthread_mutex_lock(&flusher->mutex);
    flusher->is_stopping = true;
    pthread_cond_signal(&flusher->changed);
    pthread_mutex_unlock(&flusher->mutex);
    pthread_join(flusher->thread, NULL);
    pthread_mutex_destroy(&flusher->mutex);
    pthread_cond_destroy(&flusher->changed);
    flusher->is_running = false;
}
