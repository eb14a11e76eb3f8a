/* libstated-server: serve your own state with tickets, backpressure, deadlines and durable order.

   Describe a service in a .proto whose methods declare their access mode, let protoc-gen-stated
   write the method table, implement the handlers, register, run. Handlers of READ methods may run
   beside each other; a WRITE handler runs alone; all take effect in ticket order. No handler may
   wait. */
#ifndef STATED_SERVER_H
#define STATED_SERVER_H

#include "stated/access.h"
#include "stated/status.h"

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One call while its handler runs. Opaque; valid until the handler returns. */
struct stated_call;

/* What a service may say about a call before it is admitted; set from the method, refined by
 * `admit`. */
struct stated_admission {
    bool light; /* READ only: small and bounded; may run inline and within a write run. Default
                   false. */
    bool
        bypass; /* READ only: takes no ticket and sees the newest committed state. Default false. */
};

/* One method of a service, written by protoc-gen-stated. */
struct stated_method {
    const char *name; /* "package.Service/Method" */
    enum stated_access access;
    const ProtobufCMessageDescriptor *request;
    const ProtobufCMessageDescriptor *response;
    /* Calls the handler in `handlers` with the types it wants; UNIMPLEMENTED when it is NULL. */
    enum stated_code (*invoke)(const void *handlers, struct stated_call *call,
                               const ProtobufCMessage *request, ProtobufCMessage *response);
    /* The same for the optional admission check; OK when it is NULL. */
    enum stated_code (*admit)(const void *handlers, struct stated_call *call,
                              const ProtobufCMessage *request, struct stated_admission *admission);
};

/* A service, written by protoc-gen-stated as `<package>_<service>_type`. */
struct stated_service_type {
    const char *name; /* "package.Service" */
    const struct stated_method *methods;
    size_t n_methods;
};

/* For handlers, on the handler's thread only. */

/* The state given at registration. */
void *stated_call_state(const struct stated_call *call);

/* Fails the call: sets code and a message for people (printf style; name the offending value and
   what to do), and returns code, so that a handler ends with `return stated_call_fail(call, ...)`.
 */
enum stated_code stated_call_fail(struct stated_call *call, enum stated_code code,
                                  const char *format, ...) STATED_PRINTF(3, 4);

/* Fails the call like stated_call_fail (INTERNAL), and says that the state may be half changed: it
   is poisoned. Nothing executes any more until the recover callback has restored the state or an
   operator has cleared the poison; until then calls are answered FAILED_PRECONDITION, unexecuted.
   For READ and WRITE methods. */
enum stated_code stated_call_torn(struct stated_call *call, const char *format, ...)
    STATED_PRINTF(2, 3);

/* Memory that lives until the reply is sent; for what a response points at. NULL when the call has
   used up its memory: answer RESOURCE_EXHAUSTED. */
void *stated_call_alloc(struct stated_call *call, size_t size) STATED_MUST_USE;

/* Parked calls: those of PARK methods that have nothing to answer yet.

   A handler of a PARK method answers at once, like any other, or parks its call and returns. A
   parked call holds no thread, no lock and no ticket, only a little memory. Whoever has news for it
   calls stated_parked_wake, from any thread; then the server calls `resume` for it, which answers
   or stays parked. All calls of `resume` and `end`, of every service, come one after the other on
   one thread of the server, so they must not wait and should be quick.

   What was parked ends in one of these ways, exactly once, and `end` is called for each: `resume`
   has answered; the caller's time is nearly over, or the server stops (`resume` says what is to be
   said when nothing happened); the caller has gone.

   A frame is answered when its last call is, so a call that may be parked should have a frame of
   its own; only 128 others may wait at a time. Then it also needs the least memory: its request is
   gone once the handler has returned, and what is to be kept of it has to be copied into the memory
   that stated_call_park gives. */
struct stated_parked;

/* Why `resume` is called. */
enum stated_wake {
    STATED_WAKE_CALLED,   /* stated_parked_wake; several calls of it may be one */
    STATED_WAKE_TIMEOUT,  /* the time is over: what it returns is the answer */
    STATED_WAKE_STOPPING, /* the server stops: as above */
};

/* What a service does with its parked calls; static. */
struct stated_park_ops {
    /* Answers as a handler does, into an empty response; or, when only called, stays parked with
       `return stated_call_stay(call)`. memory is that of stated_call_park. */
    enum stated_code (*resume)(struct stated_call *call, enum stated_wake why, void *memory,
                               ProtobufCMessage *response);
    /* The call is not parked any more: take `memory` off every list, and leave what the response
       points at. Until this has returned the call may be woken, in vain. NULL when there is nothing
       to do. */
    void (*end)(struct stated_call *call, void *memory);
};

/* For a handler of a PARK method: parks the call when the handler returns OK after this; when it
   returns anything else, the call ends with that. *parked has `bytes` of memory of its own
   (stated_parked_memory), zeroed, which last until the reply has been sent. Errors are the call's
   outcome already, so return them: RESOURCE_EXHAUSTED when as many calls are parked as may
   (max_parked_calls, max_parked_calls_per_connection) or memory is out, UNAVAILABLE when the server
   stops, INTERNAL for a method that is not PARK. */
enum stated_code stated_call_park(struct stated_call *call, const struct stated_park_ops *ops,
                                  size_t bytes, struct stated_parked **parked) STATED_MUST_USE;

/* The memory that was asked for. */
void *stated_parked_memory(struct stated_parked *parked);

/* `resume` is to be called, soon and on the server's thread. From stated_call_park on, until `end`
   has returned; any thread, with any locks: it never calls back on the caller's stack. */
void stated_parked_wake(struct stated_parked *parked);

/* In `resume`, when it was called: the call stays parked, and what was set in the response is
   forgotten. Returns OK. */
enum stated_code stated_call_stay(struct stated_call *call);

/* A server: listeners, gate, workers. Opaque. */
struct stated_server;

struct stated_server_options {
    const char *const *listen; /* NNG URLs: "ipc:///path", "tcp://127.0.0.1:7420" */
    size_t n_listen;
    uint32_t workers; /* threads that execute calls; at least 2 */
    uint32_t max_queued_calls;
    uint64_t max_queued_bytes;  /* of requests; at least max_message_bytes */
    uint64_t max_message_bytes; /* of a frame, either way */
    uint32_t max_connections;
    uint32_t max_calls_per_frame; /* or max_queued_calls or max_calls_per_connection, if less */
    uint32_t max_calls_per_connection;
    uint32_t max_parked_calls; /* more are refused; counted apart from all other calls */
    uint32_t max_parked_calls_per_connection;
    uint32_t default_timeout_ms; /* of a call that names none */
    uint32_t max_timeout_ms;     /* a call that asks for more gets INVALID_ARGUMENT */
    uint32_t idle_timeout_ms; /* a connection without a completed request for this long is closed */
    uint32_t drain_timeout_ms; /* how long stop waits for calls in flight */
    /* A light read that may run at once is executed by the thread that received it, which saves two
       context switches; else by a worker. */
    bool inline_light_reads;
    /* The state is poisoned (stated_call_torn) and nothing executes: restore it. True when it is
       good again, which starts a new epoch. On a thread of the server; may block. NULL: an operator
       has to clear the poison. */
    bool (*recover)(void *context);
    void *recover_context;
};

#define STATED_SERVER_OPTIONS_INIT                                                                 \
    {                                                                                              \
        .workers = 4, .max_queued_calls = 4096, .max_queued_bytes = 64u << 20,                     \
        .max_message_bytes = 1u << 20, .max_connections = 1024, .max_calls_per_frame = 1024,       \
        .max_calls_per_connection = 1024, .max_parked_calls = 16384,                               \
        .max_parked_calls_per_connection = 4096, .default_timeout_ms = 5000,                       \
        .max_timeout_ms = 600000, .idle_timeout_ms = 300000, .drain_timeout_ms = 10000,            \
        .inline_light_reads = true                                                                 \
    }

/* Makes a server that does not listen yet; options are copied. On failure *server is NULL and
   status (may be NULL) says why: INVALID_ARGUMENT names the option. */
enum stated_code stated_server_new(const struct stated_server_options *options,
                                   struct stated_server **server,
                                   struct stated_status *status) STATED_MUST_USE;

/* Serves `type` with `handlers` (the generated struct; static or outliving the server) and `state`,
   which handlers get by stated_call_state. Before start. ALREADY_EXISTS when the name is taken. */
enum stated_code stated_server_register(struct stated_server *server,
                                        const struct stated_service_type *type,
                                        const void *handlers, void *state,
                                        struct stated_status *status) STATED_MUST_USE;

/* Listens and serves until stopped. Returns once every endpoint accepts. A failure names the
   endpoint and leaves the server stopped. */
enum stated_code stated_server_start(struct stated_server *server,
                                     struct stated_status *status) STATED_MUST_USE;

/* Asks the server to stop: new calls get UNAVAILABLE, calls in flight are answered. Idempotent,
   returns at once; any thread, not a signal handler. */
void stated_server_stop(struct stated_server *server);

/* Waits until a stop has been asked for and is complete. OK when every call in flight was answered,
   DEADLINE_EXCEEDED when drain_timeout_ms passed first: a handler is still at work, and all that is
   left is to exit. DATA_LOSS when the store failed, in what it still owed the disk as well. Not
   from a handler. */
enum stated_code stated_server_join(struct stated_server *server,
                                    struct stated_status *status) STATED_MUST_USE;

/* Frees a server that never started or has been joined; after a join that gave DEADLINE_EXCEEDED it
   does nothing. NULL is allowed. */
void stated_server_free(struct stated_server *server);

#ifdef __cplusplus
}
#endif

#endif
