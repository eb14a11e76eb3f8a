/* Submission: what of a frame is admitted, and what of that the submitter's own thread executes. */
#include "sched/gate_internal.h"

#include "base/clock.h"

#include <assert.h>

/* Light reads of one frame that the submitter's thread executes itself; the rest goes to workers,
   so that a callback thread is not kept for long. */
#define INLINE_CALLS_MAX 64
#define RETRY_UNKNOWN_MS 100
#define RETRY_MAX_MS 1000

/* One frame on its way in. */
struct submission {
    struct gate_entry *const *entries;
    size_t n;
    uint64_t now_ns;
    struct list ordered; /* those that take a ticket */
    uint32_t n_ordered;
    uint64_t bytes;
    struct gate_run bypass; /* those that do not */
    struct list refused;
    uint64_t first_ticket;
};

static void refuse(struct submission *self, struct gate_entry *entry, enum gate_reason reason)
{
    assert(gate_state_follows(entry->state, GATE_DROPPED));
    entry->state = GATE_DROPPED;
    entry->reason = reason;
    list_push_back(&self->refused, &entry->node);
}

static void prepare_entry(struct gate_entry *entry, uint64_t now_ns)
{
    entry->state = GATE_NEW;
    entry->reason = GATE_REASON_NONE;
    entry->queued_ahead = 0;
    entry->retry_after_ms = 0;
    entry->ticket = 0;
    entry->admitted_ns = now_ns;
    entry->granted_ns = 0;
    entry->finished_ns = 0;
    list_node_init(&entry->node);
    list_node_init(&entry->side_node);
    list_node_init(&entry->timer_node);
}

static void submission_init(struct submission *self, struct gate_entry *const *entries, size_t n,
                            uint64_t now_ns)
{
    *self = (struct submission){.entries = entries, .n = n, .now_ns = now_ns};
    list_init(&self->ordered);
    list_init(&self->refused);
    gate_run_init(&self->bypass, GATE_RUN_BYPASS);
    for (size_t i = 0; i < n; i++) {
        struct gate_entry *entry = entries[i];
        prepare_entry(entry, now_ns);
        if (entry->deadline_ns <= now_ns) {
            refuse(self, entry, GATE_REASON_LATE);
        } else if (entry->access == GATE_BYPASS) {
            gate_run_add(&self->bypass, entry);
        } else {
            list_push_back(&self->ordered, &entry->node);
            self->n_ordered++;
            self->bytes += entry->bytes;
        }
    }
}

static uint64_t expected_wait_ns(const struct gate *self, uint64_t now_ns)
{
    const struct rwlock *lock = &self->guarded.lock;
    return estimate_wait_ns(&self->guarded.estimate, lock->queued_calls + lock->running, now_ns);
}

static uint64_t expected_answer_ns(const struct gate *self, uint64_t now_ns)
{
    const struct rwlock *lock = &self->guarded.lock;
    return estimate_wait_ns(&self->guarded.answer, lock->queued_calls + lock->running, now_ns);
}

static void refuse_hopeless(struct gate *self, struct submission *submission)
{
    uint64_t wait_ns = expected_wait_ns(self, submission->now_ns);
    if (wait_ns == 0) {
        return;
    }
    struct list_node *node = list_first(&submission->ordered);
    while (node != NULL) {
        struct gate_entry *entry = gate_entry_of(node);
        node = list_after(&submission->ordered, node);
        if (entry->deadline_ns - submission->now_ns < wait_ns) {
            list_remove(&entry->node);
            submission->n_ordered--;
            submission->bytes -= entry->bytes;
            refuse(submission, entry, GATE_REASON_HOPELESS);
        }
    }
}

/* Admits what is left of the frame whole, or gives the reason why not. */
static enum gate_reason admit(struct gate *self, struct submission *submission,
                              struct rwlock_step *step)
{
    struct gate_party *party = submission->entries[0]->party;
    uint32_t calls = submission->n_ordered + submission->bypass.count;
    if (calls > self->options.max_party_calls - gate_party_in_flight(party)) {
        return GATE_REASON_SHARE;
    }
    if (calls + pool_waiting_calls(self->pool) > self->options.max_queued_calls) {
        return GATE_REASON_QUEUE_CALLS;
    }
    submission->first_ticket = self->guarded.lock.next_ticket;
    enum gate_reason reason =
        rwlock_submit(&self->guarded.lock, &submission->ordered, submission->n_ordered,
                      submission->bytes, submission->now_ns, step);
    if (reason == GATE_REASON_NONE) {
        gate_count_in(party, calls);
        self->guarded.bypassing += submission->bypass.count;
    }
    return reason;
}

static void wait_in_queue(struct gate *self, struct gate_entry *entry)
{
    list_push_back(&entry->party->queued, &entry->side_node);
    gate_timer_expect(self, deadline_add(&self->guarded.deadlines, entry));
}

static void settle_admitted(struct gate *self, struct submission *submission)
{
    for (size_t i = 0; i < submission->n; i++) {
        if (submission->entries[i]->state == GATE_QUEUED) {
            wait_in_queue(self, submission->entries[i]);
        }
    }
    for (struct list_node *node = list_first(&submission->bypass.entries); node != NULL;
         node = list_after(&submission->bypass.entries, node)) {
        struct gate_entry *entry = gate_entry_of(node);
        entry->state = GATE_GRANTED;
        entry->granted_ns = submission->now_ns;
        list_push_back(&self->guarded.granted, &entry->side_node);
    }
}

static void refuse_all(struct submission *submission, enum gate_reason reason)
{
    for (struct list_node *node = list_pop_front(&submission->ordered); node != NULL;
         node = list_pop_front(&submission->ordered)) {
        refuse(submission, gate_entry_of(node), reason);
    }
    for (struct list_node *node = list_pop_front(&submission->bypass.entries); node != NULL;
         node = list_pop_front(&submission->bypass.entries)) {
        refuse(submission, gate_entry_of(node), reason);
    }
    submission->bypass.count = 0;
}

static uint32_t retry_after_ms(uint64_t wait_ns)
{
    if (wait_ns == 0) {
        return RETRY_UNKNOWN_MS;
    }
    uint64_t ms = wait_ns / CLOCK_NS_PER_MS + 1;
    return ms < RETRY_MAX_MS ? (uint32_t)ms : RETRY_MAX_MS;
}

static bool waiting_may_help(enum gate_reason reason)
{
    return reason == GATE_REASON_QUEUE_CALLS || reason == GATE_REASON_QUEUE_BYTES ||
           reason == GATE_REASON_SHARE || reason == GATE_REASON_HOPELESS;
}

static void settle_refused(struct gate *self, struct submission *submission)
{
    uint32_t wait_ms = retry_after_ms(expected_wait_ns(self, submission->now_ns));
    uint32_t answer_ms = retry_after_ms(expected_answer_ns(self, submission->now_ns));
    for (struct list_node *node = list_first(&submission->refused); node != NULL;
         node = list_after(&submission->refused, node)) {
        struct gate_entry *entry = gate_entry_of(node);
        uint32_t advice_ms = entry->reason == GATE_REASON_SHARE ? answer_ms : wait_ms;
        entry->retry_after_ms = waiting_may_help(entry->reason) ? advice_ms : 0;
        self->guarded.refused++;
    }
}

/* Splits off the light reads of this frame that its own thread executes; NULL when there are none.
   An expired head may have let other frames' entries into the batch. */
static struct gate_run *split_inline(const struct gate *self, struct gate_run *batch,
                                     uint64_t first_ticket)
{
    if (batch->count == 0 || !self->options.inline_light_reads ||
        batch->kind == GATE_RUN_EXCLUSIVE) {
        return NULL;
    }
    struct gate_run *run = NULL;
    struct list_node *node = list_first(&batch->entries);
    while (node != NULL && (run == NULL || run->count < INLINE_CALLS_MAX)) {
        struct gate_entry *entry = gate_entry_of(node);
        node = list_after(&batch->entries, node);
        if (!entry->light || entry->ticket < first_ticket) {
            continue;
        }
        if (run == NULL) {
            run = &entry->run;
            gate_run_init(run, batch->kind);
        }
        list_remove(&entry->node);
        batch->count--;
        gate_run_add(run, entry);
    }
    return run;
}

void gate_refuse(struct gate *self, struct gate_entry *const *entries, size_t n, uint64_t now_ns)
{
    struct submission submission;
    submission_init(&submission, entries, n, now_ns);
    refuse_all(&submission, GATE_REASON_SHARE);

    pthread_mutex_lock(&self->mutex);
    settle_refused(self, &submission);
    struct gate_upcalls up = self->up;
    pthread_mutex_unlock(&self->mutex);

    gate_answer_dropped(up, &submission.refused);
}

/* What is queued behind reads waits because a write is at its head. */
void gate_read_outlook(struct gate *self, uint64_t now_ns, struct gate_outlook *outlook)
{
    pthread_mutex_lock(&self->mutex);
    const struct rwlock *lock = &self->guarded.lock;
    outlook->answer_ns = expected_answer_ns(self, now_ns);
    outlook->calls = lock->queued_calls + lock->running + self->guarded.bypassing;
    outlook->has_writes = lock->running > 0 && (lock->exclusive || lock->queued_calls > 0);
    pthread_mutex_unlock(&self->mutex);
}

void gate_submit(struct gate *self, struct gate_entry *const *entries, size_t n, uint64_t now_ns)
{
    struct submission submission;
    struct rwlock_step step;
    submission_init(&submission, entries, n, now_ns);
    rwlock_step_init(&step);

    pthread_mutex_lock(&self->mutex);
    refuse_hopeless(self, &submission);
    enum gate_reason reason = admit(self, &submission, &step);
    if (reason == GATE_REASON_NONE) {
        settle_admitted(self, &submission);
    } else {
        refuse_all(&submission, reason);
    }
    if (!list_is_empty(&submission.refused)) {
        settle_refused(self, &submission);
    }
    gate_settle(self, &step, now_ns);
    struct gate_upcalls up = self->up;
    pthread_mutex_unlock(&self->mutex);

    struct gate_run *ordered_run = split_inline(self, &step.granted, submission.first_ticket);
    struct gate_run *bypass_run = split_inline(self, &submission.bypass, 0);
    if (submission.bypass.count > 0) {
        pool_put(self->pool, &submission.bypass, false);
    }
    gate_act(self, up, &step);
    if (ordered_run != NULL) {
        up.ops->execute(up.context, ordered_run);
    }
    if (bypass_run != NULL) {
        up.ops->execute(up.context, bypass_run);
    }
    gate_answer_dropped(up, &submission.refused);
}
