/* What comes into the park, and what may happen to it there; park_thread.c does it. */
#include "rpc/park_internal.h"

#include "base/clock.h"
#include "base/monotonic.h"
#include "rpc/dispatch.h"
#include "rpc/exchange.h"

#include <stdlib.h>
#include <string.h>

/* The answer is to reach the caller before its own clock runs out: so much of its time, and at
   most so many milliseconds, are kept for the way back. */
#define WAY_BACK_PART 10
#define WAY_BACK_MAX_MS 100
/* When somebody who is refused may try again. */
#define RETRY_MS 1000

void park_guarded_wake(struct park *self, uint64_t due_ns)
{
    if (self->guarded.sleeping && due_ns < self->guarded.sleeps_until_ns) {
        self->guarded.sleeping = false;
        pthread_cond_signal(&self->wake);
    }
}

void park_guarded_make_ready(struct park *self, struct stated_parked *parked)
{
    if (parked->has_begun && !parked->is_resuming && parked->raised != 0 &&
        !list_node_is_linked(&parked->ready_node)) {
        list_push_back(&self->guarded.ready, &parked->ready_node);
        park_guarded_wake(self, 0);
    }
}

void park_guarded_raise(struct park *self, struct stated_parked *parked, unsigned reason)
{
    parked->raised |= reason;
    park_guarded_make_ready(self, parked);
}

static enum stated_code reserve(struct park *self, struct stated_call *call)
{
    struct gate_party *party = call->entry.party;
    pthread_mutex_lock(&self->mutex);
    bool draining = self->guarded.draining;
    bool is_full = self->guarded.count >= self->options.max_calls;
    bool has_share = party->n_parked < self->options.max_party_calls;
    bool admitted = !draining && !is_full && has_share;
    self->guarded.count += admitted;
    party->n_parked += admitted;
    pthread_mutex_unlock(&self->mutex);
    if (admitted) {
        return STATED_OK;
    }
    if (draining) {
        return stated_call_fail(call, STATED_UNAVAILABLE, "the server is stopping: not parked");
    }
    if (self->options.max_calls == 0 || self->options.max_party_calls == 0) {
        return stated_call_fail(call, STATED_RESOURCE_EXHAUSTED,
                                "this server lets no call wait: not parked; raise max-parked and "
                                "max-parked-per-connection, or look again now and then");
    }
    call->reply.retry_after_ms = RETRY_MS;
    return is_full ? stated_call_fail(call, STATED_RESOURCE_EXHAUSTED,
                                      "%u calls are parked, as many as may be: not parked, try "
                                      "again later",
                                      self->options.max_calls)
                   : stated_call_fail(call, STATED_RESOURCE_EXHAUSTED,
                                      "this connection has parked %u calls, as many as one may: "
                                      "not parked, wait for some of them",
                                      self->options.max_party_calls);
}

void park_guarded_leave(struct park *self, struct gate_party *party)
{
    party->n_parked--;
    self->guarded.count--;
    if (self->guarded.count == 0) {
        pthread_cond_broadcast(&self->idle);
    }
}

static void unreserve(struct park *self, struct stated_call *call)
{
    pthread_mutex_lock(&self->mutex);
    park_guarded_leave(self, call->entry.party);
    pthread_mutex_unlock(&self->mutex);
}

enum stated_code stated_call_park(struct stated_call *call, const struct stated_park_ops *ops,
                                  size_t bytes, struct stated_parked **parked)
{
    struct park *self = call->exchange->dispatch->park;
    *parked = NULL;
    if (call->method->access != STATED_ACCESS_PARK || call->parked != NULL) {
        return stated_call_fail(call, STATED_INTERNAL,
                                "%s wants to park a call that cannot be parked",
                                call->method->name);
    }
    if (self == NULL) {
        return stated_call_fail(call, STATED_UNIMPLEMENTED, "calls cannot be parked here");
    }
    enum stated_code code = reserve(self, call);
    if (code != STATED_OK) {
        return code;
    }
    struct stated_parked *made = NULL;
    if (bytes <= SIZE_MAX - sizeof(*made)) {
        made = calloc(1, sizeof(*made) + bytes);
    }
    if (made == NULL) {
        unreserve(self, call);
        return stated_call_fail(call, STATED_RESOURCE_EXHAUSTED,
                                "out of memory to park a call: not parked, try again later");
    }
    made->park = self;
    made->call = call;
    made->ops = ops;
    list_node_init(&made->node);
    list_node_init(&made->party_node);
    list_node_init(&made->ready_node);
    call->parked = made;
    *parked = made;
    return STATED_OK;
}

void *stated_parked_memory(struct stated_parked *parked)
{
    return parked->memory;
}

void stated_parked_wake(struct stated_parked *parked)
{
    struct park *self = parked->park;
    pthread_mutex_lock(&self->mutex);
    park_guarded_raise(self, parked, RAISED_WOKEN);
    pthread_mutex_unlock(&self->mutex);
}

enum stated_code stated_call_stay(struct stated_call *call)
{
    call->stays = true;
    return STATED_OK;
}

void park_end_memory(struct stated_call *call)
{
    if (call->parked->ops->end != NULL) {
        call->parked->ops->end(call, call->parked->memory);
    }
}

void park_abandon(struct stated_call *call)
{
    park_end_memory(call);
    unreserve(call->parked->park, call);
    free(call->parked);
    call->parked = NULL;
}

struct stated_call *park_take_call(struct stated_parked *parked)
{
    parked->own = *parked->call;
    parked->own.request = NULL;
    parked->own.response = NULL;
    parked->call = &parked->own;
    return parked->call;
}

static void refuse_all(struct park *self, struct stated_parked *first)
{
    while (first != NULL) {
        struct stated_parked *next = first->next;
        struct stated_call *call = first->call;
        call->reply.retry_after_ms = RETRY_MS;
        stated_call_fail(call, STATED_RESOURCE_EXHAUSTED,
                         "%u frames of several calls are parked, as many as may be: not parked, "
                         "send this call in a frame of its own",
                         self->options.max_held_frames);
        park_abandon(call);
        call_complete(call);
        first = next;
    }
}

bool park_hold_frame(struct park *self, struct stated_parked *first)
{
    pthread_mutex_lock(&self->mutex);
    bool held = self->guarded.held_frames < self->options.max_held_frames;
    self->guarded.held_frames += held;
    pthread_mutex_unlock(&self->mutex);
    if (!held) {
        refuse_all(self, first);
    }
    return held;
}

void park_release_frame(struct park *self)
{
    pthread_mutex_lock(&self->mutex);
    self->guarded.held_frames--;
    pthread_mutex_unlock(&self->mutex);
}

void park_free_all(struct stated_parked *first)
{
    while (first != NULL) {
        struct stated_parked *next = first->next;
        free(first);
        first = next;
    }
}

static uint64_t answer_due_ns(uint64_t deadline_ns)
{
    uint64_t now_ns = clock_now_ns();
    uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
    uint64_t way_back_ns = left_ns / WAY_BACK_PART;
    return deadline_ns - (way_back_ns < WAY_BACK_MAX_MS * CLOCK_NS_PER_MS
                              ? way_back_ns
                              : WAY_BACK_MAX_MS * CLOCK_NS_PER_MS);
}

void park_begin(struct park *self, struct stated_parked *parked)
{
    struct gate_entry *entry = &parked->call->entry;
    entry->deadline_ns = answer_due_ns(entry->deadline_ns);
    list_node_init(&entry->timer_node);
    pthread_mutex_lock(&self->mutex);
    parked->has_begun = true;
    list_push_back(&self->guarded.all, &parked->node);
    list_push_back(&entry->party->parked, &parked->party_node);
    park_guarded_wake(self, deadline_add(&self->guarded.deadlines, entry));
    parked->raised |= entry->party->is_gone ? RAISED_GONE : 0u;
    parked->raised |= self->guarded.draining ? RAISED_STOPPING : 0u;
    park_guarded_make_ready(self, parked);
    pthread_mutex_unlock(&self->mutex);
}

void park_cancel_party(struct park *self, struct gate_party *party)
{
    pthread_mutex_lock(&self->mutex);
    party->is_gone = true;
    for (struct list_node *node = list_first(&party->parked); node != NULL;
         node = list_after(&party->parked, node)) {
        park_guarded_raise(self, CONTAINER_OF(node, struct stated_parked, party_node), RAISED_GONE);
    }
    pthread_mutex_unlock(&self->mutex);
}

void park_drain(struct park *self)
{
    pthread_mutex_lock(&self->mutex);
    self->guarded.draining = true;
    for (struct list_node *node = list_first(&self->guarded.all); node != NULL;
         node = list_after(&self->guarded.all, node)) {
        park_guarded_raise(self, CONTAINER_OF(node, struct stated_parked, node), RAISED_STOPPING);
    }
    pthread_mutex_unlock(&self->mutex);
}

enum stated_code park_new(const struct park_options *options, struct park **park)
{
    *park = NULL;
    struct park *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return STATED_RESOURCE_EXHAUSTED;
    }
    self->options = *options;
    pthread_mutex_init(&self->mutex, NULL);
    if (monotonic_cond_init(&self->wake) != 0) {
        goto destroy_mutex;
    }
    if (monotonic_cond_init(&self->idle) != 0) {
        goto destroy_wake;
    }
    list_init(&self->guarded.all);
    list_init(&self->guarded.ready);
    deadline_init(&self->guarded.deadlines, clock_now_ns());
    if (pthread_create(&self->thread, NULL, park_run, self) != 0) {
        goto destroy_idle;
    }
    pthread_setname_np(self->thread, "stated:park");
    *park = self;
    return STATED_OK;

destroy_idle:
    pthread_cond_destroy(&self->idle);
destroy_wake:
    pthread_cond_destroy(&self->wake);
destroy_mutex:
    pthread_mutex_destroy(&self->mutex);
    free(self);
    return STATED_RESOURCE_EXHAUSTED;
}

bool park_wait_idle(struct park *self, uint32_t timeout_ms)
{
    uint64_t until_ns = clock_now_ns() + timeout_ms * CLOCK_NS_PER_MS;
    bool in_time = true;
    pthread_mutex_lock(&self->mutex);
    while (in_time && (self->guarded.count > 0 || self->guarded.acting)) {
        in_time = monotonic_cond_wait(&self->idle, &self->mutex, until_ns);
    }
    bool idle = self->guarded.count == 0 && !self->guarded.acting;
    pthread_mutex_unlock(&self->mutex);
    return idle;
}

uint32_t park_count(struct park *self)
{
    pthread_mutex_lock(&self->mutex);
    uint32_t count = self->guarded.count;
    pthread_mutex_unlock(&self->mutex);
    return count;
}

void park_free(struct park *self)
{
    if (self == NULL) {
        return;
    }
    pthread_mutex_lock(&self->mutex);
    self->guarded.stopping = true;
    park_guarded_wake(self, 0);
    pthread_mutex_unlock(&self->mutex);
    pthread_join(self->thread, NULL);
    pthread_cond_destroy(&self->idle);
    pthread_cond_destroy(&self->wake);
    pthread_mutex_destroy(&self->mutex);
    free(self);
}
