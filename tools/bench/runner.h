/* The run: clients that keep calls in flight, or send them at a rate, and a record of every call.
 */
#ifndef STATED_BENCH_RUNNER_H
#define STATED_BENCH_RUNNER_H

#include "bench/histogram.h"
#include "bench/keyspace.h"
#include "bench/options.h"
#include "order/oracle.h"
#include "stated/client.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RUNNER_CODES = STATED_UNAUTHENTICATED + 1 };

/* What came out of a run. */
struct runner_result {
    struct histogram reads; /* measured calls that were answered OK */
    struct histogram writes;
    uint64_t elapsed_ns;           /* of the measurement */
    uint64_t late;                 /* open loop: calls that were sent 1 ms or more after due */
    uint64_t errors[RUNNER_CODES]; /* calls by status code, warm-up included */
    struct stated_status error;    /* the first one */
    struct oracle_call *calls;     /* in the order they were sent; NULL when not kept */
    size_t n_calls;                /* recorded or not */
    bool restarted;                /* replies of two epochs */
    bool interrupted;              /* runner_interrupt was called */
    bool full;                     /* ended since no more calls can be kept */
    bool gave_up;                  /* ended since nothing but errors came */
};

/* A run: clients, their calls in flight, and the record. Opaque. */
struct runner;

/* Told now and then during a run, on the thread that runs it: calls so far and time. */
typedef void (*runner_progress)(uint64_t calls, uint64_t elapsed_ns);

/* Connects all clients. options and keyspace must outlive the runner. On failure *runner is NULL;
   RESOURCE_EXHAUSTED or what connecting said. Blocks. */
enum stated_code runner_new(const struct bench_options *options, const struct keyspace *keyspace,
                            struct runner **runner, struct stated_status *status) STATED_MUST_USE;

/* One of the clients, for calls before and after the run. */
struct stated_client *runner_client(struct runner *self);

/* Runs once, to the end; the result stays the runner's. Blocks. progress may be NULL. */
const struct runner_result *runner_run(struct runner *self, runner_progress progress);

/* Makes the run end early: no new calls, those in flight are awaited. Any thread, also from a
   signal handler. */
void runner_interrupt(struct runner *self);

/* Closes the clients and frees. NULL is allowed. */
void runner_free(struct runner *self);

#endif
