/* One call in flight: its request, wired once and filled for each call, and its place in the
   record. */
#ifndef STATED_BENCH_LANE_H
#define STATED_BENCH_LANE_H

#include "bench/keyspace.h"
#include "bench/workload.h"
#include "order/oracle.h"
#include "stated/client.h"
#include "stated/v1/state.pb-c.h"

#include <stddef.h>
#include <stdint.h>

struct runner;

/* Serial: one call at a time, the next one is sent from the callback of the one before. */
struct lane {
    struct runner *runner;
    struct stated_client *client;
    const struct keyspace *keyspace;
    struct workload_stream stream;
    struct stated_call_options call_options;

    struct workload_call asked;
    struct oracle_value written; /* when asked is a write */
    size_t slot;                 /* of the call, in the record */
    uint64_t sent_ns;
    uint64_t due_ns; /* open loop: when it should have been sent; 0 = when it was */

    char name[KEYSPACE_NAME_BYTES];
    char *value;
    Stated__V1__Selector selector;
    Stated__V1__Selector *select[1];
    Stated__V1__ReadRequest read;
    Stated__V1__Put put;
    Stated__V1__Mutation mutation;
    Stated__V1__Mutation *mutations[1];
    Stated__V1__WriteRequest write;
};

/* Wires the requests. The lane must not move afterwards. value: a buffer of value_bytes of the
   lane's own, which the caller frees after the run. */
void lane_init(struct lane *self, struct runner *runner, struct stated_client *client,
               const struct keyspace *keyspace, char *value, size_t value_bytes);

/* Reads take no ticket from now on. */
void lane_read_committed(struct lane *self);

/* Told the outcome of a call, with the lane as argument, on a thread of the client library. */
typedef void (*lane_read_done)(void *lane, const struct stated_status *status,
                               Stated__V1__ReadResponse *response);
typedef void (*lane_write_done)(void *lane, const struct stated_status *status,
                                Stated__V1__WriteResponse *response);

/* Fills the request for `asked` and sends it; one of the callbacks is told its outcome. What
   starting the call says; anything but OK: no callback will come. Does not block. */
enum stated_code lane_send(struct lane *self, lane_read_done read_done, lane_write_done write_done,
                           struct stated_status *status) STATED_MUST_USE;

/* The request that was sent last. Valid until the next one. */
ProtobufCMessage *lane_request(struct lane *self);

/* What the reply of a read showed, and what a write did, for the record; the latter is also what a
   lost write may have done. */
struct oracle_step lane_read_step(const struct lane *self,
                                  const Stated__V1__ReadResponse *response);
struct oracle_step lane_write_step(const struct lane *self);

#endif
