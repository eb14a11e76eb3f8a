#include "net/transport.h"

#include "base/clock.h"
#include "base/log.h"
#include "net/listener.h"
#include "net/nng_compat.h"
#include "net/peer.h"
#include "net/slot.h"
#include "net/upkeep.h"

#include <inttypes.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/supplemental/util/platform.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A frame may be this much too large and still be answered, with the reason. */
#define MESSAGE_HEADROOM_BYTES ((size_t)64 << 10)
/* Slots beyond what the gate keeps waiting: a quarter more, and this at least. */
#define LEAST_SPARE_SLOTS 64u
#define DEFAULT_FRAMES_PER_CONNECTION 4096
#define DEFAULT_REPLY_TIMEOUT_MS 10000
#define DEFAULT_PROBE_INTERVAL_MS 10000
/* What a sent reply gets to leave the machine's buffers before connections are closed; */
#define LINGER_MS 100
/* how long replies may take that are being sent; and how often that is looked at. */
#define LINGER_BUSY_MS 1000
#define LINGER_STEP_MS 2

struct transport {
    struct transport_options options;
    nng_socket socket;
    bool closed;
    struct peer_table peers;
    struct slot_pool slots;
    struct upkeep upkeep;
    atomic_size_t n_listeners; /* those below are complete */
    struct listener listeners[LISTENER_MAX];
};

static void name_peer(nng_pipe pipe, char name[PEER_NAME_BYTES])
{
    uint64_t pid;
    uint64_t uid;
    nng_sockaddr address;
    if (nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_PID, &pid) == 0 &&
        nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_UID, &uid) == 0) {
        snprintf(name, PEER_NAME_BYTES, "process %" PRIu64 " of user %" PRIu64, pid, uid);
    } else if (nng_pipe_get_addr(pipe, NNG_OPT_REMADDR, &address) == 0) {
        char text[ADDRESS_BYTES];
        snprintf(name, PEER_NAME_BYTES, "%.*s", PEER_NAME_BYTES - 1,
                 address_format(&address, text));
    } else {
        snprintf(name, PEER_NAME_BYTES, "unknown");
    }
}

/* Whether the connection is refused or not: it shows that its listener is alive. */
static void count_accepted(struct transport *self, nng_pipe pipe)
{
    uint32_t id = (uint32_t)nng_listener_id(nng_pipe_listener(pipe));
    size_t n = atomic_load(&self->n_listeners);
    for (size_t i = 0; i < n; i++) {
        if (self->listeners[i].id == id) {
            atomic_fetch_add(&self->listeners[i].accepted, 1);
            if (atomic_load(&self->listeners[i].probed)) {
                upkeep_wake(&self->upkeep);
            }
        }
    }
}

/* Peers are made before NNG reads from the connection: a frame may come before ADD_POST. */
static void pipe_added(nng_pipe pipe, nng_pipe_ev event, void *argument)
{
    (void)event;
    struct transport *self = argument;
    char name[PEER_NAME_BYTES];
    name_peer(pipe, name);
    if (peer_table_admit(&self->peers, (uint32_t)nng_pipe_id(pipe), name, clock_now_ns())) {
        log_debug("%s has connected", name);
        if (atomic_load(&self->peers.count) == 1) {
            upkeep_wake(&self->upkeep); /* it does not sweep while nobody is there */
        }
    } else {
        nng_pipe_close(pipe);
    }
    count_accepted(self, pipe);
}

static void pipe_removed(nng_pipe pipe, nng_pipe_ev event, void *argument)
{
    (void)event;
    struct transport *self = argument;
    if (peer_table_remove(&self->peers, (uint32_t)nng_pipe_id(pipe))) {
        upkeep_wake(&self->upkeep);
    }
}

static void wake_upkeep(void *context)
{
    struct transport *self = context;
    upkeep_wake(&self->upkeep);
}

static enum stated_code open_socket(struct transport *self)
{
    if (nng_rep0_open(&self->socket) != 0) {
        return STATED_RESOURCE_EXHAUSTED;
    }
    size_t limit = (size_t)self->options.max_message_bytes + MESSAGE_HEADROOM_BYTES;
    if (nng_socket_set_size(self->socket, NNG_OPT_RECVMAXSZ, limit) != 0 ||
        nng_pipe_notify(self->socket, NNG_PIPE_EV_ADD_PRE, pipe_added, self) != 0 ||
        nng_pipe_notify(self->socket, NNG_PIPE_EV_REM_POST, pipe_removed, self) != 0) {
        nng_close(self->socket);
        return STATED_RESOURCE_EXHAUSTED;
    }
    return STATED_OK;
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
    self->options.probe_interval_ms =
        or_default(options->probe_interval_ms, DEFAULT_PROBE_INTERVAL_MS);
}

static enum stated_code init_slots(struct transport *self, struct dispatch *dispatch)
{
    uint32_t frames = self->options.max_frames;
    uint32_t spare = frames / 4 > LEAST_SPARE_SLOTS ? frames / 4 : LEAST_SPARE_SLOTS;
    const struct slot_pool_options options = {
        .socket = self->socket,
        .dispatch = dispatch,
        .peers = &self->peers,
        .max_slots = frames + spare,
        .max_frames_per_peer = self->options.max_frames_per_connection,
        .reply_timeout_ms = self->options.reply_timeout_ms,
        .starved = wake_upkeep,
        .context = self,
    };
    return slot_pool_init(&self->slots, &options);
}

enum stated_code transport_new(const struct transport_options *options, struct dispatch *dispatch,
                               struct transport **transport, struct stated_status *status)
{
    *transport = NULL;
    enum stated_code code = STATED_RESOURCE_EXHAUSTED;
    struct transport *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        goto fail;
    }
    take_options(self, options);
    if ((code = upkeep_init(&self->upkeep)) != STATED_OK) {
        goto free_self;
    }
    if ((code = peer_table_init(&self->peers, options->max_connections)) != STATED_OK) {
        goto deinit_upkeep;
    }
    if ((code = open_socket(self)) != STATED_OK) {
        goto deinit_peers;
    }
    if ((code = init_slots(self, dispatch)) != STATED_OK) {
        goto close_socket;
    }
    if (!nng_compat_is_effective()) {
        log_warn(
            "this program's sendmsg is not the one NNG calls: a client that leaves while it is "
            "greeted may end an endpoint (nng issue 1518)");
    }
    *transport = self;
    return STATED_OK;

close_socket:
    nng_close(self->socket);
deinit_peers:
    peer_table_deinit(&self->peers);
deinit_upkeep:
    upkeep_deinit(&self->upkeep);
free_self:
    free(self);
fail:
    return stated_status_set(status, code, "cannot open a socket: out of memory or descriptors");
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
    enum stated_code code = listener_open(&self->listeners[n], self->socket, url, status);
    if (code == STATED_OK) {
        atomic_store(&self->n_listeners, n + 1);
    }
    return code;
}

enum stated_code transport_start(struct transport *self, struct stated_status *status)
{
    const struct upkeep_options options = {
        .slots = &self->slots,
        .peers = &self->peers,
        .listeners = self->listeners,
        .n_listeners = atomic_load(&self->n_listeners),
        .idle_timeout_ms = self->options.idle_timeout_ms,
        .probe_interval_ms = self->options.probe_interval_ms,
        .party_gone = self->options.party_gone,
        .context = self->options.context,
    };
    enum stated_code code = slot_pool_grow(&self->slots);
    if (code == STATED_OK) {
        code = upkeep_start(&self->upkeep, &options);
    }
    return code == STATED_OK
               ? code
               : stated_status_set(status, code, "cannot receive: out of memory or threads");
}

void transport_stop_accepting(struct transport *self)
{
    peer_table_close(&self->peers);
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

void transport_close(struct transport *self)
{
    if (self->closed) {
        return;
    }
    self->closed = true;
    upkeep_stop(&self->upkeep);
    slot_pool_stop(&self->slots);
    nng_close(self->socket);
    size_t n = atomic_load(&self->n_listeners);
    for (size_t i = 0; i < n; i++) {
        listener_close(&self->listeners[i]);
    }
    const struct upkeep_options options = {
        .peers = &self->peers,
        .party_gone = self->options.party_gone,
        .context = self->options.context,
    };
    upkeep_cancel_gone(&options);
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
    size_t n = atomic_load(&self->n_listeners);
    for (size_t i = 0; i < n; i++) {
        if (atomic_load(&self->listeners[i].deaf)) {
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
        .closed_idle = atomic_load(&self->upkeep.closed_idle),
        .closed_slow = atomic_load(&self->slots.closed_slow),
        .deaf_endpoint = deaf_endpoint(self),
    };
}

const char *transport_endpoint(const struct transport *self, size_t index)
{
    return index < atomic_load(&self->n_listeners) ? self->listeners[index].endpoint : NULL;
}
