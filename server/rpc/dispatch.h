/* Dispatch: from a call's method name to its handler, through the gate. One per server. */
#ifndef STATED_RPC_DISPATCH_H
#define STATED_RPC_DISPATCH_H

#include "rpc/exchange.h"
#include "sched/gate.h"
#include "state/store.h"

#include "stated/server.h"
#include "stated/v1/rpc.pb-c.h"

#include <stddef.h>
#include <stdint.h>

struct park;
struct service;
struct stated_call;

struct dispatch_limits {
    uint64_t max_message_bytes; /* of a frame, either way */
    uint32_t max_calls_per_frame;
    uint32_t default_timeout_ms;
    uint32_t max_timeout_ms;
};

/* Fixed once the first frame arrives, and then read by any thread. */
struct dispatch {
    struct dispatch_limits limits;
    _Atomic uint64_t epoch; /* a recovery starts a new one */
    struct service *services;
    size_t n_services;
    struct gate *gate;
    struct store *store;
    struct park *park;
};

/* A dispatch that knows no service yet. epoch: sent with every reply. Register services and attach
   the gate before the first frame. */
void dispatch_init(struct dispatch *self, const struct dispatch_limits *limits, uint64_t epoch);

/* No frame may be in flight. */
void dispatch_deinit(struct dispatch *self);

/* Adds a service; handlers and state outlive the dispatch. ALREADY_EXISTS when its name is taken,
   RESOURCE_EXHAUSTED when memory is out. */
enum stated_code dispatch_register(struct dispatch *self, const struct stated_service_type *type,
                                   const void *handlers, void *state,
                                   struct stated_status *status) STATED_MUST_USE;

/* The gate that admits READ and WRITE calls, and the store whose runs follow its runs (NULL: the
   services keep their own state). Both outlive the last frame. */
void dispatch_attach(struct dispatch *self, struct gate *gate, struct store *store);

/* Where the calls of PARK methods are parked; NULL: nowhere, they are UNIMPLEMENTED. It outlives
   the last frame. */
void dispatch_attach_park(struct dispatch *self, struct park *park);

/* What the gate calls; its context is the dispatch. recover is the server's to add. */
extern const struct gate_ops dispatch_gate_ops;

/* Says that the state is poisoned, and by which ticket; the call was not executed. */
void dispatch_refuse_poisoned(struct dispatch *self, struct stated_call *call);

enum dispatch_next {
    DISPATCH_COMPLETE, /* the call has its outcome */
    DISPATCH_SUBMIT,   /* it has to be submitted to the gate by its entry */
    DISPATCH_PARK,     /* it has to be parked (park_begin) */
};

/* Prepares one call of a frame from what came over the wire: finds the method, unpacks the request,
   checks deadline and admission; and says what comes next. */
enum dispatch_next dispatch_prepare(struct dispatch *self, struct stated_call *call,
                                    const Stated__V1__Call *wire, uint64_t now_ns) STATED_MUST_USE;

#endif
