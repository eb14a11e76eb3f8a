/* Poison: a handler left the state torn. The lock then drops and refuses everything; here is who
   said so, and the way back. */
#include "sched/gate_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>

/* Under the mutex. */
static void set_poisoned(struct gate *self, bool poisoned)
{
    if (!poisoned) {
        rwlock_clear_poison(&self->guarded.lock);
    }
    atomic_store_explicit(&self->poisoned, poisoned, memory_order_release);
}

static void report(struct gate_poison *self, const struct gate_entry *entry, const char *message,
                   uint64_t now_ns)
{
    self->ticket = entry->ticket;
    self->label = entry->label;
    self->since_ns = now_ns;
    (void)snprintf(self->message, sizeof(self->message), "%s", message);
}

void gate_poison(struct gate *self, const struct gate_entry *entry, const char *message)
{
    struct rwlock_step step;
    rwlock_step_init(&step);
    uint64_t now_ns = clock_now_ns();

    pthread_mutex_lock(&self->mutex);
    bool first = !self->guarded.lock.poisoned;
    if (first) {
        report(&self->guarded.poison, entry, message, now_ns);
        rwlock_poison(&self->guarded.lock, &step);
        set_poisoned(self, true);
        self->guarded.recovery_due = self->up.ops->recover != NULL;
        gate_settle(self, &step, now_ns);
    }
    struct gate_upcalls up = self->up;
    pthread_mutex_unlock(&self->mutex);

    if (first) {
        log_error("the state is poisoned by %s, ticket %llu: %s; nothing executes until it is "
                  "recovered or cleared",
                  entry->label, (unsigned long long)entry->ticket, message);
    }
    gate_answer_dropped(up, &step.dropped);
}

bool gate_is_poisoned(const struct gate *self)
{
    return atomic_load_explicit(&self->poisoned, memory_order_acquire);
}

bool gate_read_poison(struct gate *self, struct gate_poison *poison)
{
    pthread_mutex_lock(&self->mutex);
    bool poisoned = self->guarded.lock.poisoned;
    if (poisoned) {
        *poison = self->guarded.poison;
    }
    pthread_mutex_unlock(&self->mutex);
    return poisoned;
}

bool gate_clear_poison(struct gate *self, uint64_t ticket)
{
    pthread_mutex_lock(&self->mutex);
    bool cleared = self->guarded.lock.poisoned && self->guarded.poison.ticket == ticket &&
                   !self->guarded.recovery_due;
    if (cleared) {
        set_poisoned(self, false);
    }
    pthread_mutex_unlock(&self->mutex);
    return cleared;
}

void gate_recover(struct gate *self)
{
    bool restored = self->up.ops->recover(self->up.context);
    pthread_mutex_lock(&self->mutex);
    self->guarded.recovery_due = false;
    if (restored) {
        set_poisoned(self, false);
    }
    pthread_mutex_unlock(&self->mutex);
    if (restored) {
        log_info("the state has been recovered");
    } else {
        log_error("the state could not be recovered; clear the poison once it is good again");
    }
}
