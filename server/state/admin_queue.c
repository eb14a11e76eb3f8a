#include "state/admin_queue.h"

#include "base/clock.h"
#include "sched/gate.h"
#include "server.h"

#include <inttypes.h>

#define QUEUE_LIMIT_DEFAULT 100
#define QUEUE_LIMIT_MAX 1000

/* NULL when memory is out. */
static Stated__V1__Poison *copy_poison(struct stated_call *call, const struct gate_poison *poison)
{
    Stated__V1__Poison *out = stated_call_alloc(call, sizeof(*out));
    if (out == NULL) {
        return NULL;
    }
    stated__v1__poison__init(out);
    out->ticket = poison->ticket;
    out->age_ms = (clock_now_ns() - poison->since_ns) / CLOCK_NS_PER_MS;
    out->method = admin_copy_text(call, poison->label);
    out->reason = admin_copy_text(call, poison->message);
    return out->method == NULL || out->reason == NULL ? NULL : out;
}

static const Stated__V1__Access wire_access[] = {
    [GATE_READ] = STATED__V1__ACCESS__ACCESS_READ,
    [GATE_WRITE] = STATED__V1__ACCESS__ACCESS_WRITE,
    [GATE_BYPASS] = STATED__V1__ACCESS__ACCESS_READ,
};

static Stated__V1__QueuedCall **copy_calls(struct stated_call *call,
                                           const struct gate_queued_call *calls, size_t n)
{
    Stated__V1__QueuedCall **list = stated_call_alloc(call, n * sizeof(*list));
    Stated__V1__QueuedCall *out = stated_call_alloc(call, n * sizeof(*out));
    uint64_t now_ns = clock_now_ns();
    for (size_t i = 0; list != NULL && out != NULL && i < n; i++) {
        stated__v1__queued_call__init(&out[i]);
        out[i].ticket = calls[i].ticket;
        out[i].access = wire_access[calls[i].access];
        out[i].age_us =
            now_ns > calls[i].since_ns ? (now_ns - calls[i].since_ns) / CLOCK_NS_PER_US : 0;
        out[i].method = admin_copy_text(call, calls[i].label);
        out[i].peer = admin_copy_text(call, calls[i].party);
        list[i] = &out[i];
        if (out[i].method == NULL || out[i].peer == NULL) {
            return NULL;
        }
    }
    return out == NULL ? NULL : list;
}

static bool fill_times(struct stated_call *call, struct gate *gate,
                       Stated__V1__QueueResponse *response)
{
    enum { MODES = sizeof(wire_access) / sizeof(wire_access[0]) };
    response->times = stated_call_alloc(call, MODES * sizeof(response->times[0]));
    Stated__V1__CallTimes *out = stated_call_alloc(call, MODES * sizeof(*out));
    struct gate_times *times = stated_call_alloc(call, sizeof(*times));
    if (response->times == NULL || out == NULL || times == NULL) {
        return false;
    }
    for (size_t i = 0; i < MODES; i++) {
        gate_read_times(gate, (enum gate_access)i, times);
        stated__v1__call_times__init(&out[i]);
        out[i].access = wire_access[i];
        out[i].committed = i == GATE_BYPASS;
        out[i].calls = latency_count(&times->hold);
        out[i].wait_p50_us = latency_quantile_ns(&times->wait, 0.5) / CLOCK_NS_PER_US;
        out[i].wait_p99_us = latency_quantile_ns(&times->wait, 0.99) / CLOCK_NS_PER_US;
        out[i].hold_p50_us = latency_quantile_ns(&times->hold, 0.5) / CLOCK_NS_PER_US;
        out[i].hold_p99_us = latency_quantile_ns(&times->hold, 0.99) / CLOCK_NS_PER_US;
        if (out[i].calls > 0) {
            response->times[response->n_times++] = &out[i];
        }
    }
    return true;
}

enum stated_code admin_queue(struct stated_call *call, const Stated__V1__QueueRequest *request,
                             Stated__V1__QueueResponse *response)
{
    if (request->limit > QUEUE_LIMIT_MAX) {
        return stated_call_fail(call, STATED_INVALID_ARGUMENT, "limit %u is over %d; ask for less",
                                request->limit, QUEUE_LIMIT_MAX);
    }
    struct server_view view;
    server_read_view(stated_call_state(call), &view);
    size_t limit = request->limit == 0 ? QUEUE_LIMIT_DEFAULT : request->limit;
    struct gate_queue picture = {
        .running = stated_call_alloc(call, limit * sizeof(struct gate_queued_call)),
        .max_running = limit,
        .waiting = stated_call_alloc(call, limit * sizeof(struct gate_queued_call)),
        .max_waiting = limit,
    };
    if (picture.running == NULL || picture.waiting == NULL) {
        return admin_no_memory(call);
    }
    gate_read_queue(view.gate, &picture);
    response->running = copy_calls(call, picture.running, picture.n_running);
    response->waiting = copy_calls(call, picture.waiting, picture.n_waiting);
    if (response->running == NULL || response->waiting == NULL ||
        !fill_times(call, view.gate, response)) {
        return admin_no_memory(call);
    }
    response->n_running = picture.n_running;
    response->n_waiting = picture.n_waiting;
    response->running_calls = picture.running_calls;
    response->waiting_calls = picture.waiting_calls;
    struct gate_poison poison;
    if (gate_read_poison(view.gate, &poison)) {
        response->poison = copy_poison(call, &poison);
        return response->poison == NULL ? admin_no_memory(call) : STATED_OK;
    }
    return STATED_OK;
}

enum stated_code admin_clear_poison(struct stated_call *call,
                                    const Stated__V1__ClearPoisonRequest *request,
                                    Stated__V1__ClearPoisonResponse *response)
{
    struct server_view view;
    struct gate_poison poison;
    server_read_view(stated_call_state(call), &view);
    if (!gate_read_poison(view.gate, &poison)) {
        return stated_call_fail(call, STATED_FAILED_PRECONDITION,
                                "the state is not poisoned; there is nothing to clear");
    }
    if (request->ticket != 0 && request->ticket != poison.ticket) {
        return stated_call_fail(call, STATED_FAILED_PRECONDITION,
                                "the state is poisoned by ticket %" PRIu64
                                " (%s), not by ticket %" PRIu64
                                ", and stays so; look at it again before it is cleared",
                                poison.ticket, poison.label, request->ticket);
    }
    response->poison = copy_poison(call, &poison);
    if (response->poison == NULL) {
        return admin_no_memory(call);
    }
    /* Only the one that the answer shows. */
    if (!gate_clear_poison(view.gate, poison.ticket)) {
        return stated_call_fail(call, STATED_FAILED_PRECONDITION,
                                "the state is just being recovered, or was poisoned anew; look "
                                "again in a moment");
    }
    return STATED_OK;
}
