#include "net/listener.h"

#include "base/log.h"
#include "net/ipc_lock.h"
#include "net/listen_url.h"

#include <stdio.h>
#include <string.h>

/* Only the server's own user, who may run the clients as well. */
#define IPC_PERMISSIONS 0600

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

/* What has to be set before the first connection can come. */
static int configure(nng_listener listener, enum listen_scheme scheme)
{
    if (scheme == LISTEN_IPC) {
        return nng_listener_set_int(listener, NNG_OPT_IPC_PERMISSIONS, IPC_PERMISSIONS);
    }
    /* Replies are whole messages, so waiting to fill a packet only costs time; and a peer whose
       machine is gone has to be noticed. */
    int error = nng_listener_set_bool(listener, NNG_OPT_TCP_NODELAY, true);
    return error != 0 ? error : nng_listener_set_bool(listener, NNG_OPT_TCP_KEEPALIVE, true);
}

static void name_endpoint(struct listener *self, enum listen_scheme scheme,
                          const nng_sockaddr *address)
{
    char text[ADDRESS_BYTES];
    snprintf(self->endpoint, sizeof(self->endpoint), "%s://%s",
             scheme == LISTEN_IPC ? "ipc" : "tcp", address_format(address, text));
    if (!address_is_local(address)) {
        log_warn("%s can be reached from other machines, and this version does not ask clients who "
                 "they are",
                 self->endpoint);
    }
}

static int start(struct listener *self, nng_socket socket, const char *url,
                 enum listen_scheme scheme)
{
    nng_listener listener;
    nng_sockaddr address;
    int error = nng_listener_create(&listener, socket, url);
    if (error != 0) {
        return error;
    }
    self->id = (uint32_t)nng_listener_id(listener);
    if ((error = configure(listener, scheme)) != 0 ||
        (error = nng_listener_start(listener, 0)) != 0 ||
        (error = nng_listener_get_addr(listener, NNG_OPT_LOCADDR, &address)) != 0) {
        nng_listener_close(listener);
        return error;
    }
    self->address_bytes = address_to_system(&address, &self->address);
    name_endpoint(self, scheme, &address);
    return 0;
}

enum stated_code listener_open(struct listener *self, nng_socket socket, const char *url,
                               struct stated_status *status)
{
    struct listen_url parsed;
    enum stated_code code = listen_url_parse(url, &parsed, status);
    if (code != STATED_OK) {
        return code;
    }
    memset(self, 0, sizeof(*self));
    self->lock_fd = -1;
    probe_init(&self->probe);
    if (parsed.scheme == LISTEN_IPC) {
        code = ipc_lock_acquire(parsed.rest, &self->lock_fd, status);
        if (code != STATED_OK) {
            return code;
        }
    }
    int error = start(self, socket, url, parsed.scheme);
    if (error != 0) {
        listener_close(self);
        return explain(error, url, status);
    }
    return STATED_OK;
}

void listener_close(struct listener *self)
{
    probe_deinit(&self->probe);
    ipc_lock_release(self->lock_fd);
    self->lock_fd = -1;
}
