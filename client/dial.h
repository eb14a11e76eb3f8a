/* Why a dialer has no connection: NNG tells only by counters. */
#ifndef STATED_CLIENT_DIAL_H
#define STATED_CLIENT_DIAL_H

#include "stated/status.h"

#include <nng/nng.h>
#include <stdbool.h>

enum dial_failure {
    DIAL_PENDING,  /* no attempt has failed yet */
    DIAL_REFUSED,  /* nobody listens */
    DIAL_PROTOCOL, /* what answers is no SP socket, or not one for requests */
    DIAL_TIMEOUT,
    DIAL_DISCONNECT,
    DIAL_OTHER, /* no such host, no permission, ... */
};

/* What has gone wrong since the dialer started. Takes a snapshot of NNG's statistics: not for hot
   paths. */
enum dial_failure dial_failure_of(nng_dialer dialer);

/* The outcome of an open that failed so: a code and a message that names the endpoint and what to
   do. */
enum stated_code dial_explain(enum dial_failure failure, const char *endpoint,
                              uint32_t connect_timeout_ms, struct stated_status *status);

#endif
