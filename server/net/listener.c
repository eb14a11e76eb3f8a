/* The loop is our own: whatever an accept ends with but our closing, the next one follows. (NNG's
   own listeners take EPIPE from a peer that leaves while it is greeted for their end, nng #1518.)
 */
#include "net/listener.h"

#include "base/clock.h"
#include "base/log.h"
#include "net/ipc_lock.h"
#include "net/listen_url.h"

#include <stdio.h>
#include <string.h>

/* Only the server's own user, who may run the clients as well. */
#define IPC_PERMISSIONS 0600
/* Before the next try when descriptors or memory are out. */
#define PAUSE_MS 50
/* For how long a failure counts: a pause, and then some. */
#define DEAF_NS (CLOCK_NS_PER_S)
/* Without a failure for this long, the next one is news. */
#define REPORT_NS (10 * CLOCK_NS_PER_S)

static enum stated_code explain(int error, const char *url, struct stated_status *status)
{
    switch (error) {
    case NNG_EADDRINUSE:
        return stated_status_set(status, STATED_FAILED_PRECONDITION,
                                 "cannot listen on %s: the address is in use; choose another port",
                                 url);
    case NNG_EADDRINVAL:
        return stated_status_set(status, STATED_INVALID_ARGUMENT,
                                 "cannot listen on %s: this machine has no such address", url);
    case NNG_EPERM:
        return stated_status_set(status, STATED_PERMISSION_DENIED,
                                 "cannot listen on %s: permission denied", url);
    case NNG_ENOMEM:
    case NNG_ENOFILES:
        return stated_status_set(status, STATED_RESOURCE_EXHAUSTED, "cannot listen on %s: %s", url,
                                 nng_strerror(error));
    default:
        return stated_status_set(status, STATED_UNAVAILABLE, "cannot listen on %s: %s", url,
                                 nng_strerror(error));
    }
}

static void accept_next(struct listener *self)
{
    self->pausing = false;
    nng_stream_listener_accept(self->stream_listener, self->accept_aio);
}

static void pause_accepting(struct listener *self)
{
    self->pausing = true;
    nng_sleep_aio(PAUSE_MS, self->accept_aio);
}

/* One line for many failures in a row. */
static void note_failure(struct listener *self, int error)
{
    uint64_t now_ns = clock_now_ns();
    uint64_t before_ns = atomic_exchange(&self->failed_ns, now_ns);
    if (before_ns == 0 || now_ns - before_ns > REPORT_NS) {
        log_warn("%s cannot accept connections for now: %s", self->endpoint, nng_strerror(error));
    }
}

static void accept_event(void *argument)
{
    struct listener *self = argument;
    int error = nng_aio_result(self->accept_aio);
    if (self->pausing && error == 0) {
        accept_next(self);
        return;
    }
    switch (error) {
    case 0:
        connection_open(self->host, nng_aio_get_output(self->accept_aio, 0), self->marked);
        accept_next(self);
        break;
    case NNG_ECLOSED:
    case NNG_ECANCELED:
        atomic_store(&self->ended, true);
        break;
    case NNG_ECONNABORTED:
    case NNG_ECONNRESET:
        accept_next(self);
        break;
    default:
        note_failure(self, error);
        pause_accepting(self);
        break;
    }
}

/* What has to be set before the first connection can come. */
static int configure(nng_stream_listener *listener, bool marked)
{
    if (marked) {
        return nng_stream_listener_set_int(listener, NNG_OPT_IPC_PERMISSIONS, IPC_PERMISSIONS);
    }
    /* Replies are whole messages, so waiting to fill a packet only costs time; and a peer whose
       machine is gone has to be noticed. */
    int error = nng_stream_listener_set_bool(listener, NNG_OPT_TCP_NODELAY, true);
    return error != 0 ? error : nng_stream_listener_set_bool(listener, NNG_OPT_TCP_KEEPALIVE, true);
}

static void name_endpoint(struct listener *self, const nng_sockaddr *address)
{
    char text[ADDRESS_BYTES];
    snprintf(self->endpoint, sizeof(self->endpoint), "%s://%s", self->marked ? "ipc" : "tcp",
             address_format(address, text));
    if (!address_is_local(address)) {
        log_warn("%s can be reached from other machines, and this version does not ask clients who "
                 "they are",
                 self->endpoint);
    }
}

static int bind_url(struct listener *self, const char *url)
{
    nng_sockaddr address;
    int error = nng_stream_listener_alloc(&self->stream_listener, url);
    if (error != 0) {
        self->stream_listener = NULL;
        return error;
    }
    if ((error = nng_aio_alloc(&self->accept_aio, accept_event, self)) != 0 ||
        (error = configure(self->stream_listener, self->marked)) != 0 ||
        (error = nng_stream_listener_listen(self->stream_listener)) != 0 ||
        (error = nng_stream_listener_get_addr(self->stream_listener, NNG_OPT_LOCADDR, &address)) !=
            0) {
        return error;
    }
    name_endpoint(self, &address);
    return 0;
}

enum stated_code listener_open(struct listener *self, struct connection_host *host, const char *url,
                               struct stated_status *status)
{
    struct listen_url parsed;
    enum stated_code code = listen_url_parse(url, &parsed, status);
    if (code != STATED_OK) {
        return code;
    }
    memset(self, 0, sizeof(*self));
    self->host = host;
    self->marked = parsed.scheme == LISTEN_IPC;
    self->lock_fd = -1;
    if (self->marked) {
        code = ipc_prepare_default(parsed.rest, status);
        if (code == STATED_OK) {
            code = ipc_lock_acquire(parsed.rest, &self->lock_fd, status);
        }
        if (code != STATED_OK) {
            return code;
        }
    }
    int error = bind_url(self, url);
    if (error != 0) {
        listener_close(self);
        return explain(error, url, status);
    }
    return STATED_OK;
}

void listener_start(struct listener *self)
{
    accept_next(self);
}

void listener_stop(struct listener *self)
{
    atomic_store(&self->stopped, true);
    if (self->stream_listener != NULL) {
        nng_stream_listener_close(self->stream_listener);
    }
}

void listener_close(struct listener *self)
{
    listener_stop(self);
    nng_aio_stop(self->accept_aio);
    nng_aio_free(self->accept_aio);
    self->accept_aio = NULL;
    nng_stream_listener_free(self->stream_listener);
    self->stream_listener = NULL;
    ipc_lock_release(self->lock_fd);
    self->lock_fd = -1;
}

bool listener_is_deaf(const struct listener *self, uint64_t now_ns)
{
    if (atomic_load(&self->stopped)) {
        return false;
    }
    uint64_t failed_ns = atomic_load(&self->failed_ns);
    return atomic_load(&self->ended) || (failed_ns != 0 && now_ns - failed_ns < DEAF_NS);
}
