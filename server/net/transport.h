/* The transport: endpoints, connections and slots, from a frame's bytes to its reply's bytes.

   It speaks the REP side of SP (net/sp.h) over NNG's byte streams, not over NNG's REP socket: that
   one loses the end of a half done send or receive when a connection is closed beside it (any busy
   client that dies, NNG 1.5.2), and then its only thread that frees connections waits for ever.

   A server goes through it in this order, each step once, on one thread:

       transport_new
       transport_listen          for every endpoint: bound, connections wait
       transport_start           connections are accepted, frames received
         ...
       transport_stop_accepting  endpoints are gone; frames still come in, so the gate has to
                                 refuse their calls (gate_drain)
       (gate_wait_idle)          every call has its outcome
       transport_linger          the last replies leave
       transport_close           no callback of NNG runs any more; connections are gone
       (gate_free)               workers are joined, so nothing answers any more
       transport_free

   A step that fails goes on with transport_close, transport_free. nng_fini is the program's. */
#ifndef STATED_NET_TRANSPORT_H
#define STATED_NET_TRANSPORT_H

#include "net/share.h"
#include "sched/gate.h"

#include "stated/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct transport;
struct dispatch;

struct transport_options {
    /* Of a frame. One that is a little larger still reaches the exchange, to be answered; a much
       larger one costs its sender the connection. */
    uint64_t max_message_bytes;
    uint32_t max_connections;
    /* As many as the gate may keep waiting. There are always some more slots, to refuse with, and
       those of parked calls, which the park bounds. */
    uint32_t max_frames;
    /* A connection without a completed request for this long is closed; a first request is due
       within 30 s at the latest. */
    uint32_t idle_timeout_ms;

    /* A peer that does not take a byte more of its replies for this long is cut off; 0 = 10 s.
       While others wait for slots, which such replies keep, after a second. */
    uint32_t reply_timeout_ms;
    /* A connection is not read on while it has this many frames in flight, or, when answers
       take long, more of them are refused; 0 = 64. */
    uint32_t max_frames_per_connection;
    share_look look; /* with the context; NULL: nothing takes long */

    /* The connection behind `party` is gone: drop its queued calls (gate_cancel_party). On the
       transport's own thread, without a lock; may be called until transport_close has returned. */
    void (*party_gone)(void *context, struct gate_party *party);
    void *context;
};

/* Makes a transport without endpoints. options are copied; dispatch and context must outlive it.
   RESOURCE_EXHAUSTED when memory or descriptors run out. */
enum stated_code transport_new(const struct transport_options *options, struct dispatch *dispatch,
                               struct transport **transport,
                               struct stated_status *status) STATED_MUST_USE;

/* Listens on one NNG URL (ipc://PATH, tcp://HOST:PORT). Errors name the URL: INVALID_ARGUMENT (no
   URL, or a scheme that is not served, and why), FAILED_PRECONDITION (in use, by whom if known),
   PERMISSION_DENIED, NOT_FOUND, UNAVAILABLE. May block on name resolution. */
enum stated_code transport_listen(struct transport *self, const char *url,
                                  struct stated_status *status) STATED_MUST_USE;

/* Accepts and receives. RESOURCE_EXHAUSTED when it cannot start its thread. */
enum stated_code transport_start(struct transport *self,
                                 struct stated_status *status) STATED_MUST_USE;

/* Closes the endpoints; connections that exist stay. Any thread, never blocks, idempotent. */
void transport_stop_accepting(struct transport *self);

/* Waits until no reply is on its way and what was sent has had about 100 ms to leave; at most
   about a second. Returns at once when nothing was sent lately. Blocks. */
void transport_linger(struct transport *self);

/* Closes the connections; afterwards no callback runs and nothing is received or sent.
   An exchange that is still running may be answered later, into the void. Blocks, a little. Not
   from a callback or a worker. */
void transport_close(struct transport *self);

/* Frees everything. After transport_close, with every exchange answered. NULL is allowed. */
void transport_free(struct transport *self);

/* A consistent enough picture for Status. */
struct transport_figures {
    uint32_t connections;
    uint32_t frames; /* received, the reply not yet handed to the connection */
    uint32_t slots;
    /* Of connections, since start. */
    uint64_t accepted;
    uint64_t refused;     /* over the limit, or while stopping */
    uint64_t closed_idle; /* no request completed in time */
    uint64_t closed_slow; /* replies not taken in time */
    /* Should accept connections but cannot; NULL = all can. The transport's. */
    const char *deaf_endpoint;
};

/* From transport_start until transport_close, any thread, never blocks. */
void transport_read_figures(struct transport *self, struct transport_figures *figures);

/* Endpoints as really bound (a tcp port 0 is resolved), in the order of transport_listen; NULL
   past the last one. The transport's, until transport_free. From transport_start on any thread. */
const char *transport_endpoint(const struct transport *self, size_t index);

#endif
