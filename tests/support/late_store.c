#include "late_store.h"

#include "base/list.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

struct late_store {
    struct store store;
    struct store *inner;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct {
        struct list runs;
        bool stopping;
    } guarded;
};

struct store_run {
    struct late_store *owner;
    enum store_mode mode;
    struct store_op **ops;
    size_t n_ops;
    store_done done;
    void *argument;
    struct list_node node;
};

/* The inner engine's runs are of a type of its own that this file must not mix up with ours. */
static void carry_out(struct late_store *self, struct store_run *run)
{
    struct store_run *inner = self->inner->ops->begin(self->inner, run->mode);
    if (inner == NULL) {
        abort();
    }
    for (size_t i = 0; i < run->n_ops; i++) {
        self->inner->ops->apply(inner, run->ops[i]);
    }
    if (self->inner->ops->commit(inner, NULL, NULL) != STORE_COMPLETE) {
        abort();
    }
}

static void complete(struct store_run *run)
{
    store_done done = run->done;
    void *argument = run->argument;
    free(run->ops);
    free(run);
    done(argument);
}

static void *work(void *argument)
{
    struct late_store *self = argument;
    pthread_mutex_lock(&self->mutex);
    while (true) {
        struct list_node *node = list_pop_front(&self->guarded.runs);
        if (node != NULL) {
            pthread_mutex_unlock(&self->mutex);
            struct store_run *run = CONTAINER_OF(node, struct store_run, node);
            carry_out(self, run);
            complete(run);
            pthread_mutex_lock(&self->mutex);
        } else if (self->guarded.stopping) {
            break;
        } else {
            pthread_cond_wait(&self->changed, &self->mutex);
        }
    }
    pthread_mutex_unlock(&self->mutex);
    return NULL;
}

static struct store_run *begin(struct store *store, enum store_mode mode)
{
    struct store_run *run = calloc(1, sizeof(*run));
    if (run != NULL) {
        run->owner = CONTAINER_OF(store, struct late_store, store);
        run->mode = mode;
        list_node_init(&run->node);
    }
    return run;
}

static void apply(struct store_run *run, struct store_op *op)
{
    struct store_op **ops = realloc(run->ops, (run->n_ops + 1) * sizeof(struct store_op *));
    if (ops == NULL) {
        abort();
    }
    run->ops = ops;
    run->ops[run->n_ops++] = op;
}

static enum store_progress commit(struct store_run *run, store_done done, void *argument)
{
    struct late_store *self = run->owner;
    run->done = done;
    run->argument = argument;
    pthread_mutex_lock(&self->mutex);
    list_push_back(&self->guarded.runs, &run->node);
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->mutex);
    return STORE_PENDING;
}

static void read_status(struct store *store, struct store_status *status)
{
    struct late_store *self = CONTAINER_OF(store, struct late_store, store);
    self->inner->ops->read_status(self->inner, status);
}

static void close_store(struct store *store)
{
    struct late_store *self = CONTAINER_OF(store, struct late_store, store);
    pthread_mutex_lock(&self->mutex);
    self->guarded.stopping = true;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->mutex);
    pthread_join(self->thread, NULL);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->mutex);
    self->inner->ops->close(self->inner);
    free(self);
}

static const struct store_ops late_ops = {
    .begin = begin,
    .apply = apply,
    .commit = commit,
    .read_status = read_status,
    .close = close_store,
};

struct store *late_store_new(struct store *inner)
{
    struct late_store *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return NULL;
    }
    self->store.ops = &late_ops;
    self->inner = inner;
    pthread_mutex_init(&self->mutex, NULL);
    pthread_cond_init(&self->changed, NULL);
    list_init(&self->guarded.runs);
    if (pthread_create(&self->thread, NULL, work, self) != 0) {
        pthread_cond_destroy(&self->changed);
        pthread_mutex_destroy(&self->mutex);
        free(self);
        return NULL;
    }
    return &self->store;
}
