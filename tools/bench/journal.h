/* The order log of a benchmark: every call it made, in the form of order/call_log.h. */
#ifndef STATED_BENCH_JOURNAL_H
#define STATED_BENCH_JOURNAL_H

#include "stated/status.h"

#include <protobuf-c/protobuf-c.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct journal {
    FILE *file;
    atomic_bool incomplete;
};

/* Makes the file, or empties it. INVALID_ARGUMENT says why it cannot. */
enum stated_code journal_open(struct journal *self, const char *path,
                              struct stated_status *status) STATED_MUST_USE;

/* Appends a call of StateService and its outcome; response is NULL unless OK. A NULL journal keeps
   nothing. Any thread; blocks on the file. */
void journal_append(struct journal *self, const ProtobufCMessage *request,
                    const ProtobufCMessage *response, const struct stated_status *status,
                    uint64_t sent_ns, uint64_t received_ns);

/* Closes the file. DATA_LOSS when a call is missing in it. */
enum stated_code journal_close(struct journal *self, struct stated_status *status) STATED_MUST_USE;

#endif
