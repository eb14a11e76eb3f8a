/* What the gate shows of itself: consistent copies, taken under the mutex. */
#include "sched/gate_internal.h"

#include <stdio.h>

void gate_read_figures(struct gate *self, struct gate_figures *figures)
{
    pthread_mutex_lock(&self->mutex);
    *figures = (struct gate_figures){
        .next_ticket = self->guarded.lock.next_ticket,
        .waiting_calls = self->guarded.lock.queued_calls,
        .waiting_bytes = self->guarded.lock.queued_bytes,
        .running_calls = self->guarded.lock.running + self->guarded.bypassing,
        .refused = self->guarded.refused,
        .expired = self->guarded.expired,
        .cancelled = self->guarded.cancelled,
    };
    pthread_mutex_unlock(&self->mutex);
}

static void copy_call(struct gate_queued_call *out, const struct gate_entry *entry,
                      uint64_t since_ns)
{
    out->ticket = entry->ticket;
    out->access = entry->access;
    out->label = entry->label;
    out->since_ns = since_ns;
    const char *name = entry->party->name;
    (void)snprintf(out->party, sizeof(out->party), "%s", name != NULL ? name : "");
}

static void copy_running(const struct gate *self, struct gate_queue *queue)
{
    const struct list *granted = &self->guarded.granted;
    for (struct list_node *node = list_first(granted);
         node != NULL && queue->n_running < queue->max_running; node = list_after(granted, node)) {
        const struct gate_entry *entry = CONTAINER_OF(node, struct gate_entry, side_node);
        copy_call(&queue->running[queue->n_running++], entry, entry->granted_ns);
    }
}

static void copy_waiting(const struct gate *self, struct gate_queue *queue)
{
    const struct list *waiting = &self->guarded.lock.queue;
    for (struct list_node *node = list_first(waiting);
         node != NULL && queue->n_waiting < queue->max_waiting; node = list_after(waiting, node)) {
        const struct gate_entry *entry = gate_entry_of(node);
        copy_call(&queue->waiting[queue->n_waiting++], entry, entry->admitted_ns);
    }
}

void gate_read_queue(struct gate *self, struct gate_queue *queue)
{
    queue->n_running = 0;
    queue->n_waiting = 0;
    pthread_mutex_lock(&self->mutex);
    queue->running_calls = self->guarded.lock.running + self->guarded.bypassing;
    queue->waiting_calls = self->guarded.lock.queued_calls;
    copy_running(self, queue);
    copy_waiting(self, queue);
    pthread_mutex_unlock(&self->mutex);
}

void gate_read_times(struct gate *self, enum gate_access access, struct gate_times *times)
{
    pthread_mutex_lock(&self->mutex);
    *times = self->guarded.times[access];
    pthread_mutex_unlock(&self->mutex);
}
