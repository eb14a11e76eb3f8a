/* Whether there is a connection comes from NNG's pipe events. That an attempt failed comes from
   nowhere but the dialer's counters, so only the wait of an open looks at them: a blocking dial
   would tell, but cannot be ended in time. */
#include "channel.h"

#include "dial.h"
#include "monotonic.h"
#include "nng_guard.h"

#include <nng/protocol/reqrep0/req.h>
#include <stdlib.h>
#include <string.h>

#define RECONNECT_MIN_MS 10
#define RECONNECT_MAX_MS 1000

/* What NNG adds to a body on the wire; its size limit counts that too. */
#define HEADER_SLACK_BYTES 64

/* Between two looks at the counters. */
#define LOOK_AGAIN_NS (2 * CLOCK_NS_PER_MS)

static void on_pipe_added(nng_pipe pipe, nng_pipe_ev event, void *argument)
{
    struct channel *self = argument;
    (void)event;
    pthread_mutex_lock(&self->lock);
    /* NNG may report the end of a short connection before its beginning. */
    if (self->guarded.removed != pipe.id) {
        self->guarded.pipe = pipe.id;
        pthread_cond_broadcast(&self->connected);
    }
    pthread_mutex_unlock(&self->lock);
}

static void on_pipe_removed(nng_pipe pipe, nng_pipe_ev event, void *argument)
{
    struct channel *self = argument;
    (void)event;
    pthread_mutex_lock(&self->lock);
    self->guarded.removed = pipe.id;
    if (self->guarded.pipe == pipe.id) {
        self->guarded.pipe = 0;
    }
    pthread_mutex_unlock(&self->lock);
}

/* The resend time must be off before the first context is opened: contexts take it over. NNG's own
   resending would run writes twice. */
static int configure(struct channel *self, uint64_t max_message_bytes)
{
    nng_socket socket = self->socket;
    int error = nng_socket_set_ms(socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE);
    if (error == 0) {
        error = nng_socket_set_size(socket, NNG_OPT_RECVMAXSZ,
                                    (size_t)max_message_bytes + HEADER_SLACK_BYTES);
    }
    if (error == 0) {
        error = nng_socket_set_ms(socket, NNG_OPT_RECONNMINT, RECONNECT_MIN_MS);
    }
    if (error == 0) {
        error = nng_socket_set_ms(socket, NNG_OPT_RECONNMAXT, RECONNECT_MAX_MS);
    }
    if (error == 0) {
        error = nng_pipe_notify(socket, NNG_PIPE_EV_ADD_POST, on_pipe_added, self);
    }
    if (error == 0) {
        error = nng_pipe_notify(socket, NNG_PIPE_EV_REM_POST, on_pipe_removed, self);
    }
    return error;
}

static enum stated_code wait_connected(struct channel *self, uint32_t connect_timeout_ms,
                                       struct stated_status *status)
{
    uint64_t now = clock_now_ns();
    uint64_t deadline = now + connect_timeout_ms * CLOCK_NS_PER_MS;
    enum dial_failure failure = DIAL_PENDING;
    while (!channel_is_connected(self)) {
        failure = dial_failure_of(self->dialer);
        if (failure != DIAL_PENDING || now >= deadline) {
            return dial_explain(failure, self->endpoint, connect_timeout_ms, status);
        }
        uint64_t look = now + LOOK_AGAIN_NS;
        pthread_mutex_lock(&self->lock);
        if (self->guarded.pipe == 0) {
            monotonic_cond_wait(&self->connected, &self->lock, look < deadline ? look : deadline);
        }
        pthread_mutex_unlock(&self->lock);
        now = clock_now_ns();
    }
    return STATED_OK;
}

static enum stated_code dial(struct channel *self, uint32_t connect_timeout_ms,
                             struct stated_status *status)
{
    int error = nng_dialer_create(&self->dialer, self->socket, self->endpoint);
    if (error == 0) {
        error = nng_dialer_start(self->dialer, NNG_FLAG_NONBLOCK);
    }
    if (error != 0) {
        return stated_status_set(
            status, error == NNG_ENOMEM ? STATED_RESOURCE_EXHAUSTED : STATED_INVALID_ARGUMENT,
            "cannot dial \"%s\": %s", self->endpoint, nng_strerror(error));
    }
    return connect_timeout_ms == 0 ? STATED_OK : wait_connected(self, connect_timeout_ms, status);
}

enum stated_code channel_open(struct channel *self, const char *endpoint,
                              uint64_t max_message_bytes, uint32_t connect_timeout_ms,
                              struct stated_status *status)
{
    *self = (struct channel){.endpoint = strdup(endpoint)};
    monotonic_cond_init(&self->connected);
    pthread_mutex_init(&self->lock, NULL);
    enum stated_code code = STATED_OK;

    nng_guard_link();
    int error = self->endpoint == NULL ? NNG_ENOMEM : nng_req0_open(&self->socket);
    if (error != 0) {
        code = stated_status_set(status, STATED_RESOURCE_EXHAUSTED, "cannot open a socket: %s",
                                 nng_strerror(error));
        goto deinit;
    }
    error = configure(self, max_message_bytes);
    if (error != 0) {
        code = stated_status_set(status, STATED_INTERNAL, "cannot set up the socket: %s",
                                 nng_strerror(error));
        goto close;
    }
    code = dial(self, connect_timeout_ms, status);
    if (code != STATED_OK) {
        goto close;
    }
    return STATED_OK;
close:
    channel_close(self);
deinit:
    channel_deinit(self);
    return code;
}

bool channel_is_connected(struct channel *self)
{
    pthread_mutex_lock(&self->lock);
    bool connected = self->guarded.pipe != 0;
    pthread_mutex_unlock(&self->lock);
    return connected;
}

void channel_close(struct channel *self)
{
    nng_close(self->socket);
}

void channel_deinit(struct channel *self)
{
    pthread_cond_destroy(&self->connected);
    pthread_mutex_destroy(&self->lock);
    free(self->endpoint);
}
