#include "net/transport.h"

#include "base/clock.h"
#include "net/connection.h"
#include "net/listener.h"
#include "net/peer.h"
#include "net/slot.h"
#include "net/upkeep.h"

#include <nng/supplemental/util/platform.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* A frame may be this much too large and still be answered, with the reason. */
#define MESSAGE_HEADROOM_BYTES ((size_t)64 << 10)
/* Slots beyond what the gate keeps waiting: a quarter more, and this at least. */
#define LEAST_SPARE_SLOTS 64u
/* The share of a connection: what it sends beyond waits in its socket, so that it is not in front
   of those who ask for little. Enough frames for a group commit to be worth it. */
#define DEFAULT_FRAMES_PER_CONNECTION 64
#define DEFAULT_REPLY_TIMEOUT_MS 10000
/* What a sent reply gets to leave the machine's buffers before connections are closed; */
#define LINGER_MS 100
/* how long replies may take that are being sent; and how often that is looked at. */
#define LINGER_BUSY_MS 1000
#define LINGER_STEP_MS 2

struct transport {
    struct transport_options options;
    bool closed;
    struct peer_table peers;
    struct slot_pool slots;
    struct connection_host host;
    struct upkeep upkeep;
    atomic_size_t n_listeners; /* those below are complete */
    struct listener listeners[LISTENER_MAX];
};

static void wake_upkeep(void *context)
{
    struct transport *self = context;
    upkeep_wake(&self->upkeep);
}

static void peer_arrived(void *context)
{
    struct transport *self = context;
    upkeep_peer_arrived(&self->upkeep);
}

static uint32_t or_default(uint32_t value, uint32_t default_value)
{
    return value != 0 ? value : default_value;
}

static void take_options(struct transport *self, const struct transport_options *options)
{
    self->options = *options;
    self->options.max_frames_per_connection =
        or_default(options->max_frames_per_connection, DEFAULT_FRAMES_PER_CONNECTION);
    self->options.reply_timeout_ms =
        or_default(options->reply_timeout_ms, DEFAULT_REPLY_TIMEOUT_MS);
}

static void init_slots(struct transport *self, struct dispatch *dispatch)
{
    uint32_t frames = self->options.max_frames;
    uint32_t spare = frames / 4 > LEAST_SPARE_SLOTS ? frames / 4 : LEAST_SPARE_SLOTS;
    const struct slot_pool_options options = {
        .max_slots = frames + spare,
        .dispatch = dispatch,
        .answered = connection_answered,
        .set_aside = connection_set_aside,
        .available = wake_upkeep,
        .context = self,
    };
    slot_pool_init(&self->slots, &options);
}

static enum stated_code init_upkeep(struct transport *self)
{
    const struct upkeep_options options = {
        .host = &self->host,
        .idle_timeout_ms = self->options.idle_timeout_ms,
        .reply_timeout_ms = self->options.reply_timeout_ms,
        .party_gone = self->options.party_gone,
        .context = self->options.context,
    };
    return upkeep_init(&self->upkeep, &options);
}

enum stated_code transport_new(const struct transport_options *options, struct dispatch *dispatch,
                               struct transport **transport, struct stated_status *status)
{
    *transport = NULL;
    struct transport *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return stated_status_set(status, STATED_RESOURCE_EXHAUSTED, "out of memory");
    }
    take_options(self, options);
    if (init_upkeep(self) != STATED_OK) {
        free(self);
        return stated_status_set(status, STATED_RESOURCE_EXHAUSTED, "out of descriptors");
    }
    peer_table_init(&self->peers, options->max_connections);
    init_slots(self, dispatch);
    self->host.peers = &self->peers;
    self->host.slots = &self->slots;
    self->host.max_body_bytes = (size_t)options->max_message_bytes + MESSAGE_HEADROOM_BYTES;
    share_init(&self->host.share, self->options.max_frames_per_connection, options->look,
               options->context);
    self->host.arrived = peer_arrived;
    self->host.left_frames = wake_upkeep;
    self->host.context = self;
    *transport = self;
    return STATED_OK;
}

enum stated_code transport_listen(struct transport *self, const char *url,
                                  struct stated_status *status)
{
    size_t n = atomic_load(&self->n_listeners);
    if (n == LISTENER_MAX) {
        return stated_status_set(status, STATED_INVALID_ARGUMENT,
                                 "too many endpoints with %s; the limit is %d", url, LISTENER_MAX);
    }
    for (size_t i = 0; i < n; i++) {
        if (strcmp(self->listeners[i].endpoint, url) == 0) {
            return stated_status_set(status, STATED_INVALID_ARGUMENT, "%s is given twice", url);
        }
    }
    enum stated_code code = listener_open(&self->listeners[n], &self->host, url, status);
    if (code == STATED_OK) {
        atomic_store(&self->n_listeners, n + 1);
    }
    return code;
}

enum stated_code transport_start(struct transport *self, struct stated_status *status)
{
    if (upkeep_start(&self->upkeep) != STATED_OK) {
        return stated_status_set(status, STATED_RESOURCE_EXHAUSTED,
                                 "no thread for the connections' upkeep");
    }
    size_t n = atomic_load(&self->n_listeners);
    for (size_t i = 0; i < n; i++) {
        listener_start(&self->listeners[i]);
    }
    return STATED_OK;
}

void transport_stop_accepting(struct transport *self)
{
    peer_table_close(&self->peers);
    size_t n = atomic_load(&self->n_listeners);
    for (size_t i = 0; i < n; i++) {
        listener_stop(&self->listeners[i]);
    }
}

void transport_linger(struct transport *self)
{
    uint64_t now_ns = clock_now_ns();
    uint64_t give_up_ns = now_ns + LINGER_BUSY_MS * CLOCK_NS_PER_MS;
    while (atomic_load(&self->slots.busy) > 0 && now_ns < give_up_ns) {
        nng_msleep(LINGER_STEP_MS);
        now_ns = clock_now_ns();
    }
    uint64_t last_ns = peer_table_last_active_ns(&self->peers);
    uint64_t done_ns = last_ns + LINGER_MS * CLOCK_NS_PER_MS;
    if (last_ns != 0 && now_ns < done_ns) {
        nng_msleep((nng_duration)((done_ns - now_ns) / CLOCK_NS_PER_MS + 1));
    }
}

/* Each connection's operations end with its stream; then nothing of it is on any thread's stack but
   an exchange that is still running. */
static void close_connections(struct transport *self)
{
    struct peer *peer;
    struct list_node *waiter;
    while ((peer = peer_table_take_next(&self->peers)) != NULL) {
        connection_close(connection_of_peer(peer), CONNECTION_GONE);
        connection_stop(connection_of_peer(peer));
        peer_release(peer);
    }
    while ((waiter = slot_pool_next_waiter(&self->slots, true)) != NULL) {
        connection_resume(waiter);
    }
}

void transport_close(struct transport *self)
{
    if (self->closed) {
        return;
    }
    self->closed = true;
    transport_stop_accepting(self);
    size_t n = atomic_load(&self->n_listeners);
    for (size_t i = 0; i < n; i++) {
        listener_close(&self->listeners[i]);
    }
    upkeep_stop(&self->upkeep);
    close_connections(self);
    upkeep_cancel_gone(&self->upkeep);
}

void transport_free(struct transport *self)
{
    if (self == NULL) {
        return;
    }
    slot_pool_deinit(&self->slots);
    peer_table_deinit(&self->peers);
    upkeep_deinit(&self->upkeep);
    free(self);
}

static const char *deaf_endpoint(const struct transport *self)
{
    uint64_t now_ns = clock_now_ns();
    size_t n = atomic_load(&self->n_listeners);
    for (size_t i = 0; i < n; i++) {
        if (listener_is_deaf(&self->listeners[i], now_ns)) {
            return self->listeners[i].endpoint;
        }
    }
    return NULL;
}

void transport_read_figures(struct transport *self, struct transport_figures *figures)
{
    *figures = (struct transport_figures){
        .connections = atomic_load(&self->peers.count),
        .frames = atomic_load(&self->slots.busy),
        .slots = slot_pool_count(&self->slots),
        .accepted = atomic_load(&self->peers.admitted),
        .refused = atomic_load(&self->peers.refused),
        .closed_idle = atomic_load(&self->host.ended[CONNECTION_IDLE]),
        .closed_slow = atomic_load(&self->host.ended[CONNECTION_SLOW]),
        .deaf_endpoint = deaf_endpoint(self),
    };
}

const char *transport_endpoint(const struct transport *self, size_t index)
{
    return index < atomic_load(&self->n_listeners) ? self->listeners[index].endpoint : NULL;
}
