/* One alarm serves the whole line, set to the earliest deadline in it. A call that gives up
   therefore always learns so on NNG's thread, and so does one that closing ends. */
#include "pool.h"

#include "monotonic.h"

#include <stdlib.h>

static void on_alarm(void *argument);

int pool_init(struct pool *self, struct channel *channel, uint32_t max_slots,
              const struct pool_events *events, void *owner)
{
    *self =
        (struct pool){.events = events, .owner = owner, .channel = channel, .max_slots = max_slots};
    list_init(&self->guarded.line);
    list_init(&self->guarded.failed);
    int error = alarm_init(&self->guarded.alarm, on_alarm, self);
    if (error == 0) {
        pthread_mutex_init(&self->lock, NULL);
        pthread_cond_init(&self->guarded.quiet, NULL);
    }
    return error;
}

/* Under the lock. */
static struct slot *make_slot(struct pool *self)
{
    struct slot *slot = malloc(sizeof(*slot));
    if (slot == NULL) {
        return NULL;
    }
    slot_init(slot, self->channel, self->events->done, self->owner);
    slot->next = self->guarded.all;
    self->guarded.all = slot;
    self->guarded.n_slots++;
    return slot;
}

/* Under the lock. */
static enum pool_result take(struct pool *self, struct slot **slot)
{
    if (self->guarded.closed) {
        return POOL_CLOSED;
    }
    if (!list_is_empty(&self->guarded.line)) {
        return POOL_QUEUED;
    }
    if (self->guarded.idle != NULL) {
        *slot = self->guarded.idle;
        self->guarded.idle = (*slot)->next_idle;
    } else if (self->guarded.n_slots < self->max_slots) {
        *slot = make_slot(self);
    } else {
        return POOL_QUEUED;
    }
    if (*slot == NULL) {
        return POOL_NO_MEMORY;
    }
    self->guarded.n_lent++;
    return POOL_LENT;
}

enum pool_result pool_try(struct pool *self, struct slot **slot)
{
    *slot = NULL;
    pthread_mutex_lock(&self->lock);
    enum pool_result result = take(self, slot);
    pthread_mutex_unlock(&self->lock);
    return result;
}

enum pool_result pool_acquire_or_queue(struct pool *self, struct waiting *waiting,
                                       struct slot **slot)
{
    *slot = NULL;
    waiting->asynchronous = true;
    list_node_init(&waiting->node);
    pthread_mutex_lock(&self->lock);
    enum pool_result result = take(self, slot);
    if (result == POOL_QUEUED) {
        list_push_back(&self->guarded.line, &waiting->node);
        alarm_set(&self->guarded.alarm, waiting->deadline_ns);
    }
    pthread_mutex_unlock(&self->lock);
    return result;
}

/* Under the lock: sleeps in the line. */
static enum pool_result wait_in_line(struct pool *self, uint64_t deadline_ns, struct slot **slot)
{
    struct waiting waiting = {.deadline_ns = deadline_ns};
    monotonic_cond_init(&waiting.granted);
    list_node_init(&waiting.node);
    list_push_back(&self->guarded.line, &waiting.node);
    while (waiting.slot == NULL && !self->guarded.closed && clock_now_ns() < deadline_ns) {
        monotonic_cond_wait(&waiting.granted, &self->lock, deadline_ns);
    }
    list_remove(&waiting.node);
    pthread_cond_destroy(&waiting.granted);
    *slot = waiting.slot;
    return waiting.slot != NULL ? POOL_LENT : self->guarded.closed ? POOL_CLOSED : POOL_EXPIRED;
}

/* Under the lock. */
static bool is_quiet(const struct pool *self)
{
    return self->guarded.n_lent == 0 && !self->guarded.alarm.is_set &&
           list_is_empty(&self->guarded.line);
}

/* Under the lock. */
static void tell_if_quiet(struct pool *self)
{
    if (self->guarded.closed && is_quiet(self)) {
        pthread_cond_broadcast(&self->guarded.quiet);
    }
}

enum pool_result pool_acquire(struct pool *self, uint64_t deadline_ns, struct slot **slot)
{
    *slot = NULL;
    pthread_mutex_lock(&self->lock);
    enum pool_result result = take(self, slot);
    if (result == POOL_QUEUED) {
        result = wait_in_line(self, deadline_ns, slot);
        tell_if_quiet(self);
    }
    pthread_mutex_unlock(&self->lock);
    return result;
}

/* Under the lock: passes the slot on. The asynchronous call that is to have it, or NULL when it has
   found its place. */
static struct waiting *hand_over(struct pool *self, struct slot *slot)
{
    struct list_node *head = self->guarded.closed ? NULL : list_pop_front(&self->guarded.line);
    if (head == NULL) {
        slot->next_idle = self->guarded.idle;
        self->guarded.idle = slot;
        self->guarded.n_lent--;
        tell_if_quiet(self);
        return NULL;
    }
    struct waiting *next = CONTAINER_OF(head, struct waiting, node);
    if (next->asynchronous) {
        return next;
    }
    next->slot = slot;
    pthread_cond_signal(&next->granted);
    return NULL;
}

void pool_release(struct pool *self, struct slot *slot)
{
    pthread_mutex_lock(&self->lock);
    struct waiting *next = hand_over(self, slot);
    pthread_mutex_unlock(&self->lock);
    while (next != NULL && !self->events->start(next, slot)) {
        pthread_mutex_lock(&self->lock);
        list_push_back(&self->guarded.failed, &next->node);
        alarm_set(&self->guarded.alarm, 0);
        next = hand_over(self, slot);
        pthread_mutex_unlock(&self->lock);
    }
}

/* Under the lock: moves the calls whose time is over to `due`, and all when closed. The earliest
   deadline of the others, or UINT64_MAX. */
static uint64_t collect_due(struct pool *self, struct list *due)
{
    uint64_t now = clock_now_ns();
    uint64_t next_ns = UINT64_MAX;
    struct list *line = &self->guarded.line;
    struct list_node *after;
    list_init(due);
    for (struct list_node *node = list_first(line); node != NULL; node = after) {
        after = list_after(line, node);
        struct waiting *waiting = CONTAINER_OF(node, struct waiting, node);
        if (!waiting->asynchronous) {
            continue;
        }
        if (self->guarded.closed || waiting->deadline_ns <= now) {
            list_remove(node);
            list_push_back(due, node);
        } else if (waiting->deadline_ns < next_ns) {
            next_ns = waiting->deadline_ns;
        }
    }
    return next_ns;
}

static void give_up_all(struct pool *self, struct list *calls, enum pool_result why)
{
    struct list_node *node;
    while ((node = list_pop_front(calls)) != NULL) {
        self->events->give_up(CONTAINER_OF(node, struct waiting, node), why);
    }
}

static void on_alarm(void *argument)
{
    struct pool *self = argument;
    struct list due;
    struct list failed;
    pthread_mutex_lock(&self->lock);
    alarm_went_off(&self->guarded.alarm);
    uint64_t next_ns = collect_due(self, &due);
    list_take(&failed, &self->guarded.failed);
    bool closed = self->guarded.closed;
    if (next_ns != UINT64_MAX) {
        alarm_set(&self->guarded.alarm, next_ns);
    }
    pthread_mutex_unlock(&self->lock);

    give_up_all(self, &due, closed ? POOL_CLOSED : POOL_EXPIRED);
    give_up_all(self, &failed, closed ? POOL_CLOSED : POOL_NO_MEMORY);
    pthread_mutex_lock(&self->lock);
    tell_if_quiet(self);
    pthread_mutex_unlock(&self->lock);
}

void pool_shut(struct pool *self)
{
    pthread_mutex_lock(&self->lock);
    self->guarded.closed = true;
    struct list *line = &self->guarded.line;
    for (struct list_node *node = list_first(line); node != NULL; node = list_after(line, node)) {
        struct waiting *waiting = CONTAINER_OF(node, struct waiting, node);
        if (!waiting->asynchronous) {
            pthread_cond_signal(&waiting->granted);
        }
    }
    alarm_set(&self->guarded.alarm, 0);
    pthread_mutex_unlock(&self->lock);
}

void pool_join(struct pool *self)
{
    pthread_mutex_lock(&self->lock);
    while (!is_quiet(self)) {
        pthread_cond_wait(&self->guarded.quiet, &self->lock);
    }
    pthread_mutex_unlock(&self->lock);
}

void pool_deinit(struct pool *self)
{
    alarm_deinit(&self->guarded.alarm);
    struct slot *next;
    for (struct slot *slot = self->guarded.all; slot != NULL; slot = next) {
        next = slot->next;
        slot_deinit(slot);
        free(slot);
    }
    pthread_cond_destroy(&self->guarded.quiet);
    pthread_mutex_destroy(&self->lock);
}
