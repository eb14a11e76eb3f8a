/* A listener: one endpoint, the loop that accepts on it, its lock and its state of health. */
#ifndef STATED_NET_LISTENER_H
#define STATED_NET_LISTENER_H

#include "net/address.h"
#include "net/connection.h"

#include "stated/status.h"

#include <nng/nng.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#if NNG_MAJOR_VERSION != 1 || NNG_MINOR_VERSION < 5
#error "stated needs NNG 1.5 or a later 1.x"
#endif

/* Endpoints of one server. */
#define LISTENER_MAX 16

/* Of an endpoint as text with its NUL: "tcp://" and an address, or an ipc URL. */
#define LISTENER_ENDPOINT_BYTES (ADDRESS_BYTES + 8)

struct listener {
    char endpoint[LISTENER_ENDPOINT_BYTES]; /* as really bound */
    bool marked;                            /* ipc */
    int lock_fd;                            /* of the ipc path; -1: none */
    struct connection_host *host;
    nng_stream_listener *stream_listener;
    nng_aio *accept_aio;
    bool pausing;                    /* the accept loop's own */
    atomic_bool stopped;             /* on purpose */
    atomic_bool ended;               /* the accept loop has ended, for whatever reason */
    atomic_uint_least64_t failed_ns; /* when accepting last failed; 0 = never */
};

/* Binds; connections wait in the system's queue until listener_start. On failure nothing is held,
   and the errors are those of transport_listen. May block on name resolution. */
enum stated_code listener_open(struct listener *self, struct connection_host *host, const char *url,
                               struct stated_status *status) STATED_MUST_USE;

/* Accepts; connections belong to the host. */
void listener_start(struct listener *self);

/* Accepts nothing more, and an ipc path is gone. Any thread, never blocks, idempotent. */
void listener_stop(struct listener *self);

/* Stops, waits until no callback runs and lets go of the lock. Not from a callback. */
void listener_close(struct listener *self);

/* True while it should accept but cannot. Any thread, never blocks. */
bool listener_is_deaf(const struct listener *self, uint64_t now_ns);

#endif
