#include "sched/rwlock.h"

#include <assert.h>

void rwlock_init(struct rwlock *self, const struct rwlock_limits *limits)
{
    *self = (struct rwlock){.limits = *limits, .next_ticket = 1};
    list_init(&self->queue);
}

void rwlock_step_init(struct rwlock_step *self)
{
    gate_run_init(&self->granted, GATE_RUN_SHARED);
    self->granted_bytes = 0;
    list_init(&self->dropped);
}

static void move(struct gate_entry *entry, enum gate_state to)
{
    assert(gate_state_follows(entry->state, to));
    entry->state = to;
}

static void enqueue(struct rwlock *self, struct gate_entry *entry)
{
    move(entry, GATE_QUEUED);
    entry->ticket = self->next_ticket++;
    entry->queued_ahead = self->queued_calls + self->running;
    list_push_back(&self->queue, &entry->node);
    self->queued_calls++;
    self->queued_bytes += entry->bytes;
}

static void dequeue(struct rwlock *self, struct gate_entry *entry, enum gate_state to)
{
    move(entry, to);
    list_remove(&entry->node);
    self->queued_calls--;
    self->queued_bytes -= entry->bytes;
}

static void drop(struct rwlock *self, struct gate_entry *entry, enum gate_reason reason,
                 struct rwlock_step *step)
{
    dequeue(self, entry, GATE_DROPPED);
    entry->reason = reason;
    list_push_back(&step->dropped, &entry->node);
}

/* Whether the head of the queue may run now: when nothing runs, as one more read beside reads, or
   as the next call of the exclusive run that this very step is putting together. */
static bool may_run(const struct rwlock *self, const struct gate_entry *head,
                    const struct rwlock_step *step)
{
    if (self->running == 0) {
        return true;
    }
    if (!self->exclusive) {
        return head->access == GATE_READ;
    }
    return step->granted.count > 0 && step->granted.count < self->limits.run_calls &&
           step->granted_bytes + head->bytes <= self->limits.run_bytes &&
           (head->access == GATE_WRITE || head->light);
}

static void grant(struct rwlock *self, struct gate_entry *head, struct rwlock_step *step)
{
    dequeue(self, head, GATE_GRANTED);
    if (self->running == 0) {
        self->exclusive = head->access == GATE_WRITE;
    }
    self->running++;
    step->granted.kind = self->exclusive ? GATE_RUN_EXCLUSIVE : GATE_RUN_SHARED;
    step->granted_bytes += head->bytes;
    gate_run_add(&step->granted, head);
}

/* The one place that lets anything run; every transition ends here. Were it left out of one, the
   entries behind a cancelled or expired head would sleep for ever. */
static void pump(struct rwlock *self, uint64_t now_ns, struct rwlock_step *step)
{
    for (struct list_node *node = list_first(&self->queue); node != NULL;
         node = list_first(&self->queue)) {
        struct gate_entry *head = gate_entry_of(node);
        if (head->deadline_ns <= now_ns) {
            drop(self, head, GATE_REASON_EXPIRED, step);
        } else if (may_run(self, head, step)) {
            grant(self, head, step);
        } else {
            return;
        }
    }
}

static enum gate_reason reason_to_refuse(const struct rwlock *self, uint32_t calls, uint64_t bytes)
{
    if (self->draining) {
        return GATE_REASON_DRAINING;
    }
    if (self->poisoned) {
        return GATE_REASON_POISONED;
    }
    if (calls > self->limits.queued_calls - self->queued_calls) {
        return GATE_REASON_QUEUE_CALLS;
    }
    if (bytes > self->limits.queued_bytes - self->queued_bytes) {
        return GATE_REASON_QUEUE_BYTES;
    }
    return GATE_REASON_NONE;
}

enum gate_reason rwlock_submit(struct rwlock *self, struct list *frame, uint32_t calls,
                               uint64_t bytes, uint64_t now_ns, struct rwlock_step *step)
{
    enum gate_reason reason = reason_to_refuse(self, calls, bytes);
    if (reason != GATE_REASON_NONE) {
        return reason;
    }
    for (struct list_node *node = list_pop_front(frame); node != NULL;
         node = list_pop_front(frame)) {
        enqueue(self, gate_entry_of(node));
    }
    pump(self, now_ns, step);
    return GATE_REASON_NONE;
}

/* Whether the head of the queue may join an exclusive run of so many calls and bytes. */
static bool may_join(const struct rwlock *self, const struct gate_entry *head, uint32_t calls,
                     uint64_t bytes)
{
    return calls < self->limits.run_calls && bytes + head->bytes <= self->limits.run_bytes &&
           (head->access == GATE_WRITE || head->light);
}

void rwlock_extend(struct rwlock *self, uint32_t calls, uint64_t bytes, uint64_t now_ns,
                   struct rwlock_step *step)
{
    assert(self->exclusive && calls == self->running);
    for (struct list_node *node = list_first(&self->queue); node != NULL;
         node = list_first(&self->queue)) {
        struct gate_entry *head = gate_entry_of(node);
        if (head->deadline_ns <= now_ns) {
            drop(self, head, GATE_REASON_EXPIRED, step);
        } else if (may_join(self, head, calls + step->granted.count, bytes + step->granted_bytes)) {
            grant(self, head, step);
        } else {
            return;
        }
    }
}

void rwlock_finish(struct rwlock *self, struct gate_run *run, uint64_t now_ns,
                   struct rwlock_step *step)
{
    assert(run->count <= self->running);
    assert(!self->exclusive || run->count == self->running);
    for (struct list_node *node = list_first(&run->entries); node != NULL;
         node = list_after(&run->entries, node)) {
        move(gate_entry_of(node), GATE_DONE);
    }
    self->running -= run->count;
    pump(self, now_ns, step);
}

bool rwlock_drop(struct rwlock *self, struct gate_entry *entry, enum gate_reason reason,
                 uint64_t now_ns, struct rwlock_step *step)
{
    if (entry->state != GATE_QUEUED) {
        return false;
    }
    drop(self, entry, reason, step);
    pump(self, now_ns, step);
    return true;
}

void rwlock_drain(struct rwlock *self)
{
    self->draining = true;
}

void rwlock_poison(struct rwlock *self, struct rwlock_step *step)
{
    self->poisoned = true;
    for (struct list_node *node = list_first(&self->queue); node != NULL;
         node = list_first(&self->queue)) {
        drop(self, gate_entry_of(node), GATE_REASON_POISONED, step);
    }
}

void rwlock_clear_poison(struct rwlock *self)
{
    self->poisoned = false;
}
