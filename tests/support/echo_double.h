/* A double that answers each call of a frame: the limit of a ReadRequest comes back as the count of
   the response. */
#ifndef STATED_TESTS_ECHO_DOUBLE_H
#define STATED_TESTS_ECHO_DOUBLE_H

#include "rep_double.h"

#include "stated/client.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct echo_double {
    struct rep_double *server;
    atomic_bool hold; /* keep requests until rep_double_release */
    atomic_uint calls;
};

/* Listens at url, or at a new one of its own when that is NULL. */
void echo_double_start(struct echo_double *self, const char *url);

/* The same for a double that was stopped: listens again, and counts on. */
void echo_double_restart(struct echo_double *self, const char *url);

/* Ends it. */
void echo_double_stop(struct echo_double *self);

/* A client of the double, with these options beside its endpoint; fails the test when it cannot be
   opened. */
struct stated_client *echo_double_client(const struct echo_double *self,
                                         struct stated_client_options options);

/* Calls a method of client_methods.h synchronously with this limit; OK only if it came back. */
enum stated_code echo_double_call(struct stated_client *client,
                                  const struct stated_client_method *method,
                                  const struct stated_call_options *options, uint32_t limit,
                                  struct stated_status *status);

#endif
