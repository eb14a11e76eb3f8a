/* Writes call logs by hand: what a correct server would have answered, one call after the other. */
#ifndef STATED_TESTS_CALL_BOOK_H
#define STATED_TESTS_CALL_BOOK_H

#include "order/call_log.h"

#include "stated/v1/state.pb-c.h"

#include <stdint.h>
#include <stdio.h>

/* The next call's ticket, times and revision; written to a temporary file. Fields may be changed
   between calls, to write a log that lies. */
struct call_book {
    FILE *file;
    uint64_t epoch;
    uint64_t ticket;
    uint64_t time_ns;
    uint64_t revision; /* of the newest applied write */
};

/* An empty book: ticket 1 is next, no write was applied. Aborts the test when there is no file. */
void call_book_init(struct call_book *self);

/* Closes the file. */
void call_book_deinit(struct call_book *self);

/* An entry on the caller's side; key and value must outlive it. version is 1. */
void call_book_entry(Stated__V1__Entry *entry, const char *key, const char *value,
                     uint64_t mod_revision);

/* Records a Read and what it answered; n_entries 0 = nothing found. Advances ticket and time. */
void call_book_read(struct call_book *self, Stated__V1__ReadRequest *request,
                    Stated__V1__Entry **entries, size_t n_entries);

/* The same for a single key; value NULL = it was not there. */
void call_book_get(struct call_book *self, const char *key, const char *value,
                   uint64_t mod_revision);

/* Records a Write that was applied. Advances ticket, time and revision. */
void call_book_write(struct call_book *self, Stated__V1__WriteRequest *request,
                     Stated__V1__WriteResponse *response);

/* The same for the put of a single key. */
void call_book_put(struct call_book *self, const char *key, const char *value);

/* Records a call that failed. ticket 0 when it took none. */
void call_book_failure(struct call_book *self, const ProtobufCMessage *request,
                       enum stated_code code, uint64_t ticket);

/* Reads the whole book into a log that the caller deinits. */
void call_book_log(struct call_book *self, struct call_log *log);

#endif
