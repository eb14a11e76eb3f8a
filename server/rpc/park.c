/* What is to be done with a parked call is noted in `raised`, under the mutex, by whoever knows of
   it; the thread takes the call off the ready list and does the weightiest of it. A reason that
   comes while the thread is at the call is seen when it puts the call back. */
#include "rpc/park.h"

#include "base/clock.h"
#include "base/monotonic.h"
#include "rpc/dispatch.h"
#include "rpc/exchange.h"
#include "sched/deadline.h"

#include <stdlib.h>
#include <string.h>

/* The answer is to reach the caller before its own clock runs out: so much of its time, and at
   most so many milliseconds, are kept for the way back. */
#define WAY_BACK_PART 10
#define WAY_BACK_MAX_MS 100
/* When somebody who is refused may try again. */
#define RETRY_MS 1000

enum {
    RAISED_WOKEN = 1 << 0,
    RAISED_EXPIRED = 1 << 1,
    RAISED_STOPPING = 1 << 2,
    RAISED_GONE = 1 << 3,
};

struct park {
    struct park_options options;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake; /* the thread's */
    pthread_cond_t idle;
    struct {
        uint32_t count; /* with those that are about to be parked */
        uint32_t held_frames;
        struct list all;
        struct list ready;
        struct deadline deadlines;
        bool sleeping;
        uint64_t sleeps_until_ns;
        bool acting; /* the thread is at a call, without the mutex */
        bool draining;
        bool stopping;
    } guarded;
};

static struct stated_parked *parked_of_entry(struct list_node *timer_node)
{
    struct gate_entry *entry = CONTAINER_OF(timer_node, struct gate_entry, timer_node);
    return CONTAINER_OF(entry, struct stated_call, entry)->parked;
}

/* Under the mutex, as are all that say "guarded". */
static void guarded_wake_thread(struct park *self, uint64_t due_ns)
{
    if (self->guarded.sleeping && due_ns < self->guarded.sleeps_until_ns) {
        self->guarded.sleeping = false;
        pthread_cond_signal(&self->wake);
    }
}

static void guarded_make_ready(struct park *self, struct stated_parked *parked)
{
    if (parked->has_begun && !parked->is_resuming && parked->raised != 0 &&
        !list_node_is_linked(&parked->ready_node)) {
        list_push_back(&self->guarded.ready, &parked->ready_node);
        guarded_wake_thread(self, 0);
    }
}

static void guarded_raise(struct park *self, struct stated_parked *parked, unsigned reason)
{
    parked->raised |= reason;
    guarded_make_ready(self, parked);
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

static void guarded_leave(struct park *self, struct gate_party *party)
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
    guarded_leave(self, call->entry.party);
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
    guarded_raise(self, parked, RAISED_WOKEN);
    pthread_mutex_unlock(&self->mutex);
}

enum stated_code stated_call_stay(struct stated_call *call)
{
    call->stays = true;
    return STATED_OK;
}

static void end_memory(struct stated_call *call)
{
    if (call->parked->ops->end != NULL) {
        call->parked->ops->end(call, call->parked->memory);
    }
}

void park_abandon(struct stated_call *call)
{
    end_memory(call);
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
    guarded_wake_thread(self, deadline_add(&self->guarded.deadlines, entry));
    parked->raised |= entry->party->is_gone ? RAISED_GONE : 0u;
    parked->raised |= self->guarded.draining ? RAISED_STOPPING : 0u;
    guarded_make_ready(self, parked);
    pthread_mutex_unlock(&self->mutex);
}

void park_cancel_party(struct park *self, struct gate_party *party)
{
    pthread_mutex_lock(&self->mutex);
    party->is_gone = true;
    for (struct list_node *node = list_first(&party->parked); node != NULL;
         node = list_after(&party->parked, node)) {
        guarded_raise(self, CONTAINER_OF(node, struct stated_parked, party_node), RAISED_GONE);
    }
    pthread_mutex_unlock(&self->mutex);
}

void park_drain(struct park *self)
{
    pthread_mutex_lock(&self->mutex);
    self->guarded.draining = true;
    for (struct list_node *node = list_first(&self->guarded.all); node != NULL;
         node = list_after(&self->guarded.all, node)) {
        guarded_raise(self, CONTAINER_OF(node, struct stated_parked, node), RAISED_STOPPING);
    }
    pthread_mutex_unlock(&self->mutex);
}

/* The only call of a frame has a response only while it is resumed. */
static bool prepare_response(struct stated_call *call)
{
    const ProtobufCMessageDescriptor *type = call->method->response;
    if (call->response == NULL) {
        call->response = arena_alloc(call_arena(call), type->sizeof_message);
    }
    if (call->response == NULL) {
        return false;
    }
    protobuf_c_message_init(type, call->response);
    return true;
}

/* True: it stays parked. */
static bool resume(struct stated_parked *parked, enum stated_wake why)
{
    struct stated_call *call = parked->call;
    call->stays = false;
    if (!prepare_response(call)) {
        stated_call_fail(call, STATED_RESOURCE_EXHAUSTED, "out of memory for the reply");
        return false;
    }
    enum stated_code code = parked->ops->resume(call, why, parked->memory, call->response);
    if (code != call->reply.code) {
        call_set_outcome(call, code, "the service gave no reason");
    }
    if (code != STATED_OK || why != STATED_WAKE_CALLED || !call->stays) {
        return false;
    }
    if (call == &parked->own) {
        call->response = NULL;
        arena_release(call_arena(call));
    }
    return true;
}

/* Without the mutex. True: it stays parked. */
static bool look_at(struct stated_parked *parked, unsigned raised)
{
    if ((raised & RAISED_GONE) != 0) {
        call_set_outcome(parked->call, STATED_CANCELLED, "cancelled while parked");
        return false;
    }
    return resume(parked, (raised & RAISED_STOPPING) != 0  ? STATED_WAKE_STOPPING
                          : (raised & RAISED_EXPIRED) != 0 ? STATED_WAKE_TIMEOUT
                                                           : STATED_WAKE_CALLED);
}

static void finish(struct park *self, struct stated_parked *parked)
{
    struct stated_call *call = parked->call;
    end_memory(call);
    pthread_mutex_lock(&self->mutex);
    list_remove(&parked->node);
    list_remove(&parked->party_node);
    deadline_remove(&self->guarded.deadlines, &call->entry);
    guarded_leave(self, call->entry.party);
    pthread_mutex_unlock(&self->mutex);
    call_complete(call); /* the frame may be gone with it, and so the parked call and the party */
}

static void guarded_expire(struct park *self)
{
    struct list due;
    list_init(&due);
    deadline_take_due(&self->guarded.deadlines, clock_now_ns(), &due);
    for (struct list_node *node = list_pop_front(&due); node != NULL; node = list_pop_front(&due)) {
        guarded_raise(self, parked_of_entry(node), RAISED_EXPIRED);
    }
}

static void guarded_sleep(struct park *self)
{
    self->guarded.sleeping = true;
    self->guarded.sleeps_until_ns = deadline_next_ns(&self->guarded.deadlines);
    monotonic_cond_wait(&self->wake, &self->mutex, self->guarded.sleeps_until_ns);
    self->guarded.sleeping = false;
}

/* The mutex is held before and after. */
static void guarded_serve(struct park *self, struct stated_parked *parked)
{
    unsigned raised = parked->raised;
    parked->raised = 0;
    parked->is_resuming = true;
    self->guarded.acting = true;
    pthread_mutex_unlock(&self->mutex);
    bool stays = look_at(parked, raised);
    if (!stays) {
        finish(self, parked);
    }
    pthread_mutex_lock(&self->mutex);
    self->guarded.acting = false;
    if (stays) {
        parked->is_resuming = false;
        guarded_make_ready(self, parked);
    } else if (self->guarded.count == 0) {
        pthread_cond_broadcast(&self->idle);
    }
}

static void *run(void *argument)
{
    struct park *self = argument;
    pthread_mutex_lock(&self->mutex);
    while (!self->guarded.stopping) {
        guarded_expire(self);
        struct list_node *node = list_pop_front(&self->guarded.ready);
        if (node != NULL) {
            guarded_serve(self, CONTAINER_OF(node, struct stated_parked, ready_node));
        } else {
            guarded_sleep(self);
        }
    }
    pthread_mutex_unlock(&self->mutex);
    return NULL;
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
    if (pthread_create(&self->thread, NULL, run, self) != 0) {
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
    guarded_wake_thread(self, 0);
    pthread_mutex_unlock(&self->mutex);
    pthread_join(self->thread, NULL);
    pthread_cond_destroy(&self->idle);
    pthread_cond_destroy(&self->wake);
    pthread_mutex_destroy(&self->mutex);
    free(self);
}
