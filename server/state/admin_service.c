#include "state/admin_service.h"

#include "base/clock.h"
#include "net/transport.h"
#include "rpc/arena.h"
#include "server.h"

#include "stated/v1/admin.stated-server.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define QUEUE_LIMIT_DEFAULT 100
#define QUEUE_LIMIT_MAX 1000

static enum stated_code no_memory(struct stated_call *call)
{
    return stated_call_fail(call, STATED_RESOURCE_EXHAUSTED, "out of memory for the reply");
}

/* A copy for a response, which holds char pointers without const. NULL when memory is out. */
static char *copy_text(struct stated_call *call, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = stated_call_alloc(call, size);
    return copy == NULL ? NULL : memcpy(copy, text, size);
}

static enum stated_code health(struct stated_call *call, const Stated__V1__HealthRequest *request,
                               Stated__V1__HealthResponse *response)
{
    (void)request;
    struct server_view view;
    server_read_view(stated_call_state(call), &view);
    struct transport_figures transport;
    transport_read_figures(view.transport, &transport);

    struct gate_poison poison;
    char reason[STATED_MESSAGE_BYTES] = "";
    if (transport.deaf_endpoint != NULL) {
        response->state = STATED__V1__HEALTH_RESPONSE__STATE__STATE_UNHEALTHY;
        snprintf(reason, sizeof(reason), "%s accepts no connections; restart the server",
                 transport.deaf_endpoint);
    } else if (gate_read_poison(view.gate, &poison)) {
        response->state = STATED__V1__HEALTH_RESPONSE__STATE__STATE_POISONED;
        snprintf(reason, sizeof(reason), "poisoned by ticket %llu (%s): %.100s",
                 (unsigned long long)poison.ticket, poison.label, poison.message);
    } else if (view.draining) {
        response->state = STATED__V1__HEALTH_RESPONSE__STATE__STATE_DRAINING;
        snprintf(reason, sizeof(reason), "the server is stopping");
    }
    response->reason = copy_text(call, reason);
    return response->reason == NULL ? no_memory(call) : STATED_OK;
}

static uint64_t read_resident_bytes(void)
{
    unsigned long long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "re");
    if (statm == NULL) {
        return 0;
    }
    if (fscanf(statm, "%*u %llu", &pages) != 1) {
        pages = 0;
    }
    fclose(statm);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static bool fill_store(struct stated_call *call, struct store *store,
                       Stated__V1__StatusResponse *response)
{
    struct store_status status;
    Stated__V1__StoreStatus *out = stated_call_alloc(call, sizeof(*out));
    if (out == NULL) {
        return false;
    }
    store->ops->read_status(store, &status);
    stated__v1__store_status__init(out);
    out->engine = copy_text(call, status.engine);
    out->durability = copy_text(call, status.durability);
    out->revision = status.revision;
    out->keys = status.keys;
    out->file_bytes = status.file_bytes;
    out->size_limit_bytes = status.size_limit_bytes;
    out->format_version = status.format_version;
    response->data_directory = copy_text(call, status.directory);
    response->store = out;
    return out->engine != NULL && out->durability != NULL && response->data_directory != NULL;
}

static bool fill_queue(struct stated_call *call, struct gate *gate,
                       Stated__V1__StatusResponse *response)
{
    struct gate_figures figures;
    Stated__V1__QueueStatus *out = stated_call_alloc(call, sizeof(*out));
    if (out == NULL) {
        return false;
    }
    gate_read_figures(gate, &figures);
    stated__v1__queue_status__init(out);
    out->next_ticket = figures.next_ticket;
    out->waiting_calls = figures.waiting_calls;
    out->waiting_bytes = figures.waiting_bytes;
    out->running_calls = figures.running_calls;
    out->refused = figures.refused;
    out->expired = figures.expired;
    out->cancelled = figures.cancelled;
    response->queue = out;
    return true;
}

static bool fill_limits(struct stated_call *call, const struct stated_server_options *options,
                        Stated__V1__StatusResponse *response)
{
    Stated__V1__Limits *out = stated_call_alloc(call, sizeof(*out));
    if (out == NULL) {
        return false;
    }
    stated__v1__limits__init(out);
    out->max_queued_calls = options->max_queued_calls;
    out->max_queued_bytes = options->max_queued_bytes;
    out->max_message_bytes = options->max_message_bytes;
    out->max_connections = options->max_connections;
    out->max_calls_per_frame = options->max_calls_per_frame;
    out->max_calls_per_connection = options->max_calls_per_connection;
    out->default_timeout_ms = options->default_timeout_ms;
    out->max_timeout_ms = options->max_timeout_ms;
    out->workers = options->workers;
    response->limits = out;
    return true;
}

static bool fill_endpoints(struct stated_call *call, struct transport *transport,
                           Stated__V1__StatusResponse *response)
{
    size_t n = 0;
    while (transport_endpoint(transport, n) != NULL) {
        n++;
    }
    response->endpoints = stated_call_alloc(call, n * sizeof(response->endpoints[0]));
    if (response->endpoints == NULL) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        response->endpoints[i] = copy_text(call, transport_endpoint(transport, i));
        if (response->endpoints[i] == NULL) {
            return false;
        }
    }
    response->n_endpoints = n;
    return true;
}

static enum stated_code status(struct stated_call *call, const Stated__V1__StatusRequest *request,
                               Stated__V1__StatusResponse *response)
{
    (void)request;
    struct server_view view;
    server_read_view(stated_call_state(call), &view);
    struct transport_figures transport;
    transport_read_figures(view.transport, &transport);

    response->epoch = view.epoch;
    response->uptime_ms = view.uptime_ms;
    response->pid = (uint32_t)getpid();
    response->connections = transport.connections;
    response->resident_bytes = read_resident_bytes();
    response->version = copy_text(call, STATED_VERSION);
    bool filled = response->version != NULL && fill_queue(call, view.gate, response) &&
                  fill_limits(call, view.options, response) &&
                  fill_endpoints(call, view.transport, response) &&
                  (view.store == NULL || fill_store(call, view.store, response));
    return filled ? STATED_OK : no_memory(call);
}

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
    out->method = copy_text(call, poison->label);
    out->reason = copy_text(call, poison->message);
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
        out[i].method = copy_text(call, calls[i].label);
        out[i].peer = copy_text(call, calls[i].party);
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

static enum stated_code queue(struct stated_call *call, const Stated__V1__QueueRequest *request,
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
        return no_memory(call);
    }
    gate_read_queue(view.gate, &picture);
    response->running = copy_calls(call, picture.running, picture.n_running);
    response->waiting = copy_calls(call, picture.waiting, picture.n_waiting);
    if (response->running == NULL || response->waiting == NULL ||
        !fill_times(call, view.gate, response)) {
        return no_memory(call);
    }
    response->n_running = picture.n_running;
    response->n_waiting = picture.n_waiting;
    response->running_calls = picture.running_calls;
    response->waiting_calls = picture.waiting_calls;
    struct gate_poison poison;
    if (gate_read_poison(view.gate, &poison)) {
        response->poison = copy_poison(call, &poison);
        return response->poison == NULL ? no_memory(call) : STATED_OK;
    }
    return STATED_OK;
}

static enum stated_code clear_poison(struct stated_call *call,
                                     const Stated__V1__ClearPoisonRequest *request,
                                     Stated__V1__ClearPoisonResponse *response)
{
    (void)request;
    struct server_view view;
    struct gate_poison poison;
    server_read_view(stated_call_state(call), &view);
    if (!gate_read_poison(view.gate, &poison)) {
        return stated_call_fail(call, STATED_FAILED_PRECONDITION,
                                "the state is not poisoned; there is nothing to clear");
    }
    response->poison = copy_poison(call, &poison);
    if (response->poison == NULL) {
        return no_memory(call);
    }
    if (!gate_clear_poison(view.gate)) {
        return stated_call_fail(call, STATED_FAILED_PRECONDITION,
                                "the state is just being recovered; look again in a moment");
    }
    return STATED_OK;
}

static const struct stated_v1_admin_service_handlers handlers = {
    .health = health,
    .status = status,
    .queue = queue,
    .clear_poison = clear_poison,
};

enum stated_code admin_service_register(struct stated_server *server, struct stated_status *status)
{
    return stated_server_register(server, &stated_v1_admin_service_type, &handlers, server, status);
}
