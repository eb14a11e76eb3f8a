/* The NNG transport: listeners, connections and slots behind one handle. Only server/net/ knows
   NNG.

   Taken down in this order (see server.c): transport_stop_accepting; drain the gate;
   transport_linger; transport_free. Everything here may be called from the thread that owns the
   server, and the figures from any thread. */
#ifndef STATED_NET_TRANSPORT_H
#define STATED_NET_TRANSPORT_H

#include "sched/gate.h"

#include "stated/status.h"

#include <stddef.h>
#include <stdint.h>

struct dispatch;
struct transport;

struct transport_options {
    uint64_t max_message_bytes;
    uint32_t max_connections;
    uint32_t max_frames; /* admitted at a time; there are more slots than that, to say no with */
    uint32_t idle_timeout_ms; /* of a connection without a completed request */
    /* A connection is gone: cancel what it has queued. Any thread; must not block. */
    void (*party_gone)(void *context, struct gate_party *party);
    void *context;
};

/* Makes the socket and its first slots. On failure *transport is NULL and status says why. */
enum stated_code transport_new(const struct transport_options *options, struct dispatch *dispatch,
                               struct transport **transport,
                               struct stated_status *status) STATED_MUST_USE;

/* Listens on the URL as well. Failures name the URL, the reason and what to do: INVALID_ARGUMENT
   (not a URL we serve), UNAVAILABLE (in use: by which pid, where that is known), PERMISSION_DENIED.
 */
enum stated_code transport_listen(struct transport *self, const char *url,
                                  struct stated_status *status) STATED_MUST_USE;

/* Refuses new connections from now on; calls of the present ones still come through. */
void transport_stop_accepting(struct transport *self);

/* Waits until every frame taken in has been answered and handed to its connection, at most a
   second, and then 100 ms for the connections to write it out. */
void transport_linger(struct transport *self);

/* Closes everything and frees; nobody may be using it. NULL is allowed. */
void transport_free(struct transport *self);

#define TRANSPORT_URL_BYTES 256

struct transport_figures {
    uint32_t connections;
    uint32_t slots;
    const char *deaf_endpoint; /* one that accepts no connections any more; NULL = all well */
};

void transport_read_figures(struct transport *self, struct transport_figures *figures);

/* Endpoint i as it is really bound (port 0 resolved); NULL past the last. As long as the transport.
 */
const char *transport_endpoint(struct transport *self, size_t i);

#endif
