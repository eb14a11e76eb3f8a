/* Writes batches over several connections, many at a time, and keeps the order of each key. */
#ifndef STATED_STATECTL_IMPORT_SENDER_H
#define STATED_STATECTL_IMPORT_SENDER_H

#include "statectl/ctl.h"
#include "statectl/import_batch.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

/* Used by the main thread alone, but for what is guarded. */
struct import_sender {
    const struct ctl *ctl;
    struct stated_client **clients;
    size_t n_clients;
    struct import_batch *batches;
    size_t n_batches;
    FILE *ack_log;          /* NULL = none */
    uint64_t message_limit; /* of the server, in bytes */

    size_t in_flight; /* batches sent and not collected */
    uint64_t keys;    /* written */
    uint64_t batches_written;
    uint64_t input_bytes; /* of the file that are written */
    uint64_t retries;
    bool is_stopping;             /* nothing is sent again */
    struct stated_status failure; /* the first that is not OK ends the import */
    uint64_t failed_first_line;   /* of the batch it is about; 0 = of none */
    uint64_t failed_last_line;

    int done_fd; /* becomes readable when there is something to collect */
    pthread_mutex_t lock;
    struct {
        struct import_batch *done;
    } guarded;
};

/* Connects so many clients, each with some batches in flight. EXIT_DONE, or the exit code after
   saying why not; then there is nothing to close. Blocks. */
int import_sender_open(struct import_sender *self, const struct ctl *ctl, size_t n_clients,
                       size_t batch_entries, FILE *ack_log) STATED_MUST_USE;

/* Ends the connections and frees everything; what is still in flight is cancelled. Blocks. */
void import_sender_close(struct import_sender *self);

/* An empty batch to fill; NULL when all are in flight. */
struct import_batch *import_sender_take(struct import_sender *self);

/* Whether a batch in flight has a key of this one: then it may not be sent yet, or the older value
   could win. */
bool import_sender_must_wait(const struct import_sender *self, const struct import_batch *batch);

/* Sends it. A failure is found when it is collected. Does not block. */
void import_sender_send(struct import_sender *self, struct import_batch *batch);

/* Takes in what was answered since the last time: counts, logs, and sends again what the server had
   no room for. */
void import_sender_collect(struct import_sender *self);

/* Whether the import has to end. */
bool import_sender_has_failed(const struct import_sender *self);

/* From now on nothing is sent again that the server had no room for. */
void import_sender_stop(struct import_sender *self);

/* Milliseconds until a batch is to be sent again by import_sender_collect; -1 = none is. */
int import_sender_wait_ms(const struct import_sender *self);

#endif
