#include "rpc/dispatch.h"

#include "base/clock.h"
#include "escape.h"
#include "rpc/call.h"
#include "rpc/execute.h"
#include "rpc/park.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

void dispatch_init(struct dispatch *self, const struct dispatch_limits *limits, uint64_t epoch)
{
    *self = (struct dispatch){.limits = *limits, .epoch = epoch};
}

void dispatch_deinit(struct dispatch *self)
{
    free(self->services);
}

enum stated_code dispatch_register(struct dispatch *self, const struct stated_service_type *type,
                                   const void *handlers, void *state, struct stated_status *status)
{
    for (size_t i = 0; i < self->n_services; i++) {
        if (strcmp(self->services[i].type->name, type->name) == 0) {
            return stated_status_set(status, STATED_ALREADY_EXISTS,
                                     "the service %s is registered already", type->name);
        }
    }
    struct service *grown =
        realloc(self->services, (self->n_services + 1) * sizeof(self->services[0]));
    if (grown == NULL) {
        return stated_status_set(status, STATED_RESOURCE_EXHAUSTED,
                                 "out of memory to register the service %s", type->name);
    }
    self->services = grown;
    self->services[self->n_services++] =
        (struct service){.type = type, .handlers = handlers, .state = state};
    return STATED_OK;
}

void dispatch_attach(struct dispatch *self, struct gate *gate, struct store *store)
{
    self->gate = gate;
    self->store = store;
}

void dispatch_attach_park(struct dispatch *self, struct park *park)
{
    self->park = park;
}

static bool find_method(const struct dispatch *self, struct stated_call *call, const char *name)
{
    for (size_t i = 0; i < self->n_services; i++) {
        const struct stated_service_type *type = self->services[i].type;
        for (size_t j = 0; j < type->n_methods; j++) {
            if (strcmp(type->methods[j].name, name) == 0) {
                call->service = &self->services[i];
                call->method = &type->methods[j];
                return true;
            }
        }
    }
    char shown[ESCAPE_BYTES];
    stated_call_fail(call, STATED_UNIMPLEMENTED,
                     "unknown method \"%s\": this server does not serve it",
                     escape_text(shown, name));
    return false;
}

static bool read_deadline(const struct dispatch *self, struct stated_call *call,
                          const Stated__V1__Call *wire, uint64_t now_ns)
{
    uint32_t timeout_ms = wire->timeout_ms;
    if (timeout_ms > self->limits.max_timeout_ms) {
        stated_call_fail(call, STATED_INVALID_ARGUMENT,
                         "timeout_ms %u is over the server's limit of %u; ask for less", timeout_ms,
                         self->limits.max_timeout_ms);
        return false;
    }
    if (timeout_ms == 0) {
        timeout_ms = self->limits.default_timeout_ms;
    }
    call->entry.deadline_ns = now_ns + timeout_ms * CLOCK_NS_PER_MS;
    return true;
}

/* A sequence asks for exactly-once; to take it and not honour it would be worse than to say no. */
static bool take_sequence(const struct dispatch *self, struct stated_call *call,
                          const Stated__V1__Call *wire)
{
    const struct exchange *exchange = call->exchange;
    if (wire->sequence == 0 || call->method->access != STATED_ACCESS_WRITE) {
        return true;
    }
    if (self->store == NULL || (self->store->ops->capabilities & STORE_CAN_EXACTLY_ONCE) == 0) {
        stated_call_fail(call, STATED_UNIMPLEMENTED,
                         "sequence %llu: this server keeps no record of sequences; send 0",
                         (unsigned long long)wire->sequence);
        return false;
    }
    if (exchange->client_id == NULL) {
        stated_call_fail(call, STATED_INVALID_ARGUMENT,
                         "sequence %llu needs a client_id of %d bytes in the frame",
                         (unsigned long long)wire->sequence, FRAME_CLIENT_ID_BYTES);
        return false;
    }
    call->op.once = (struct store_once){
        .client_id = exchange->client_id,
        .sequence = wire->sequence,
        .acked_below = exchange->acked_below,
        .request_hash = XXH3_64bits(wire->payload.data, wire->payload.len),
    };
    return true;
}

static bool unpack_request(struct stated_call *call, const Stated__V1__Call *wire)
{
    const struct stated_method *method = call->method;
    struct arena *arena = call_arena(call);
    call->request = protobuf_c_message_unpack(method->request, &arena->allocator, wire->payload.len,
                                              wire->payload.data);
    call->response = arena_alloc(arena, method->response->sizeof_message);
    if (call->response == NULL) {
        stated_call_fail(call, STATED_RESOURCE_EXHAUSTED,
                         "the frame needs more memory than a frame may; send less in it");
        return false;
    }
    if (call->request == NULL) {
        stated_call_fail(call, STATED_INVALID_ARGUMENT,
                         "the payload of %zu bytes for %s is not a %s", wire->payload.len,
                         method->name, method->request->name);
        return false;
    }
    protobuf_c_message_init(method->response, call->response);
    return true;
}

static bool admit(struct stated_call *call)
{
    struct stated_admission admission = {.light = false, .bypass = false};
    enum stated_code code =
        call->method->admit(call->service->handlers, call, call->request, &admission);
    if (code != call->reply.code) {
        call_set_outcome(call, code, "the service gave no reason");
    }
    if (code != STATED_OK) {
        return false;
    }
    bool is_write = call->method->access == STATED_ACCESS_WRITE;
    call->entry.light = !is_write && admission.light;
    call->entry.access = is_write ? GATE_WRITE : admission.bypass ? GATE_BYPASS : GATE_READ;
    return true;
}

/* Runs the handler of a method that takes no ticket. */
static enum dispatch_next invoke(struct stated_call *call)
{
    call_invoke(call);
    if (call->parked == NULL) {
        return DISPATCH_COMPLETE;
    }
    if (call->reply.code == STATED_OK) {
        return DISPATCH_PARK;
    }
    park_abandon(call);
    return DISPATCH_COMPLETE;
}

enum dispatch_next dispatch_prepare(struct dispatch *self, struct stated_call *call,
                                    const Stated__V1__Call *wire, uint64_t now_ns)
{
    call->reply.message = "";
    if (!find_method(self, call, wire->method) || !read_deadline(self, call, wire, now_ns) ||
        !take_sequence(self, call, wire) || !unpack_request(call, wire) || !admit(call)) {
        return DISPATCH_COMPLETE;
    }
    call->entry.label = call->method->name;
    call->entry.party = call->exchange->party;
    call->entry.bytes = (uint32_t)wire->payload.len;
    if (call->method->access == STATED_ACCESS_READ || call->method->access == STATED_ACCESS_WRITE) {
        return DISPATCH_SUBMIT;
    }
    return invoke(call);
}

struct refusal {
    enum stated_code code;
    const char *message;
};

/* What a caller is told about an entry that the gate dropped. */
static const struct refusal refusals[] = {
    [GATE_REASON_NONE] = {STATED_INTERNAL, "dropped for no reason"},
    [GATE_REASON_QUEUE_CALLS] = {STATED_RESOURCE_EXHAUSTED,
                                 "the queue is full (calls): not executed, try again later"},
    [GATE_REASON_QUEUE_BYTES] = {STATED_RESOURCE_EXHAUSTED,
                                 "the queue is full (bytes): not executed, try again later"},
    [GATE_REASON_SHARE] = {STATED_RESOURCE_EXHAUSTED,
                           "this connection has its share of calls in flight: not executed, wait "
                           "for some of them"},
    [GATE_REASON_HOPELESS] = {STATED_DEADLINE_EXCEEDED,
                              "the queue is longer than the time this call has: not executed"},
    [GATE_REASON_LATE] = {STATED_DEADLINE_EXCEEDED,
                          "the deadline had passed on arrival: not executed"},
    [GATE_REASON_DRAINING] = {STATED_UNAVAILABLE, "the server is stopping: not executed"},
    [GATE_REASON_POISONED] = {STATED_FAILED_PRECONDITION, "the state is poisoned: not executed"},
    [GATE_REASON_EXPIRED] = {STATED_DEADLINE_EXCEEDED,
                             "the deadline passed in the queue: not executed"},
    [GATE_REASON_CANCELLED] = {STATED_CANCELLED, "cancelled in the queue: not executed"},
};

void dispatch_refuse_poisoned(struct dispatch *self, struct stated_call *call)
{
    struct gate_poison poison;
    const struct refusal *refusal = &refusals[GATE_REASON_POISONED];
    call_set_outcome(call, refusal->code, refusal->message);
    if (gate_read_poison(self->gate, &poison)) {
        stated_call_fail(
            call, refusal->code,
            "the state is poisoned by ticket %llu (%s): not executed; an operator clears "
            "it with \"statectl poison clear\" once the state is good again",
            (unsigned long long)poison.ticket, poison.label);
    }
}

static void dropped(void *context, struct gate_entry *entry)
{
    struct dispatch *self = context;
    struct stated_call *call = CONTAINER_OF(entry, struct stated_call, entry);
    const struct refusal *refusal = &refusals[entry->reason];
    if (entry->reason == GATE_REASON_POISONED) {
        dispatch_refuse_poisoned(self, call);
    } else {
        call_set_outcome(call, refusal->code, refusal->message);
    }
    call->reply.retry_after_ms = entry->retry_after_ms;
    call->reply.order.ticket = entry->ticket;
    call->reply.order.queued_ahead = entry->queued_ahead;
    call_complete(call);
}

const struct gate_ops dispatch_gate_ops = {
    .execute = execute_run,
    .finished = execute_finished,
    .dropped = dropped,
};
