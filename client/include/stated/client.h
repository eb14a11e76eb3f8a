/* libstated-client: call a stated server from C.

   Open a client, call the typed functions that protoc-gen-stated writes
   (stated/v1/state.stated-client.h for the built-in key/value service), free what they return,
   close. A client is safe to share between threads. Nothing of it may be used in the child after
   fork; open a new one there. */
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

struct stated_client_options {
    const char *endpoint; /* NNG URL; NULL = stated_default_endpoint() */
    uint32_t
        connect_timeout_ms; /* how long open may take; 0 = do not wait, connect in the background */
    uint32_t timeout_ms;    /* of a call that names none */
    uint64_t max_message_bytes; /* of a frame, either way; a larger request is INVALID_ARGUMENT */
    uint32_t max_calls; /* in flight at a time; further asynchronous calls wait in a queue */
};

#define STATED_CLIENT_OPTIONS_INIT                                                                 \
    {                                                                                              \
        .endpoint = NULL, .connect_timeout_ms = 5000, .timeout_ms = 5000,                          \
        .max_message_bytes = 1u << 20, .max_calls = 1024                                           \
    }

struct stated_call_options {
    uint32_t timeout_ms; /* total time for the call; 0 = the client's default */
};

#define STATED_CALL_OPTIONS_INIT                                                                   \
    {                                                                                              \
        .timeout_ms = 0                                                                            \
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

/* Ends all calls in flight (CANCELLED), waits for their callbacks and frees. Not from a callback.
   NULL is allowed. */
STATED_API void stated_client_close(struct stated_client *client);

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
   read can be asked again, the outcome of a write is unknown. */
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
                       method came: asking again is safe
   UNKNOWN             the connection broke, or what came was no reply: a WRITE may have happened
   DEADLINE_EXCEEDED   the time is over; if the message says so, a WRITE may have happened
   CANCELLED           the client was closed; the same
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
