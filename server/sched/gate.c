#include "sched/gate_internal.h"

#include "base/monotonic.h"

#include <assert.h>
#include <stdlib.h>

/* A worker with more replies than this to send does not keep the next run waiting for it. */
#define BATON_REPLIES_MAX 8
#define WORKERS_MAX 1024

static uint64_t later_of(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static bool is_idle(const struct gate *self)
{
    return self->guarded.lock.queued_calls == 0 && self->guarded.lock.running == 0 &&
           self->guarded.bypassing == 0 && !self->guarded.timer_acting &&
           !self->guarded.recovery_due;
}

void gate_note_idle(struct gate *self)
{
    if (self->guarded.waiting_for_idle > 0 && is_idle(self)) {
        pthread_cond_broadcast(&self->idle);
    }
    if (gate_may_recover(self)) {
        pthread_cond_signal(&self->timer_wake);
    }
}

static void leave_queue(struct gate *self, struct gate_entry *entry)
{
    list_remove(&entry->side_node);
    deadline_remove(&self->guarded.deadlines, entry);
}

static void settle_granted(struct gate *self, struct gate_run *granted, uint64_t now_ns)
{
    const struct gate_entry *waited = NULL;
    for (struct list_node *node = list_first(&granted->entries); node != NULL;
         node = list_after(&granted->entries, node)) {
        struct gate_entry *entry = gate_entry_of(node);
        entry->granted_ns = later_of(now_ns, entry->admitted_ns);
        if (list_node_is_linked(&entry->timer_node)) {
            leave_queue(self, entry);
            waited = entry;
        }
        list_push_back(&self->guarded.granted, &entry->side_node);
    }
    if (waited != NULL) {
        estimate_learn(&self->guarded.estimate, waited->queued_ahead,
                       waited->granted_ns - waited->admitted_ns, now_ns);
    }
}

static void settle_dropped(struct gate *self, struct list *dropped)
{
    for (struct list_node *node = list_first(dropped); node != NULL;
         node = list_after(dropped, node)) {
        struct gate_entry *entry = gate_entry_of(node);
        leave_queue(self, entry);
        gate_count_out(entry->party);
        self->guarded.expired += entry->reason == GATE_REASON_EXPIRED;
        self->guarded.cancelled += entry->reason == GATE_REASON_CANCELLED;
    }
}

void gate_settle(struct gate *self, struct rwlock_step *step, uint64_t now_ns)
{
    settle_granted(self, &step->granted, now_ns);
    settle_dropped(self, &step->dropped);
    gate_note_idle(self);
}

void gate_answer_dropped(struct gate_upcalls up, struct list *dropped)
{
    for (struct list_node *node = list_pop_front(dropped); node != NULL;
         node = list_pop_front(dropped)) {
        up.ops->dropped(up.context, gate_entry_of(node));
    }
}

void gate_act(struct gate *self, struct gate_upcalls up, struct rwlock_step *step)
{
    if (step->granted.count > 0) {
        pool_put(self->pool, &step->granted, false);
    }
    gate_answer_dropped(up, &step->dropped);
}

static void record_times(struct gate *self, const struct gate_entry *entry)
{
    struct gate_times *times = &self->guarded.times[entry->access];
    latency_record(&times->wait, entry->granted_ns - entry->admitted_ns);
    latency_record(&times->hold, entry->finished_ns - entry->granted_ns);
}

/* By the run's last call: what was ahead of that one has been answered in its time. */
static void learn_answer(struct gate *self, const struct gate_run *run, uint64_t now_ns)
{
    const struct gate_entry *last = gate_entry_of(run->entries.head.prev);
    if (last->queued_ahead > 0) {
        estimate_learn(&self->guarded.answer, last->queued_ahead, now_ns - last->admitted_ns,
                       now_ns);
    }
}

/* What a run's end means for its entries; they are their callers' again after this. */
static void release_entries(struct gate *self, struct gate_run *run, uint64_t now_ns)
{
    learn_answer(self, run, later_of(now_ns, gate_entry_of(run->entries.head.prev)->granted_ns));
    for (struct list_node *node = list_first(&run->entries); node != NULL;
         node = list_after(&run->entries, node)) {
        struct gate_entry *entry = gate_entry_of(node);
        entry->finished_ns = later_of(now_ns, entry->granted_ns);
        gate_count_out(entry->party);
        list_remove(&entry->side_node);
        record_times(self, entry);
    }
}

struct list_node *gate_extend(struct gate *self, struct gate_run *run)
{
    struct rwlock_step step;
    rwlock_step_init(&step);
    uint64_t bytes = 0;
    for (struct list_node *node = list_first(&run->entries); node != NULL;
         node = list_after(&run->entries, node)) {
        bytes += gate_entry_of(node)->bytes;
    }
    uint64_t now_ns = clock_now_ns();

    pthread_mutex_lock(&self->mutex);
    rwlock_extend(&self->guarded.lock, run->count, bytes, now_ns, &step);
    gate_settle(self, &step, now_ns);
    struct gate_upcalls up = self->up;
    pthread_mutex_unlock(&self->mutex);

    struct list_node *first = list_first(&step.granted.entries);
    for (struct list_node *node = list_pop_front(&step.granted.entries); node != NULL;
         node = list_pop_front(&step.granted.entries)) {
        gate_run_add(run, gate_entry_of(node));
    }
    gate_answer_dropped(up, &step.dropped);
    return first;
}

static void mark_done(struct gate_run *run)
{
    for (struct list_node *node = list_first(&run->entries); node != NULL;
         node = list_after(&run->entries, node)) {
        gate_entry_of(node)->state = GATE_DONE;
    }
}

/* Lets go of what the run held. */
static void release_lock(struct gate *self, struct gate_run *run, uint64_t now_ns,
                         struct rwlock_step *step)
{
    if (run->kind == GATE_RUN_BYPASS) {
        mark_done(run);
        self->guarded.bypassing -= run->count;
    } else {
        rwlock_finish(&self->guarded.lock, run, now_ns, step);
    }
    gate_settle(self, step, now_ns);
}

/* The callers of a large exclusive run are answered before the next run is granted. Their next
   calls then come while the answers still go out and share that run, with its one commit; granted
   at once, it would be the few calls that came during the last commit, and every other commit a
   small one. */
static void finish_large(struct gate *self, struct gate_run *run)
{
    struct gate_run held; /* the lock, without the entries, which are gone by then */
    struct rwlock_step step;
    gate_run_init(&held, run->kind);
    held.count = run->count;
    rwlock_step_init(&step);

    pthread_mutex_lock(&self->mutex);
    release_entries(self, run, clock_now_ns());
    mark_done(run);
    struct gate_upcalls up = self->up;
    pthread_mutex_unlock(&self->mutex);

    up.ops->finished(up.context, run);

    pthread_mutex_lock(&self->mutex);
    release_lock(self, &held, clock_now_ns(), &step);
    pthread_mutex_unlock(&self->mutex);

    if (step.granted.count > 0) {
        pool_put(self->pool, &step.granted, pool_is_worker(self->pool));
    }
    gate_answer_dropped(up, &step.dropped);
}

void gate_finish(struct gate *self, struct gate_run *run)
{
    struct rwlock_step step;
    rwlock_step_init(&step);
    bool many_replies = run->count > BATON_REPLIES_MAX;
    if (many_replies && run->kind == GATE_RUN_EXCLUSIVE) {
        finish_large(self, run);
        return;
    }
    uint64_t now_ns = clock_now_ns();

    pthread_mutex_lock(&self->mutex);
    release_entries(self, run, now_ns);
    release_lock(self, run, now_ns, &step);
    struct gate_upcalls up = self->up;
    pthread_mutex_unlock(&self->mutex);

    if (step.granted.count > 0) {
        pool_put(self->pool, &step.granted, !many_replies && pool_is_worker(self->pool));
    }
    up.ops->finished(up.context, run);
    gate_answer_dropped(up, &step.dropped);
}

bool gate_cancel(struct gate *self, struct gate_entry *entry)
{
    struct rwlock_step step;
    rwlock_step_init(&step);
    uint64_t now_ns = clock_now_ns();

    pthread_mutex_lock(&self->mutex);
    bool dropped = rwlock_drop(&self->guarded.lock, entry, GATE_REASON_CANCELLED, now_ns, &step);
    gate_settle(self, &step, now_ns);
    struct gate_upcalls up = self->up;
    pthread_mutex_unlock(&self->mutex);

    gate_act(self, up, &step);
    return dropped;
}

void gate_cancel_party(struct gate *self, struct gate_party *party)
{
    struct rwlock_step step;
    rwlock_step_init(&step);
    uint64_t now_ns = clock_now_ns();

    pthread_mutex_lock(&self->mutex);
    /* From the last to the first, so that dropping one does not grant another that is to go too. */
    for (struct list_node *node = party->queued.head.prev; node != &party->queued.head;
         node = party->queued.head.prev) {
        struct gate_entry *entry = CONTAINER_OF(node, struct gate_entry, side_node);
        list_remove(&entry->side_node);
        rwlock_drop(&self->guarded.lock, entry, GATE_REASON_CANCELLED, now_ns, &step);
    }
    gate_settle(self, &step, now_ns);
    struct gate_upcalls up = self->up;
    pthread_mutex_unlock(&self->mutex);

    gate_act(self, up, &step);
}

void gate_party_init(struct gate_party *party)
{
    list_init(&party->queued);
    atomic_init(&party->in_flight, 0);
    party->name = NULL;
    list_init(&party->parked);
    party->n_parked = 0;
    party->is_gone = false;
}

void gate_drain(struct gate *self)
{
    pthread_mutex_lock(&self->mutex);
    rwlock_drain(&self->guarded.lock);
    pthread_mutex_unlock(&self->mutex);
}

bool gate_wait_idle(struct gate *self, uint32_t timeout_ms)
{
    uint64_t deadline_ns = clock_now_ns() + timeout_ms * CLOCK_NS_PER_MS;
    bool in_time = true;
    pthread_mutex_lock(&self->mutex);
    self->guarded.waiting_for_idle++;
    while (!is_idle(self) && in_time) {
        in_time = monotonic_cond_wait(&self->idle, &self->mutex, deadline_ns);
    }
    bool idle = is_idle(self);
    self->guarded.waiting_for_idle--;
    pthread_mutex_unlock(&self->mutex);
    return idle && pool_wait_idle(self->pool, deadline_ns);
}

/* ---- life */

static bool options_are_valid(const struct gate_options *options)
{
    return options->workers >= 2 && options->workers <= WORKERS_MAX &&
           options->max_queued_calls > 0 && options->max_queued_calls <= INT32_MAX &&
           options->max_queued_bytes > 0 && options->max_party_calls > 0 &&
           options->max_run_calls > 0 && options->max_run_bytes > 0;
}

static void init_guarded(struct gate *self)
{
    const struct rwlock_limits limits = {
        .queued_calls = self->options.max_queued_calls,
        .queued_bytes = self->options.max_queued_bytes,
        .run_calls = self->options.max_run_calls,
        .run_bytes = self->options.max_run_bytes,
    };
    rwlock_init(&self->guarded.lock, &limits);
    list_init(&self->guarded.granted);
    deadline_init(&self->guarded.deadlines, clock_now_ns());
    self->guarded.timer_wakes_ns = DEADLINE_NEVER_NS;
}

/* Held for some ten nanoseconds at a time: who finds it taken does better to look again a few times
   than to sleep in the kernel, which costs both sides more than the wait. */
static bool init_mutex(pthread_mutex_t *mutex)
{
    pthread_mutexattr_t attributes;
    if (pthread_mutexattr_init(&attributes) != 0) {
        return false;
    }
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ADAPTIVE_NP);
    bool made = pthread_mutex_init(mutex, &attributes) == 0;
    pthread_mutexattr_destroy(&attributes);
    return made;
}

static enum stated_code start(struct gate *self)
{
    if (!init_mutex(&self->mutex)) {
        goto no_mutex;
    }
    if (monotonic_cond_init(&self->idle) != 0) {
        goto no_idle;
    }
    if (monotonic_cond_init(&self->timer_wake) != 0) {
        goto no_timer_wake;
    }
    if (pool_new(self->options.workers, self->up.ops->execute, self->up.context, &self->pool) !=
        STATED_OK) {
        goto no_pool;
    }
    if (gate_timer_start(self) != STATED_OK) {
        goto no_timer;
    }
    return STATED_OK;

no_timer:
    pool_free(self->pool);
no_pool:
    pthread_cond_destroy(&self->timer_wake);
no_timer_wake:
    pthread_cond_destroy(&self->idle);
no_idle:
    pthread_mutex_destroy(&self->mutex);
no_mutex:
    return STATED_RESOURCE_EXHAUSTED;
}

enum stated_code gate_new(const struct gate_options *options, const struct gate_ops *ops,
                          void *context, struct gate **gate)
{
    *gate = NULL;
    if (!options_are_valid(options)) {
        return STATED_INVALID_ARGUMENT;
    }
    struct gate *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return STATED_RESOURCE_EXHAUSTED;
    }
    self->up = (struct gate_upcalls){.ops = ops, .context = context};
    self->options = *options;
    init_guarded(self);
    enum stated_code code = start(self);
    if (code != STATED_OK) {
        free(self);
        return code;
    }
    *gate = self;
    return STATED_OK;
}

void gate_free(struct gate *self)
{
    if (self == NULL) {
        return;
    }
    assert(self->guarded.lock.queued_calls == 0 && self->guarded.lock.running == 0);
    gate_timer_stop(self);
    pool_free(self->pool);
    pthread_cond_destroy(&self->timer_wake);
    pthread_cond_destroy(&self->idle);
    pthread_mutex_destroy(&self->mutex);
    free(self);
}
