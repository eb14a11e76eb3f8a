/* The naive server that the gate replaces: each call takes a glibc readers-writer lock on the
   thread that received it, and waits there. For comparison only; the same interface, none of the
   promises: no queue, no bounds, no deadlines, no poison. Its tickets are the order of arrival. */
#include "sched/gate.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct gate {
    const struct gate_ops *ops;
    void *context;
    pthread_rwlock_t lock; /* glibc's default: prefers readers */
    atomic_uint_least64_t next_ticket;
    atomic_uint in_flight;
    atomic_bool draining;
};

enum stated_code gate_new(const struct gate_options *options, const struct gate_ops *ops,
                          void *context, struct gate **gate)
{
    (void)options;
    *gate = calloc(1, sizeof(**gate));
    if (*gate == NULL) {
        return STATED_RESOURCE_EXHAUSTED;
    }
    (*gate)->ops = ops;
    (*gate)->context = context;
    atomic_store(&(*gate)->next_ticket, 1);
    if (pthread_rwlock_init(&(*gate)->lock, NULL) != 0) {
        free(*gate);
        return STATED_RESOURCE_EXHAUSTED;
    }
    return STATED_OK;
}

static void run_alone(struct gate *self, struct gate_entry *entry)
{
    entry->queued_ahead = atomic_fetch_add(&self->in_flight, 1);
    entry->ticket = atomic_fetch_add(&self->next_ticket, 1);
    entry->admitted_ns = clock_now_ns();
    bool is_write = entry->access == GATE_WRITE;
    if (is_write) {
        pthread_rwlock_wrlock(&self->lock);
    } else {
        pthread_rwlock_rdlock(&self->lock);
    }
    entry->granted_ns = clock_now_ns();
    list_node_init(&entry->node);
    gate_run_init(&entry->run, is_write ? GATE_RUN_EXCLUSIVE : GATE_RUN_SHARED);
    gate_run_add(&entry->run, entry);
    self->ops->execute(self->context, &entry->run);
}

void gate_submit(struct gate *self, struct gate_entry *const *entries, size_t n, uint64_t now_ns)
{
    (void)now_ns;
    for (size_t i = 0; i < n; i++) {
        if (!atomic_load(&self->draining)) {
            run_alone(self, entries[i]);
            continue;
        }
        entries[i]->reason = GATE_REASON_DRAINING;
        self->ops->dropped(self->context, entries[i]);
    }
}

void gate_refuse(struct gate *self, struct gate_entry *const *entries, size_t n, uint64_t now_ns)
{
    (void)now_ns;
    for (size_t i = 0; i < n; i++) {
        entries[i]->reason = GATE_REASON_SHARE;
        self->ops->dropped(self->context, entries[i]);
    }
}

/* Whoever waits sleeps in the rwlock, and is not counted apart. */
void gate_read_outlook(struct gate *self, uint64_t now_ns, struct gate_outlook *outlook)
{
    (void)self, (void)now_ns;
    *outlook = (struct gate_outlook){.answer_ns = 0};
}

/* Nothing is queued that could join: whoever waits sleeps in the rwlock. */
struct list_node *gate_extend(struct gate *self, struct gate_run *run)
{
    (void)self;
    (void)run;
    return NULL;
}

void gate_finish(struct gate *self, struct gate_run *run)
{
    gate_entry_of(list_first(&run->entries))->finished_ns = clock_now_ns();
    pthread_rwlock_unlock(&self->lock);
    atomic_fetch_sub(&self->in_flight, 1);
    self->ops->finished(self->context, run);
}

bool gate_cancel(struct gate *self, struct gate_entry *entry)
{
    (void)self, (void)entry;
    return false;
}

void gate_cancel_party(struct gate *self, struct gate_party *party)
{
    (void)self, (void)party;
}

void gate_party_init(struct gate_party *party)
{
    memset(party, 0, sizeof(*party));
    list_init(&party->queued);
}

void gate_drain(struct gate *self)
{
    atomic_store(&self->draining, true);
}

bool gate_wait_idle(struct gate *self, uint32_t timeout_ms)
{
    uint64_t deadline_ns = clock_now_ns() + timeout_ms * CLOCK_NS_PER_MS;
    while (atomic_load(&self->in_flight) > 0 && clock_now_ns() < deadline_ns) {
        const struct timespec pause = {.tv_nsec = 1000000};
        nanosleep(&pause, NULL);
    }
    return atomic_load(&self->in_flight) == 0;
}

void gate_read_figures(struct gate *self, struct gate_figures *figures)
{
    *figures = (struct gate_figures){.next_ticket = atomic_load(&self->next_ticket),
                                     .running_calls = atomic_load(&self->in_flight)};
}

void gate_read_queue(struct gate *self, struct gate_queue *queue)
{
    (void)self;
    queue->n_running = 0;
    queue->n_waiting = 0;
}

void gate_read_times(struct gate *self, enum gate_access access, struct gate_times *times)
{
    (void)self, (void)access;
    memset(times, 0, sizeof(*times));
}

void gate_poison(struct gate *self, const struct gate_entry *entry, const char *message)
{
    (void)self, (void)entry, (void)message;
    abort();
}

bool gate_is_poisoned(const struct gate *self)
{
    (void)self;
    return false;
}

bool gate_read_poison(struct gate *self, struct gate_poison *poison)
{
    (void)self, (void)poison;
    return false;
}

bool gate_clear_poison(struct gate *self, uint64_t ticket)
{
    (void)self, (void)ticket;
    return false;
}

void gate_free(struct gate *self)
{
    if (self != NULL) {
        pthread_rwlock_destroy(&self->lock);
        free(self);
    }
}
