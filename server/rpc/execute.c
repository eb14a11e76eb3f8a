#include "rpc/execute.h"

#include "base/clock.h"
#include "rpc/call.h"
#include "rpc/dispatch.h"
#include "rpc/exchange.h"

static struct stated_call *call_of(struct list_node *node)
{
    return CONTAINER_OF(CONTAINER_OF(node, struct gate_entry, node), struct stated_call, entry);
}

static void store_completed(void *argument)
{
    struct gate_run *run = argument;
    struct stated_call *first = call_of(list_first(&run->entries));
    gate_finish(first->exchange->dispatch->gate, run);
}

/* Runs the handler, unless the state has been torn since the call was granted. */
static void execute_call(struct dispatch *self, struct stated_call *call)
{
    if (gate_is_poisoned(self->gate)) {
        dispatch_refuse_poisoned(self, call);
        return;
    }
    call_invoke(call);
    if (call->torn) {
        gate_poison(self->gate, &call->entry, call->reply.message);
    }
}

static void execute_from(struct dispatch *self, struct gate_run *run, struct list_node *node)
{
    for (; node != NULL; node = list_after(&run->entries, node)) {
        struct stated_call *call = call_of(node);
        call->run = run;
        execute_call(self, call);
    }
}

/* What queued up while a run of writes was executed joins it before its commit, which costs more
   than all of them; so it goes on until nothing is queued, or the run is full. */
void execute_run(void *context, struct gate_run *run)
{
    struct dispatch *self = context;
    struct list_node *next = list_first(&run->entries);
    while (next != NULL) {
        execute_from(self, run, next);
        bool commits = run->kind == GATE_RUN_EXCLUSIVE && run->execution != NULL;
        next = commits ? gate_extend(self->gate, run) : NULL;
    }
    if (run->execution == NULL ||
        self->store->ops->commit(run->execution, store_completed, run) == STORE_COMPLETE) {
        gate_finish(self->gate, run);
    }
}

enum stated_code execute_apply(struct stated_call *call)
{
    struct store *store = call->exchange->dispatch->store;
    struct gate_run *run = call->run;
    if (run->execution == NULL) {
        run->execution = store->ops->begin(store, run->kind == GATE_RUN_EXCLUSIVE ? STORE_EXCLUSIVE
                                                                                  : STORE_SHARED);
    }
    if (run->execution == NULL) {
        return stated_call_fail(call, STATED_RESOURCE_EXHAUSTED,
                                "out of memory to start a transaction; nothing was changed");
    }
    call->uses_store = true;
    call->op.arena = call_arena(call);
    call->op.max_response_bytes = exchange_response_share(call->exchange, call);
    store->ops->apply(run->execution, &call->op);
    return STATED_OK;
}

static uint32_t microseconds_between(uint64_t from_ns, uint64_t to_ns)
{
    uint64_t us = to_ns > from_ns ? (to_ns - from_ns) / CLOCK_NS_PER_US : 0;
    return us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

void execute_finished(void *context, struct gate_run *run)
{
    (void)context;
    /* Completing a call may free it and, with the last one, the run: take each off before. */
    struct list entries;
    list_take(&entries, &run->entries);
    for (struct list_node *node = list_pop_front(&entries); node != NULL;
         node = list_pop_front(&entries)) {
        struct stated_call *call = call_of(node);
        const struct gate_entry *entry = &call->entry;
        call->reply.order = (struct stated_order){
            .ticket = entry->ticket,
            .queued_ahead = entry->queued_ahead,
            .wait_us = microseconds_between(entry->admitted_ns, entry->granted_ns),
            .hold_us = microseconds_between(entry->granted_ns, entry->finished_ns),
            .replayed = call->op.replayed,
        };
        call_complete(call);
    }
}
