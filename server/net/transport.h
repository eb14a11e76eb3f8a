/* The transport: NNG endpoints, connections and slots, from a frame's bytes to its reply's bytes.

   A server goes through it in this order, each step once, all on one thread unless it says otherwise:

       transport_new
       transport_listen          for every endpoint; connections are accepted from here on, and their
                                 first frames wait
       transport_start           frames are received
         …
       transport_stop_accepting  new connections are refused; frames still come in, so the gate must
                                 refuse their calls (gate_drain)
       (gate_wait_idle)          every call has its outcome
       transport_linger          the last replies leave
       transport_close           no callback of NNG runs any more; endpoints are gone
       (gate_free)               workers are joined
       transport_free

   A step that fails goes on with transport_close, transport_free. nng_fini is the program's. */
#ifndef STATED_NET_TRANSPORT_H
#define STATED_NET_TRANSPORT_H

#include "sched/gate.h"

#include "stated/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct transport;
struct dispatch;

struct transport_options {
    uint64_t max_message_bytes; /* of a frame. One that is a little larger still reaches the exchange,
                                   to be answered; a much larger one costs its sender the connection */
    uint32_t max_connections;
    uint32_t max_queued_calls; /* the gate's bound: there are always more slots than that, to refuse
                                  with */
    uint32_t max_frames_per_connection; /* received and not yet taken back as replies; more costs the
                                           connection */
    uint32_t idle_timeout_ms;   /* a connection without a completed request for this long is closed; a
                                   first request is due within 30 s at the latest */
    uint32_t reply_timeout_ms;  /* a peer that does not take a reply for this long is cut off */
    uint32_t probe_interval_ms; /* between two self-checks of the endpoints */
};

#define TRANSPORT_OPTIONS_INIT                                                                     \
    {                                                                                              \
        .max_message_bytes = 1u << 20, .max_connections = 1024, .max_queued_calls = 4096,          \
        .max_frames_per_connection = 1088, .idle_timeout_ms = 300000, .reply_timeout_ms = 10000,   \
        .probe_interval_ms = 10000                                                                 \
    }

/* What the transport asks of the layer above. */
struct transport_ops {
    /* The connection behind `party` is gone: drop its queued calls (gate_cancel_party). On the
       transport's own thread, without a lock; may be called until transport_close has returned. */
    void (*party_gone)(void *context, struct gate_party *party);
};

/* Makes a transport without endpoints. options are copied; dispatch, ops and context must outlive it.
   RESOURCE_EXHAUSTED when memory or descriptors run out. */
enum stated_code transport_new(const struct transport_options *options, struct dispatch *dispatch,
                               const struct transport_ops *ops, void *context,
                               struct transport **transport,
                               struct stated_status *status) STATED_MUST_USE;

/* Listens on one NNG URL (ipc://PATH, tcp://HOST:PORT). Errors name the URL: INVALID_ARGUMENT (not a
   URL, a scheme that is not served, and why), FAILED_PRECONDITION (in use, by whom if known),
   PERMISSION_DENIED, UNAVAILABLE. May block on name resolution. */
enum stated_code transport_listen(struct transport *self, const char *url,
                                  struct stated_status *status) STATED_MUST_USE;

/* Opens the first slots and starts the upkeep thread. RESOURCE_EXHAUSTED when it cannot. */
enum stated_code transport_start(struct transport *self,
                                 struct stated_status *status) STATED_MUST_USE;

/* Refuses connections from now on; those that exist stay. Any thread, never blocks, idempotent. */
void transport_stop_accepting(struct transport *self);

/* Waits until no reply is on its way and what was sent has had about 100 ms to leave; at most about
   a second. Returns at once when nothing was sent lately. Blocks. */
void transport_linger(struct transport *self);

/* Closes endpoints and connections; afterwards no callback runs and nothing is received or sent. An
   exchange that is still running may be answered later, into the void. Blocks, a little. Not from a
   callback or a worker. */
void transport_close(struct transport *self);

/* Frees everything. After transport_close, with every exchange answered. NULL is allowed. */
void transport_free(struct transport *self);

/* A consistent enough picture for Status. */
struct transport_figures {
    uint32_t connections;
    uint32_t frames; /* received and not yet answered */
    uint32_t slots;
    uint64_t accepted;    /* connections, since start */
    uint64_t refused;     /* connections over the limit, or while stopping */
    uint64_t closed_idle; /* no request completed in time */
    uint64_t closed_slow; /* replies not taken in time, or too many of them outstanding */
};

/* From transport_start to transport_close, any thread, never blocks. */
void transport_read_figures(struct transport *self, struct transport_figures *figures);

/* Endpoints as really bound (a tcp port 0 is resolved), in the order of transport_listen; NULL from
   the last one on. Owned by the transport until transport_free. From transport_start on any thread. */
const char *transport_endpoint(const struct transport *self, size_t index);

/* Whether every endpoint accepted a connection when it was last tried. If not, reason says which one
   did not, and since when; else it is "". From transport_start on any thread, never blocks. */
bool transport_is_healthy(struct transport *self, char *reason, size_t size);

#endif
