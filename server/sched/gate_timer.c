/* The timer's thread drops what expires in the queue, and runs the recovery of a poisoned state. It
   sleeps until the next deadline, for ever when nothing is queued. It is woken when something
   earlier is queued, not when something leaves: then it looks once in vain. */
#include "sched/gate_internal.h"

#include "base/monotonic.h"

/* Under the mutex; what it drops and lets run is in the step. */
static void expire(struct gate *self, uint64_t now_ns, struct rwlock_step *step)
{
    struct list due;
    list_init(&due);
    deadline_take_due(&self->guarded.deadlines, now_ns, &due);
    for (struct list_node *node = list_pop_front(&due); node != NULL; node = list_pop_front(&due)) {
        struct gate_entry *entry = CONTAINER_OF(node, struct gate_entry, timer_node);
        rwlock_drop(&self->guarded.lock, entry, GATE_REASON_EXPIRED, now_ns, step);
    }
    gate_settle(self, step, now_ns);
}

/* The mutex is held before and after, not while it acts. True when there was something to do. */
static bool act_unlocked(struct gate *self, struct rwlock_step *step)
{
    bool recover = gate_may_recover(self);
    if (!recover && step->granted.count == 0 && list_is_empty(&step->dropped)) {
        return false;
    }
    self->guarded.timer_acting = true;
    pthread_mutex_unlock(&self->mutex);
    gate_act(self, self->up, step);
    if (recover) {
        gate_recover(self);
    }
    pthread_mutex_lock(&self->mutex);
    self->guarded.timer_acting = false;
    gate_note_idle(self);
    return true;
}

static void *run_timer(void *argument)
{
    struct gate *self = argument;
    pthread_mutex_lock(&self->mutex);
    while (!self->guarded.stopping) {
        struct rwlock_step step;
        rwlock_step_init(&step);
        expire(self, clock_now_ns(), &step);
        if (act_unlocked(self, &step)) {
            continue;
        }
        self->guarded.timer_wakes_ns = deadline_next_ns(&self->guarded.deadlines);
        monotonic_cond_wait(&self->timer_wake, &self->mutex, self->guarded.timer_wakes_ns);
    }
    pthread_mutex_unlock(&self->mutex);
    return NULL;
}

enum stated_code gate_timer_start(struct gate *self)
{
    return pthread_create(&self->timer, NULL, run_timer, self) == 0 ? STATED_OK
                                                                    : STATED_RESOURCE_EXHAUSTED;
}

void gate_timer_stop(struct gate *self)
{
    pthread_mutex_lock(&self->mutex);
    self->guarded.stopping = true;
    pthread_cond_signal(&self->timer_wake);
    pthread_mutex_unlock(&self->mutex);
    pthread_join(self->timer, NULL);
}

void gate_timer_expect(struct gate *self, uint64_t due_ns)
{
    if (due_ns < self->guarded.timer_wakes_ns) {
        self->guarded.timer_wakes_ns = due_ns;
        pthread_cond_signal(&self->timer_wake);
    }
}
