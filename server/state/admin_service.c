#include "state/admin_service.h"

#include "net/transport.h"
#include "rpc/arena.h"
#include "rpc/park.h"
#include "server.h"
#include "state/admin_jobs.h"
#include "state/admin_queue.h"

#include "stated/v1/admin.stated-server.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum stated_code admin_no_memory(struct stated_call *call)
{
    return stated_call_fail(call, STATED_RESOURCE_EXHAUSTED, "out of memory for the reply");
}

char *admin_copy_text(struct stated_call *call, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = stated_call_alloc(call, size);
    return copy == NULL ? NULL : memcpy(copy, text, size);
}

/* Whether the store refuses writes, and why. */
static bool read_refusal(struct store *store, char *reason, size_t size)
{
    struct store_status status = {.refusal = ""};
    if (store != NULL) {
        store->ops->read_status(store, &status);
    }
    snprintf(reason, size, "%s", status.refusal);
    return reason[0] != '\0';
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
        snprintf(reason, sizeof(reason), "%s accepts no connections; see the log",
                 transport.deaf_endpoint);
    } else if (gate_read_poison(view.gate, &poison)) {
        response->state = STATED__V1__HEALTH_RESPONSE__STATE__STATE_POISONED;
        snprintf(reason, sizeof(reason), "poisoned by ticket %llu (%s): %.100s",
                 (unsigned long long)poison.ticket, poison.label, poison.message);
    } else if (view.draining) {
        response->state = STATED__V1__HEALTH_RESPONSE__STATE__STATE_DRAINING;
        snprintf(reason, sizeof(reason), "the server is stopping");
    } else if (read_refusal(view.store, reason, sizeof(reason))) {
        response->state = STATED__V1__HEALTH_RESPONSE__STATE__STATE_READ_ONLY;
    }
    response->reason = admin_copy_text(call, reason);
    return response->reason == NULL ? admin_no_memory(call) : STATED_OK;
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
    out->engine = admin_copy_text(call, status.engine);
    out->durability = admin_copy_text(call, status.durability);
    out->revision = status.revision;
    out->keys = status.keys;
    out->file_bytes = status.file_bytes;
    out->size_limit_bytes = status.size_limit_bytes;
    out->format_version = status.format_version;
    out->live_bytes = status.live_bytes;
    out->oldest_revision = status.oldest_revision;
    out->retention_revisions = status.retention_revisions;
    out->retention_bytes = status.retention_bytes;
    out->remembered_clients = status.remembered_clients;
    out->remembered_writes = status.remembered_writes;
    response->data_directory = admin_copy_text(call, status.directory);
    response->store = out;
    return out->engine != NULL && out->durability != NULL && response->data_directory != NULL;
}

static bool fill_queue(struct stated_call *call, const struct server_view *view,
                       Stated__V1__StatusResponse *response)
{
    struct gate_figures figures;
    Stated__V1__QueueStatus *out = stated_call_alloc(call, sizeof(*out));
    if (out == NULL) {
        return false;
    }
    gate_read_figures(view->gate, &figures);
    stated__v1__queue_status__init(out);
    out->next_ticket = figures.next_ticket;
    out->waiting_calls = figures.waiting_calls;
    out->waiting_bytes = figures.waiting_bytes;
    out->running_calls = figures.running_calls;
    out->refused = figures.refused;
    out->expired = figures.expired;
    out->cancelled = figures.cancelled;
    out->parked_calls = park_count(view->park);
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
    out->max_parked_calls = options->max_parked_calls;
    out->max_parked_calls_per_connection = options->max_parked_calls_per_connection;
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
        response->endpoints[i] = admin_copy_text(call, transport_endpoint(transport, i));
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
    response->version = admin_copy_text(call, STATED_VERSION);
    bool filled = response->version != NULL && fill_queue(call, &view, response) &&
                  fill_limits(call, view.options, response) &&
                  fill_endpoints(call, view.transport, response) &&
                  (view.store == NULL || fill_store(call, view.store, response));
    return filled ? STATED_OK : admin_no_memory(call);
}

static const struct stated_v1_admin_service_handlers handlers = {
    .health = health,
    .status = status,
    .queue = admin_queue,
    .clear_poison = admin_clear_poison,
    .snapshot = admin_snapshot,
    .check = admin_check,
    .job = admin_job,
    .admit_read_snapshot = admin_admit_read_snapshot,
    .read_snapshot = admin_read_snapshot,
    .end_job = admin_end_job,
};

enum stated_code admin_service_register(struct stated_server *server, struct stated_status *status)
{
    return stated_server_register(server, &stated_v1_admin_service_type, &handlers, server, status);
}
