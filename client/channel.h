/* A channel: one NNG REQ socket that stays connected to one endpoint. */
#ifndef STATED_CLIENT_CHANNEL_H
#define STATED_CLIENT_CHANNEL_H

#include "stated/status.h"

#include <nng/nng.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct channel {
    nng_socket socket;
    nng_dialer dialer;
    char *endpoint;
    pthread_mutex_t lock;
    pthread_cond_t connected;
    struct {
        uint32_t pipe;    /* id of the connection there is; 0 = none */
        uint32_t removed; /* id of the last one that ended */
    } guarded;
};

/* Opens the socket and dials; `endpoint` (checked before) is copied. Waits up to connect_timeout_ms
   for the connection, and no longer than until the first attempt fails; 0 does not wait. On failure
   nothing is left open: UNAVAILABLE or PERMISSION_DENIED names the endpoint and what to do.
   Afterwards NNG reconnects by itself. */
enum stated_code channel_open(struct channel *self, const char *endpoint,
                              uint64_t max_message_bytes, uint32_t connect_timeout_ms,
                              struct stated_status *status) STATED_MUST_USE;

/* True while a connection is there. Any thread. */
bool channel_is_connected(struct channel *self);

/* Ends every operation on the socket's contexts with NNG_ECLOSED. No thread may be inside an NNG
   function of one of them, nor enter one. Waits for NNG, not for anyone's callback. */
void channel_close(struct channel *self);

/* Frees what is left of a closed channel. */
void channel_deinit(struct channel *self);

#endif
