/* A listener: one endpoint that NNG accepts connections on, with its lock and its state of health.
 */
#ifndef STATED_NET_LISTENER_H
#define STATED_NET_LISTENER_H

#include "net/address.h"
#include "net/probe.h"

#include "stated/status.h"

#include <nng/nng.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* Endpoints of one server. */
#define LISTENER_MAX 16

/* Of an endpoint as text with its NUL: "tcp://" and an address, or an ipc URL. */
#define LISTENER_ENDPOINT_BYTES (ADDRESS_BYTES + 8)

struct listener {
    char endpoint[LISTENER_ENDPOINT_BYTES]; /* as really bound */
    uint32_t id;                            /* NNG's number for it */
    int lock_fd;                            /* of the ipc path; -1: none */
    struct sockaddr_storage address;
    socklen_t address_bytes;
    atomic_uint_least64_t accepted; /* connections; counted where NNG reports them */
    atomic_bool probed;             /* a try is under way: who counts tells the upkeep */
    atomic_bool deaf;               /* the last try was not accepted */
    struct probe probe;             /* the upkeep thread's */
};

/* Binds and accepts. On failure nothing is held, and the errors are those of transport_listen. May
   block on name resolution. */
enum stated_code listener_open(struct listener *self, nng_socket socket, const char *url,
                               struct stated_status *status) STATED_MUST_USE;

/* Ends a try that is under way and lets go of the lock. After the socket was closed, which closes
   the endpoint itself. */
void listener_close(struct listener *self);

#endif
