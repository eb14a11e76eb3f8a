/* What is to be done with a parked call is noted in `raised`, under the mutex, by whoever knows of
   it; the thread takes the call off the ready list and does the weightiest of it. A reason that
   comes while the thread is at the call is seen when it puts the call back. */
#include "rpc/park_internal.h"

#include "base/clock.h"
#include "base/monotonic.h"
#include "rpc/dispatch.h"
#include "rpc/exchange.h"

static struct stated_parked *parked_of_entry(struct list_node *timer_node)
{
    struct gate_entry *entry = CONTAINER_OF(timer_node, struct gate_entry, timer_node);
    return CONTAINER_OF(entry, struct stated_call, entry)->parked;
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
    park_end_memory(call);
    pthread_mutex_lock(&self->mutex);
    list_remove(&parked->node);
    list_remove(&parked->party_node);
    deadline_remove(&self->guarded.deadlines, &call->entry);
    park_guarded_leave(self, call->entry.party);
    pthread_mutex_unlock(&self->mutex);
    call_complete(call); /* the frame may be gone with it, and so the parked call and the party */
}

static void guarded_expire(struct park *self)
{
    struct list due;
    list_init(&due);
    deadline_take_due(&self->guarded.deadlines, clock_now_ns(), &due);
    for (struct list_node *node = list_pop_front(&due); node != NULL; node = list_pop_front(&due)) {
        park_guarded_raise(self, parked_of_entry(node), RAISED_EXPIRED);
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
        park_guarded_make_ready(self, parked);
    } else if (self->guarded.count == 0) {
        pthread_cond_broadcast(&self->idle);
    }
}

void *park_run(void *argument)
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
