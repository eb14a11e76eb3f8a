/* One mutex guards what waits. Waking costs more than most reads, so a worker is woken only when
   there is more than those already on their way (woken, or about to look) will take at once. */
#include "sched/pool.h"

#include "base/monotonic.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* Light reads that one worker takes at once: fewer are not worth waking another one, and more would
   keep the first one's reply waiting for the last one's read. A heavy read goes alone. */
#define SLICE_MIN 8
#define SLICE_MAX 64

struct pool {
    void (*execute)(void *context, struct gate_run *run);
    void *context;
    pthread_mutex_t mutex;
    pthread_cond_t work;  /* signalled once per `woken` */
    pthread_cond_t quiet; /* all workers sleep, when somebody waits for that */
    struct {
        struct list exclusive; /* entries of the one exclusive run; empty when there is none */
        uint32_t n_exclusive;
        struct list reads; /* granted or bypassing, first come first served */
        uint32_t n_light;
        uint32_t n_heavy;
        uint32_t sleeping;
        uint32_t woken; /* of those sleeping, called to work */
        uint32_t waiting_for_quiet;
        bool stopping;
    } guarded;
    atomic_uint waiting_calls; /* n_light + n_heavy, for readers without the mutex */
    uint32_t n_workers;
    pthread_t workers[];
};

static _Thread_local const struct pool *worker_of;

static bool has_work(const struct pool *self)
{
    return self->guarded.n_exclusive + self->guarded.n_light + self->guarded.n_heavy > 0;
}

/* How many workers could be busy with what waits. */
static uint32_t useful_workers(const struct pool *self)
{
    return (self->guarded.n_exclusive > 0) + self->guarded.n_heavy +
           (self->guarded.n_light + SLICE_MIN - 1) / SLICE_MIN;
}

static void wake_if_useful(struct pool *self, uint32_t coming)
{
    if (self->guarded.sleeping > self->guarded.woken &&
        useful_workers(self) > self->guarded.woken + coming) {
        self->guarded.woken++;
        pthread_cond_signal(&self->work);
    }
}

static void count_reads(struct pool *self, const struct gate_entry *entry, uint32_t change)
{
    if (entry->light) {
        self->guarded.n_light += change;
    } else {
        self->guarded.n_heavy += change;
    }
}

static void publish_waiting(struct pool *self)
{
    atomic_store_explicit(&self->waiting_calls, self->guarded.n_light + self->guarded.n_heavy,
                          memory_order_relaxed);
}

void pool_put(struct pool *self, struct gate_run *batch, bool taken_soon)
{
    pthread_mutex_lock(&self->mutex);
    if (batch->kind == GATE_RUN_EXCLUSIVE) {
        list_take(&self->guarded.exclusive, &batch->entries);
        self->guarded.n_exclusive = batch->count;
    } else {
        for (struct list_node *node = list_pop_front(&batch->entries); node != NULL;
             node = list_pop_front(&batch->entries)) {
            list_push_back(&self->guarded.reads, node);
            count_reads(self, gate_entry_of(node), 1);
        }
        publish_waiting(self);
    }
    batch->count = 0;
    wake_if_useful(self, taken_soon);
    pthread_mutex_unlock(&self->mutex);
}

static enum gate_run_kind kind_of(const struct gate_entry *entry)
{
    return entry->access == GATE_BYPASS ? GATE_RUN_BYPASS : GATE_RUN_SHARED;
}

static struct gate_run *take_exclusive(struct pool *self)
{
    struct gate_run *run = &gate_entry_of(list_first(&self->guarded.exclusive))->run;
    gate_run_init(run, GATE_RUN_EXCLUSIVE);
    run->count = self->guarded.n_exclusive;
    list_take(&run->entries, &self->guarded.exclusive);
    self->guarded.n_exclusive = 0;
    return run;
}

static uint32_t slice_size(const struct pool *self)
{
    uint32_t fair = self->guarded.n_light / self->n_workers;
    return fair < SLICE_MIN ? SLICE_MIN : fair > SLICE_MAX ? SLICE_MAX : fair;
}

/* A heavy read, or light ones of one kind up to the slice's size. */
static struct gate_run *take_reads(struct pool *self)
{
    struct gate_entry *first = gate_entry_of(list_first(&self->guarded.reads));
    uint32_t most = first->light ? slice_size(self) : 1;
    struct gate_run *run = &first->run;
    gate_run_init(run, kind_of(first));
    for (struct list_node *node = &first->node; node != NULL && run->count < most;
         node = list_first(&self->guarded.reads)) {
        struct gate_entry *entry = gate_entry_of(node);
        if (entry->light != first->light || kind_of(entry) != run->kind) {
            break;
        }
        list_remove(node);
        count_reads(self, entry, (uint32_t)-1);
        gate_run_add(run, entry);
    }
    publish_waiting(self);
    return run;
}

/* Sleeps until called; the mutex is held. */
static void sleep_until_woken(struct pool *self)
{
    self->guarded.sleeping++;
    if (self->guarded.sleeping == self->n_workers && self->guarded.waiting_for_quiet > 0) {
        pthread_cond_broadcast(&self->quiet);
    }
    while (self->guarded.woken == 0 && !self->guarded.stopping) {
        pthread_cond_wait(&self->work, &self->mutex);
    }
    if (self->guarded.woken > 0) {
        self->guarded.woken--;
    }
    self->guarded.sleeping--;
}

/* NULL when the pool stops. */
static struct gate_run *next_run(struct pool *self)
{
    struct gate_run *run = NULL;
    pthread_mutex_lock(&self->mutex);
    while (!has_work(self) && !self->guarded.stopping) {
        sleep_until_woken(self);
    }
    if (has_work(self)) {
        run = self->guarded.n_exclusive > 0 ? take_exclusive(self) : take_reads(self);
        wake_if_useful(self, 0);
    }
    pthread_mutex_unlock(&self->mutex);
    return run;
}

static void *work(void *argument)
{
    struct pool *self = argument;
    worker_of = self;
    for (struct gate_run *run = next_run(self); run != NULL; run = next_run(self)) {
        self->execute(self->context, run);
    }
    return NULL;
}

static void stop_and_join(struct pool *self)
{
    pthread_mutex_lock(&self->mutex);
    self->guarded.stopping = true;
    pthread_cond_broadcast(&self->work);
    pthread_mutex_unlock(&self->mutex);
    for (uint32_t i = 0; i < self->n_workers; i++) {
        pthread_join(self->workers[i], NULL);
    }
}

/* Under the mutex, so that no worker goes by a number that still changes. */
static enum stated_code start_workers(struct pool *self, uint32_t workers)
{
    enum stated_code code = STATED_OK;
    pthread_mutex_lock(&self->mutex);
    while (code == STATED_OK && self->n_workers < workers) {
        if (pthread_create(&self->workers[self->n_workers], NULL, work, self) == 0) {
            self->n_workers++;
        } else {
            code = STATED_RESOURCE_EXHAUSTED;
        }
    }
    pthread_mutex_unlock(&self->mutex);
    return code;
}

static enum stated_code init_sync(struct pool *self)
{
    if (pthread_mutex_init(&self->mutex, NULL) != 0) {
        goto no_mutex;
    }
    if (pthread_cond_init(&self->work, NULL) != 0) {
        goto no_work;
    }
    if (monotonic_cond_init(&self->quiet) != 0) {
        goto no_quiet;
    }
    return STATED_OK;

no_quiet:
    pthread_cond_destroy(&self->work);
no_work:
    pthread_mutex_destroy(&self->mutex);
no_mutex:
    return STATED_RESOURCE_EXHAUSTED;
}

enum stated_code pool_new(uint32_t workers, void (*execute)(void *context, struct gate_run *run),
                          void *context, struct pool **pool)
{
    *pool = NULL;
    struct pool *self = calloc(1, sizeof(*self) + workers * sizeof(self->workers[0]));
    if (self == NULL) {
        return STATED_RESOURCE_EXHAUSTED;
    }
    self->execute = execute;
    self->context = context;
    list_init(&self->guarded.exclusive);
    list_init(&self->guarded.reads);
    if (init_sync(self) != STATED_OK) {
        free(self);
        return STATED_RESOURCE_EXHAUSTED;
    }
    if (start_workers(self, workers) != STATED_OK) {
        pool_free(self);
        return STATED_RESOURCE_EXHAUSTED;
    }
    *pool = self;
    return STATED_OK;
}

bool pool_is_worker(const struct pool *self)
{
    return worker_of == self;
}

uint32_t pool_waiting_calls(const struct pool *self)
{
    return atomic_load_explicit(&self->waiting_calls, memory_order_relaxed);
}

bool pool_wait_idle(struct pool *self, uint64_t deadline_ns)
{
    pthread_mutex_lock(&self->mutex);
    self->guarded.waiting_for_quiet++;
    bool in_time = true;
    while (in_time && (self->guarded.sleeping < self->n_workers || has_work(self))) {
        in_time = monotonic_cond_wait(&self->quiet, &self->mutex, deadline_ns);
    }
    bool idle = self->guarded.sleeping == self->n_workers && !has_work(self);
    self->guarded.waiting_for_quiet--;
    pthread_mutex_unlock(&self->mutex);
    return idle;
}

void pool_free(struct pool *self)
{
    if (self == NULL) {
        return;
    }
    stop_and_join(self);
    pthread_cond_destroy(&self->quiet);
    pthread_cond_destroy(&self->work);
    pthread_mutex_destroy(&self->mutex);
    free(self);
}
