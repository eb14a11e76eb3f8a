/* libstated-client: call a stated server from C.

   Open a client, call the typed functions that protoc-gen-stated writes
   (stated/v1/state.stated-client.h for the built-in key/value service), free what they return,
   close. A client is safe to share between threads.

   Fork: the child of a process that has opened a client has none of the threads behind it. It may
   use no client, close none (its descriptors close on exec), and open none unless it calls exec
   first: fork before the first client is opened, or let the child exec. */
#ifndef STATED_CLIENT_H
#define STATED_CLIENT_H

#include "stated/access.h"
#include "stated/status.h"

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A connection to one server, many calls at a time. Opaque. */
struct stated_client;

/* A handle by which calls are cancelled. Opaque. */
struct stated_cancel;

/* connected: to endpoint; else why says why there is no connection, and the client dials on.
   endpoint and why are valid during the call. */
typedef void (*stated_connection_hook)(void *argument, bool connected, const char *endpoint,
                                       const struct stated_status *why);

/* One line without its end, valid during the call. */
typedef void (*stated_log_hook)(void *argument, const char *line);

/* Options grow: start from the INIT macro, which sets `size`, and change members. A program that
   was built against an older header passes a smaller struct, and what it does not know keeps its
   default; members are only ever added at the end. */
struct stated_client_options {
    size_t size;          /* of this struct, as the program knows it; set by the INIT macro */
    const char *endpoint; /* NNG URL, or several with commas between them, the preferred one first;
                             NULL = stated_default_endpoint() */
    uint32_t
        connect_timeout_ms; /* how long open may take; 0 = do not wait, connect in the background */
    uint32_t timeout_ms;    /* of a call that names none: the total of all its tries */
    uint64_t max_message_bytes; /* of a frame, either way; a larger request is INVALID_ARGUMENT */
    uint32_t max_calls; /* in flight at a time; further asynchronous calls wait in a queue */

    /* Sending again, within a call's timeout: a READ or NONE call whose connection broke, a WRITE
       with its sequence, and what the server refused for now (UNAVAILABLE, or
       RESOURCE_EXHAUSTED with a time to come back after). Pauses between tries grow and are random.
       A call that is sent again loses its place in the order of issue. */
    bool retry;
    /* Every WRITE gets a sequence, so that the server applies it once however often it is sent.
       With a server that keeps no record of sequences the client goes on without. */
    bool number_writes;
    uint32_t max_tries;      /* of a call; 0 = as many as its timeout allows */
    uint32_t try_timeout_ms; /* send again when a connection that stands brings no reply for so
                                long; 0 = never. PARK calls are left to wait */

    /* Calls that are issued while max_frames are on their way share the next one, in the order of
       issue and without waiting for more; PARK calls never share. false: a frame for each call, and
       64 of them on their way at a time, which is a server's share for a connection. */
    bool coalesce;
    uint32_t max_frames;      /* on their way at a time */
    uint32_t max_frame_calls; /* of one frame */
    uint32_t max_frame_bytes; /* of one frame that holds several calls */

    /* Callbacks run in stated_client_dispatch and nowhere else, when stated_client_fd says that
       there are some; for a program with its own event loop. */
    bool dispatch;

    /* All memory of the client, and of the responses, which are then freed with it:
       free_unpacked(..., allocator). alloc may return NULL; both functions are called on any thread
       and must not call the client. Outlives the client. NULL = malloc and free. NNG and the
       threads it makes have memory of their own. */
    ProtobufCAllocator *allocator;

    /* Told when the connection is there, when it is lost, and when it cannot be had for another
       reason than before; as callbacks are, one at a time. What passes quickly may be left out. */
    stated_connection_hook on_connection;
    void *connection_argument;
    /* The same in words. */
    stated_log_hook log;
    void *log_argument;
};

#define STATED_CLIENT_OPTIONS_INIT                                                                 \
    {                                                                                              \
        sizeof(struct stated_client_options), NULL, 5000, 5000, 1u << 20, 1024, true, true, 0, 0,  \
            true, 4, 128, 64u << 10, false, NULL, NULL, NULL, NULL, NULL                           \
    }

/* What a call can tell beside its status, which has its place in the order and whether the answer
   is a stored one (status.order.replayed). Start from the INIT macro; filled in before the call
   returns or its callback runs, also when it fails. */
struct stated_call_info {
    size_t size;       /* as above */
    uint32_t tries;    /* how often it was sent; 0 = never */
    uint64_t sequence; /* that it was sent with; 0 = none */
};

#define STATED_CALL_INFO_INIT                                                                      \
    {                                                                                              \
        sizeof(struct stated_call_info), 0, 0                                                      \
    }

/* As the client's options, except that size 0 is taken for the first version of the struct: so
   {.timeout_ms = 100} will do. */
struct stated_call_options {
    size_t size;
    uint32_t timeout_ms;           /* total time for the call; 0 = the client's default */
    bool once;                     /* send it once, whatever becomes of it */
    struct stated_call_info *info; /* lives until the call has ended; NULL = not wanted */
    struct stated_cancel *cancel;  /* of the same client; NULL = it cannot be cancelled */
};

#define STATED_CALL_OPTIONS_INIT                                                                   \
    {                                                                                              \
        sizeof(struct stated_call_options), 0, false, NULL, NULL                                   \
    }

/* Where `stated` and `statectl` meet unless told otherwise: ipc:///run/stated/stated.sock for root,
   ipc://$XDG_RUNTIME_DIR/stated/stated.sock for anyone else. Writes at most size bytes with the
   NUL; returns the length that would be needed, as snprintf does. Any thread. */
STATED_API size_t stated_default_endpoint(char *buffer, size_t size);

/* Connects. options may be NULL for the defaults; they are copied. On failure *client is NULL and
   status (may be NULL) says why: INVALID_ARGUMENT for a URL that is none or an option that is 0,
   PERMISSION_DENIED for a socket of somebody else's, UNAVAILABLE when nobody listens there (at
   once) or no server answers in time. Blocks up to connect_timeout_ms. Once open, a client connects
   again by itself whenever the connection breaks; calls wait for that up to their timeout. */
STATED_API enum stated_code stated_client_open(const struct stated_client_options *options,
                                               struct stated_client **client,
                                               struct stated_status *status) STATED_MUST_USE;

/* Ends all calls in flight (CANCELLED), waits for their callbacks (with the option `dispatch`: runs
   them) and frees. Not from a callback of the client, which stops the program. Nobody may use the
   client any more; a library built for debugging stops a program that does, when it notices. NULL
   is allowed. */
STATED_API void stated_client_close(struct stated_client *client);

/* With the option `dispatch`: a descriptor that polls as readable while callbacks are to be run,
   the client's own; not to be read. -1 without the option. Any thread; does not block. */
STATED_API int stated_client_fd(const struct stated_client *client);

/* With the option `dispatch`: runs the callbacks that are due, at most `most` of them (0 = all that
   are due now), on this thread, and returns how many. Calls that they issue leave together
   afterwards. Does not block. 0 from a callback. Several threads may do so at a time; then the
   order of callbacks is theirs. */
STATED_API size_t stated_client_dispatch(struct stated_client *client, size_t most);

/* A handle to give to any number of calls in their options. NULL when memory is out. Freed before
   its client is closed. */
STATED_API struct stated_cancel *stated_cancel_new(struct stated_client *client);

/* Ends every call that was given this handle with CANCELLED, and those that are given it later.
   What was sent already may be executed all the same; the message says so of a WRITE. Callbacks
   follow on their usual thread, and a thread that waits for a call goes on. Returns at once. Any
   thread, also a callback. */
STATED_API void stated_cancel_calls(struct stated_cancel *cancel);

/* The calls that have it can no longer be cancelled. NULL is allowed. */
STATED_API void stated_cancel_free(struct stated_cancel *cancel);

/* For the generated functions; a program calls those instead. */

/* The typed callback of an asynchronous call, carried under a type of its own: whoever knows its
   real type converts it back before calling it, so no function is ever called through a foreign
   type. */
typedef void (*stated_callback)(void);

/* Told once about each asynchronous call, on a thread of the library, never on the caller's stack
   and never with a lock held: it may issue further calls but must not block. Generated for each
   method: converts callback and response to the method's types and calls it. status is valid during
   the call; response is NULL unless OK and then the callee's, to free with its free_unpacked(…,
   NULL). */
typedef void (*stated_call_done)(stated_callback callback, void *argument,
                                 const struct stated_status *status, ProtobufCMessage *response);

/* What the generated code knows of a method. The access mode tells what a lost connection means: a
   read can be asked again, a write only with its sequence. */
struct stated_client_method {
    const char *name; /* "package.Service/Method" */
    enum stated_access access;
    const ProtobufCMessageDescriptor *request;
    const ProtobufCMessageDescriptor *response;
};

/* Calls and waits for the outcome. *response is NULL unless OK, and then the caller's, to free with
   its free_unpacked(…, NULL). options and status may be NULL. Blocks up to the timeout; from a
   callback it is refused with FAILED_PRECONDITION. Beside what the server answers:
   INVALID_ARGUMENT    the request is larger than max_message_bytes; it was not sent
   UNAVAILABLE         there was no connection, or it broke before the reply to a READ, NONE or PARK
                       method came and it was not to be sent again: asking again is safe
   UNKNOWN             a WRITE may have happened: it was sent without a sequence and its connection
                       broke, or its time was over before a try brought the reply, or what came was
                       no reply; or a newer server answered with a code that this version does not
                       know, which the message names
   DEADLINE_EXCEEDED   the time is over; if the message says so, a WRITE may have happened
   CANCELLED           the client was closed, or the call cancelled; the same
   RESOURCE_EXHAUSTED  memory is out, or the reply is larger than max_message_bytes
   INTERNAL            what came was no reply, to a method that does not write */
STATED_API enum stated_code
stated_client_call(struct stated_client *client, const struct stated_client_method *method,
                   const struct stated_call_options *options, const ProtobufCMessage *request,
                   ProtobufCMessage **response, struct stated_status *status) STATED_MUST_USE;

/* Starts a call; done is told the outcome, with callback and argument as given here (both may be
   NULL if done does without). The request is encoded before this returns and may be freed then.
   Anything but OK means that the call did not start and done will not be called. */
STATED_API enum stated_code
stated_client_call_async(struct stated_client *client, const struct stated_client_method *method,
                         const struct stated_call_options *options, const ProtobufCMessage *request,
                         stated_call_done done, stated_callback callback, void *argument,
                         struct stated_status *status) STATED_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
