/* A server's life: new, start, serve, stop, join, free. Data flows through net/, rpc/, sched/ and
   state/; this file only puts them together and takes them apart in the right order. */
#include "server.h"

#include "base/clock.h"
#include "base/log.h"
#include "net/transport.h"
#include "rpc/dispatch.h"
#include "rpc/park.h"
#include "state/admin_service.h"
#include "state/job.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum server_state { SERVER_NEW, SERVER_SERVING, SERVER_STOPPED };

struct stated_server {
    struct stated_server_options options;
    char **listen; /* owns what options.listen shows */
    struct dispatch dispatch;
    struct gate_ops gate_ops;
    struct gate *gate;
    struct park *park;
    struct store *store;
    struct server_part *parts;
    struct transport *transport;
    struct job_runner *jobs; /* NULL without a store */
    uint64_t started_ns;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct {
        enum server_state state;
        bool stop_wanted;
        const char *failure; /* the store's, when it failed */
    } guarded;
};

/* Bounds on a run: large enough to share one sync among many, small enough to answer in between. */
#define RUN_CALLS 1024
#define RUN_BYTES ((uint64_t)8 << 20)

/* Frames that keep a message's worth of memory or more for as long as a call of theirs is parked;
   clients that mean well give a call that waits a frame of its own. */
#define HELD_FRAMES 128

/* A connection with its share in flight is told so at once when answers take longer than this; the
   few syncs that a burst of writes may take are shorter. */
#define LONG_WAIT_NS (20 * CLOCK_NS_PER_MS)

static enum stated_code refuse_option(struct stated_status *status, const char *name,
                                      unsigned long long value, const char *range)
{
    return stated_status_set(status, STATED_INVALID_ARGUMENT, "%s is %llu; it has to be %s", name,
                             value, range);
}

static enum stated_code check_options(const struct stated_server_options *options,
                                      struct stated_status *status)
{
    if (options->n_listen == 0) {
        return stated_status_set(status, STATED_INVALID_ARGUMENT,
                                 "no endpoint to listen on; give at least one URL");
    }
    if (options->workers < 2 || options->workers > 256) {
        return refuse_option(status, "workers", options->workers, "2 to 256");
    }
    if (options->max_queued_calls < 1 || options->max_queued_calls > 1u << 20) {
        return refuse_option(status, "max_queued_calls", options->max_queued_calls, "1 to 1048576");
    }
    if (options->max_message_bytes < 4096 || options->max_message_bytes > 1u << 30) {
        return refuse_option(status, "max_message_bytes", options->max_message_bytes,
                             "4096 to 1073741824");
    }
    if (options->max_queued_bytes < options->max_message_bytes) {
        return refuse_option(status, "max_queued_bytes", options->max_queued_bytes,
                             "at least max_message_bytes, or a large call would never be admitted");
    }
    if (options->max_connections < 1) {
        return refuse_option(status, "max_connections", options->max_connections, "at least 1");
    }
    if (options->max_calls_per_frame < 1) {
        return refuse_option(status, "max_calls_per_frame", options->max_calls_per_frame,
                             "at least 1");
    }
    if (options->max_calls_per_connection < 1) {
        return refuse_option(status, "max_calls_per_connection", options->max_calls_per_connection,
                             "at least 1");
    }
    if (options->max_parked_calls > 1u << 20) {
        return refuse_option(status, "max_parked_calls", options->max_parked_calls, "0 to 1048576");
    }
    if (options->default_timeout_ms < 1 || options->default_timeout_ms > options->max_timeout_ms) {
        return refuse_option(status, "default_timeout_ms", options->default_timeout_ms,
                             "1 to max_timeout_ms");
    }
    return STATED_OK;
}

/* The calls of a frame are admitted together or not at all: one of more calls than a bound of the
   gate would be told for ever to try again later. */
static uint32_t most_calls_per_frame(const struct stated_server_options *options)
{
    uint32_t most = options->max_calls_per_frame;
    most = most < options->max_queued_calls ? most : options->max_queued_calls;
    return most < options->max_calls_per_connection ? most : options->max_calls_per_connection;
}

static bool copy_listen(struct stated_server *self, const struct stated_server_options *options)
{
    self->listen = calloc(options->n_listen, sizeof(self->listen[0]));
    if (self->listen == NULL) {
        return false;
    }
    for (size_t i = 0; i < options->n_listen; i++) {
        self->listen[i] = strdup(options->listen[i]);
        if (self->listen[i] == NULL) {
            return false;
        }
    }
    self->options.listen = (const char *const *)self->listen;
    return true;
}

/* Not predictable and never 0: tickets of two lives of a server must not be taken for one order. */
static uint64_t new_epoch(void)
{
    uint64_t epoch = 0;
    while (epoch == 0) {
        if (getrandom(&epoch, sizeof(epoch), 0) != sizeof(epoch)) {
            epoch = clock_now_ns();
        }
    }
    return epoch;
}

static void init_mutex_and_condition(struct stated_server *self)
{
    pthread_mutex_init(&self->mutex, NULL);
    pthread_cond_init(&self->changed, NULL);
}

enum stated_code stated_server_new(const struct stated_server_options *options,
                                   struct stated_server **server, struct stated_status *status)
{
    *server = NULL;
    enum stated_code code = check_options(options, status);
    if (code != STATED_OK) {
        return code;
    }
    struct stated_server *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return stated_status_set(status, STATED_RESOURCE_EXHAUSTED, "out of memory for the server");
    }
    self->options = *options;
    self->options.max_calls_per_frame = most_calls_per_frame(options);
    init_mutex_and_condition(self);
    const struct dispatch_limits limits = {
        .max_message_bytes = options->max_message_bytes,
        .max_calls_per_frame = self->options.max_calls_per_frame,
        .default_timeout_ms = options->default_timeout_ms,
        .max_timeout_ms = options->max_timeout_ms,
    };
    dispatch_init(&self->dispatch, &limits, new_epoch());
    if (!copy_listen(self, options)) {
        stated_server_free(self);
        return stated_status_set(status, STATED_RESOURCE_EXHAUSTED, "out of memory for the server");
    }
    code = admin_service_register(self, status);
    if (code != STATED_OK) {
        stated_server_free(self);
        return code;
    }
    *server = self;
    return STATED_OK;
}

enum stated_code stated_server_register(struct stated_server *server,
                                        const struct stated_service_type *type,
                                        const void *handlers, void *state,
                                        struct stated_status *status)
{
    return dispatch_register(&server->dispatch, type, handlers, state, status);
}

static void store_failed(void *context, const char *reason)
{
    struct stated_server *self = context;
    log_error("the store cannot promise anything any more, stopping: %s", reason);
    pthread_mutex_lock(&self->mutex);
    self->guarded.failure = reason;
    pthread_mutex_unlock(&self->mutex);
    stated_server_stop(self);
}

void server_use_store(struct stated_server *self, struct store *store)
{
    self->store = store;
    store->failed = store_failed;
    store->failed_context = self;
}

static void look(void *context, struct share_outlook *outlook)
{
    struct stated_server *self = context;
    struct gate_outlook gate;
    gate_read_outlook(self->gate, clock_now_ns(), &gate);
    *outlook = (struct share_outlook){.is_long = gate.answer_ns > LONG_WAIT_NS,
                                      .has_writes = gate.has_writes,
                                      .calls = gate.calls};
}

void server_keep_part(struct stated_server *self, struct server_part *part)
{
    part->next = self->parts;
    self->parts = part;
}

static void party_gone(void *context, struct gate_party *party)
{
    struct stated_server *self = context;
    gate_cancel_party(self->gate, party);
    park_cancel_party(self->park, party);
}

/* The restored state is another one: tickets of the old epoch say nothing about it. */
static bool recover(void *context)
{
    struct dispatch *dispatch = context;
    struct stated_server *self = CONTAINER_OF(dispatch, struct stated_server, dispatch);
    bool restored = self->options.recover(self->options.recover_context);
    if (restored) {
        dispatch->epoch = new_epoch();
    }
    return restored;
}

static enum stated_code open_gate(struct stated_server *self, struct stated_status *status)
{
    const struct gate_options options = {
        .workers = self->options.workers,
        .max_queued_calls = self->options.max_queued_calls,
        .max_queued_bytes = self->options.max_queued_bytes,
        .max_party_calls = self->options.max_calls_per_connection,
        .max_run_calls = RUN_CALLS,
        .max_run_bytes = RUN_BYTES,
        .inline_light_reads = self->options.inline_light_reads,
    };
    self->gate_ops = dispatch_gate_ops;
    self->gate_ops.recover = self->options.recover != NULL ? recover : NULL;
    enum stated_code code = gate_new(&options, &self->gate_ops, &self->dispatch, &self->gate);
    if (code != STATED_OK) {
        return stated_status_set(status, code, "cannot start %u workers; try fewer",
                                 self->options.workers);
    }
    dispatch_attach(&self->dispatch, self->gate, self->store);
    return STATED_OK;
}

static enum stated_code open_park(struct stated_server *self, struct stated_status *status)
{
    const struct park_options options = {
        .max_calls = self->options.max_parked_calls,
        .max_party_calls = self->options.max_parked_calls_per_connection,
        .max_held_frames = HELD_FRAMES,
    };
    enum stated_code code = park_new(&options, &self->park);
    dispatch_attach_park(&self->dispatch, self->park);
    return code == STATED_OK
               ? STATED_OK
               : stated_status_set(status, code, "cannot start the thread of parked calls");
}

static enum stated_code open_transport(struct stated_server *self, struct stated_status *status)
{
    const struct transport_options options = {
        .max_message_bytes = self->options.max_message_bytes,
        .max_connections = self->options.max_connections,
        .max_frames = self->options.max_queued_calls,
        .idle_timeout_ms = self->options.idle_timeout_ms,
        .look = look,
        .party_gone = party_gone,
        .context = self,
    };
    enum stated_code code = transport_new(&options, &self->dispatch, &self->transport, status);
    for (size_t i = 0; code == STATED_OK && i < self->options.n_listen; i++) {
        code = transport_listen(self->transport, self->options.listen[i], status);
    }
    return code == STATED_OK ? transport_start(self->transport, status) : code;
}

/* No reply may be on its way any more when the transport closes, and no worker when it is freed. */
static void close_parts(struct stated_server *self)
{
    if (self->transport != NULL) {
        transport_close(self->transport);
    }
    park_free(self->park);
    self->park = NULL;
    gate_free(self->gate);
    self->gate = NULL;
    job_runner_free(self->jobs);
    self->jobs = NULL;
    transport_free(self->transport);
    self->transport = NULL;
}

enum stated_code stated_server_start(struct stated_server *server, struct stated_status *status)
{
    server->started_ns = clock_now_ns();
    enum stated_code code = open_gate(server, status);
    if (code == STATED_OK && server->store != NULL &&
        job_runner_new(server->store, &server->jobs) != STATED_OK) {
        code = stated_status_set(status, STATED_RESOURCE_EXHAUSTED, "out of memory for jobs");
    }
    if (code == STATED_OK) {
        code = open_park(server, status);
    }
    if (code == STATED_OK) {
        code = open_transport(server, status);
    }
    if (code != STATED_OK) {
        close_parts(server);
        return code;
    }
    pthread_mutex_lock(&server->mutex);
    server->guarded.state = SERVER_SERVING;
    pthread_mutex_unlock(&server->mutex);
    return STATED_OK;
}

void stated_server_stop(struct stated_server *server)
{
    pthread_mutex_lock(&server->mutex);
    server->guarded.stop_wanted = true;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->mutex);
}

/* Answers what is in flight and closes, in the order that NNG needs (see net/transport.h). */
static bool shut_down(struct stated_server *self)
{
    job_runner_stop(self->jobs);
    transport_stop_accepting(self->transport);
    gate_drain(self->gate);
    park_drain(self->park);
    uint64_t began_ns = clock_now_ns();
    uint32_t limit_ms = self->options.drain_timeout_ms;
    bool drained = park_wait_idle(self->park, limit_ms);
    uint64_t spent_ms = (clock_now_ns() - began_ns) / CLOCK_NS_PER_MS;
    drained = drained &&
              gate_wait_idle(self->gate, spent_ms < limit_ms ? limit_ms - (uint32_t)spent_ms : 0);
    if (!drained) {
        return false; /* threads of the gate are still at work: nothing may be taken from under them
                       */
    }
    transport_linger(self->transport);
    close_parts(self);
    return true;
}

/* While somebody can still be told: the store outlives the server. */
static void settle_store(struct stated_server *self)
{
    if (self->store != NULL && self->store->ops->settle != NULL) {
        self->store->ops->settle(self->store);
    }
}

static const char *read_failure(struct stated_server *self)
{
    pthread_mutex_lock(&self->mutex);
    const char *failure = self->guarded.failure;
    pthread_mutex_unlock(&self->mutex);
    return failure;
}

enum stated_code stated_server_join(struct stated_server *server, struct stated_status *status)
{
    pthread_mutex_lock(&server->mutex);
    while (server->guarded.state == SERVER_SERVING && !server->guarded.stop_wanted) {
        pthread_cond_wait(&server->changed, &server->mutex);
    }
    bool serving = server->guarded.state == SERVER_SERVING;
    server->guarded.state = SERVER_STOPPED;
    pthread_mutex_unlock(&server->mutex);

    if (serving && !shut_down(server)) { /* even when the store failed: nothing can be closed */
        return stated_status_set(status, STATED_DEADLINE_EXCEEDED,
                                 "calls were still in flight after %u ms",
                                 server->options.drain_timeout_ms);
    }
    settle_store(server);
    const char *failure = read_failure(server);
    if (failure != NULL) {
        return stated_status_set(status, STATED_DATA_LOSS, "%s", failure);
    }
    return stated_status_set(status, STATED_OK, "%s", "");
}

const char *server_endpoint(struct stated_server *self, size_t i)
{
    return transport_endpoint(self->transport, i);
}

void server_read_view(struct stated_server *self, struct server_view *view)
{
    pthread_mutex_lock(&self->mutex);
    bool draining = self->guarded.stop_wanted;
    pthread_mutex_unlock(&self->mutex);
    *view = (struct server_view){
        .options = &self->options,
        .epoch = self->dispatch.epoch,
        .uptime_ms = (clock_now_ns() - self->started_ns) / CLOCK_NS_PER_MS,
        .draining = draining,
        .gate = self->gate,
        .park = self->park,
        .store = self->store,
        .transport = self->transport,
        .jobs = self->jobs,
    };
}

void stated_server_free(struct stated_server *server)
{
    if (server == NULL || server->gate != NULL) {
        return;
    }
    for (size_t i = 0; server->listen != NULL && i < server->options.n_listen; i++) {
        free(server->listen[i]);
    }
    free(server->listen);
    while (server->parts != NULL) {
        struct server_part *part = server->parts;
        server->parts = part->next;
        part->release(part);
    }
    if (server->store != NULL) {
        server->store->failed = NULL;
    }
    dispatch_deinit(&server->dispatch);
    pthread_cond_destroy(&server->changed);
    pthread_mutex_destroy(&server->mutex);
    free(server);
}
