/* One call inside the server: what was asked, where it stands at the gate, what will be answered.
 */
#ifndef STATED_RPC_CALL_H
#define STATED_RPC_CALL_H

#include "frame.h"
#include "rpc/arena.h"
#include "sched/gate.h"
#include "state/store.h"

#include "stated/server.h"

#include <stdbool.h>

struct exchange;

/* A service as it was registered. */
struct service {
    const struct stated_service_type *type;
    const void *handlers;
    void *state;
};

/* Lives in its exchange's arena. One thread works on it at a time: the one that received the frame,
   then the one that executes its run. */
struct stated_call {
    struct gate_entry entry;
    struct exchange *exchange;
    const struct service *service;
    const struct stated_method *method;
    ProtobufCMessage *request;
    ProtobufCMessage *response;
    struct gate_run *run; /* while its handler runs under the gate */
    struct store_op op;
    struct stated_parked *parked; /* it is, or its handler wants it */
    bool stays;                   /* resumed, it goes on being parked */
    bool torn;                    /* its handler left the state half changed */
    bool uses_store;              /* op belongs to the run's transaction: its outcome counts */
    struct frame_reply reply;
};

/* The arena of the call's frame. */
struct arena *call_arena(struct stated_call *self);

/* Runs the handler and notes its outcome in self->reply; does not complete the call. */
void call_invoke(struct stated_call *self);

/* Sets the outcome; message is static or in the call's arena. */
void call_set_outcome(struct stated_call *self, enum stated_code code, const char *message);

/* The outcome is final: counts the call off its exchange, which may answer and forget the call. */
void call_complete(struct stated_call *self);

#endif
