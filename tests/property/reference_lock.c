#include "reference_lock.h"

#include <string.h>

void reference_init(struct reference *self, const struct rwlock_limits *limits,
                    enum reference_bug bug)
{
    memset(self, 0, sizeof(*self));
    self->limits = *limits;
    self->bug = bug;
}

size_t reference_add(struct reference *self, const struct gate_entry *entry)
{
    self->calls[self->n_calls] = (struct reference_call){.access = entry->access,
                                                         .light = entry->light,
                                                         .bytes = entry->bytes,
                                                         .deadline_ns = entry->deadline_ns};
    return self->n_calls++;
}

uint32_t reference_count(const struct reference *self, enum gate_state state)
{
    uint32_t n = 0;
    for (size_t i = 0; i < self->n_calls; i++) {
        n += self->calls[i].state == state;
    }
    return n;
}

uint64_t reference_bytes(const struct reference *self, enum gate_state state)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < self->n_calls; i++) {
        bytes += self->calls[i].state == state ? self->calls[i].bytes : 0;
    }
    return bytes;
}

static bool conflict(const struct reference_call *a, const struct reference_call *b)
{
    return a->access == GATE_WRITE || b->access == GATE_WRITE;
}

static bool must_precede(const struct reference *self, const struct reference_call *other,
                         const struct reference_call *call)
{
    if (other->state != GATE_QUEUED && other->state != GATE_GRANTED) {
        return false;
    }
    if (self->bug == REFERENCE_READ_PASSES_WRITE && call->access == GATE_READ &&
        other->state == GATE_QUEUED) {
        return false;
    }
    if (self->bug == REFERENCE_WRITE_JOINS_READS && other->access == GATE_READ) {
        return false;
    }
    return other->ticket < call->ticket && conflict(other, call);
}

static bool may_run(const struct reference *self, const struct reference_call *call)
{
    for (size_t i = 0; i < self->n_calls; i++) {
        const struct reference_call *other = &self->calls[i];
        if (must_precede(self, other, call)) {
            return false;
        }
    }
    return true;
}

/* The queued call with the smallest ticket above `after`; NULL when there is none. */
static struct reference_call *next_queued(struct reference *self, uint64_t after)
{
    struct reference_call *next = NULL;
    for (size_t i = 0; i < self->n_calls; i++) {
        struct reference_call *call = &self->calls[i];
        if (call->state == GATE_QUEUED && call->ticket > after &&
            (next == NULL || call->ticket < next->ticket)) {
            next = call;
        }
    }
    return next;
}

static bool expire_if_late(const struct reference *self, struct reference_call *call,
                           uint64_t now_ns)
{
    if (self->bug == REFERENCE_RUNS_WHAT_EXPIRED || call->deadline_ns > now_ns) {
        return false;
    }
    call->state = GATE_DROPPED;
    call->reason = GATE_REASON_EXPIRED;
    return true;
}

static bool may_join(const struct reference *self, const struct reference_call *call,
                     uint32_t calls, uint64_t bytes)
{
    uint32_t most = self->limits.run_calls + (self->bug == REFERENCE_RUN_ONE_TOO_LONG);
    return calls < most && bytes + call->bytes <= self->limits.run_bytes &&
           (call->access == GATE_WRITE || call->light ||
            self->bug == REFERENCE_HEAVY_READ_JOINS_WRITES);
}

/* `write` is granted: so are those after it, as far as a run goes. */
static void grant_run(struct reference *self, struct reference_call *write, uint64_t now_ns)
{
    uint32_t calls = 0;
    uint64_t bytes = 0;
    for (struct reference_call *call = write; call != NULL;
         call = next_queued(self, call->ticket)) {
        if (call != write && expire_if_late(self, call, now_ns)) {
            continue;
        }
        if (call != write && !may_join(self, call, calls, bytes)) {
            return;
        }
        call->state = GATE_GRANTED;
        call->in_exclusive_run = true;
        calls++;
        bytes += call->bytes;
    }
}

/* Grants in ticket order whatever may run. A call that is late is only noticed when its turn comes.
 */
static void grant(struct reference *self, uint64_t now_ns)
{
    for (struct reference_call *call = next_queued(self, 0); call != NULL;
         call = next_queued(self, call->ticket)) {
        if (next_queued(self, 0) == call && expire_if_late(self, call, now_ns)) {
            continue;
        }
        if (!may_run(self, call)) {
            continue;
        }
        if (call->access == GATE_WRITE) {
            grant_run(self, call, now_ns);
        } else {
            call->state = GATE_GRANTED;
        }
    }
}

static enum gate_reason reason_to_refuse(const struct reference *self, size_t first, size_t n)
{
    uint64_t bytes = reference_bytes(self, GATE_QUEUED);
    for (size_t i = first; i < first + n; i++) {
        bytes += self->calls[i].bytes;
    }
    uint32_t room = self->limits.queued_calls + (self->bug == REFERENCE_QUEUE_ONE_TOO_LONG);
    return self->draining                                  ? GATE_REASON_DRAINING
           : self->poisoned                                ? GATE_REASON_POISONED
           : reference_count(self, GATE_QUEUED) + n > room ? GATE_REASON_QUEUE_CALLS
           : bytes > self->limits.queued_bytes             ? GATE_REASON_QUEUE_BYTES
                                                           : GATE_REASON_NONE;
}

enum gate_reason reference_submit(struct reference *self, size_t first, size_t n, uint64_t now_ns)
{
    enum gate_reason reason = reason_to_refuse(self, first, n);
    if (reason != GATE_REASON_NONE) {
        return reason;
    }
    for (size_t i = first; i < first + n; i++) {
        struct reference_call *call = &self->calls[i];
        call->queued_ahead =
            reference_count(self, GATE_QUEUED) + reference_count(self, GATE_GRANTED);
        call->ticket = ++self->tickets;
        call->state = GATE_QUEUED;
    }
    grant(self, now_ns);
    return GATE_REASON_NONE;
}

/* Finishing one call of an exclusive run finishes all of it. */
void reference_finish(struct reference *self, size_t call, uint64_t now_ns)
{
    if (self->calls[call].in_exclusive_run) {
        for (size_t i = 0; i < self->n_calls; i++) {
            if (self->calls[i].state == GATE_GRANTED) {
                self->calls[i].state = GATE_DONE;
            }
        }
    } else {
        self->calls[call].state = GATE_DONE;
    }
    grant(self, now_ns);
}

bool reference_drop(struct reference *self, size_t call, enum gate_reason reason, uint64_t now_ns)
{
    if (self->calls[call].state != GATE_QUEUED) {
        return false;
    }
    self->calls[call].state = GATE_DROPPED;
    self->calls[call].reason = reason;
    if (self->bug != REFERENCE_CANCEL_GRANTS_NOTHING) {
        grant(self, now_ns);
    }
    return true;
}

void reference_poison(struct reference *self)
{
    self->poisoned = true;
    for (size_t i = 0; i < self->n_calls; i++) {
        if (self->calls[i].state == GATE_QUEUED && self->bug != REFERENCE_POISON_KEEPS_QUEUE) {
            self->calls[i].state = GATE_DROPPED;
            self->calls[i].reason = GATE_REASON_POISONED;
        }
    }
}
