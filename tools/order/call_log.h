/* A log of calls and replies, one JSON object a line, from which anyone can check the order.

   {"method": "stated.v1.StateService/Write", "code": "OK", "epoch": "5f…", "ticket": 7,
    "sent_ns": 1, "received_ns": 2, "request": "0a03…", "response": "0801…"}

   request and response are the packed messages in hexadecimal, so that what is checked is exactly
   what was on the wire; response is absent where there was none. Times are one monotonic clock's.
 */
#ifndef STATED_ORDER_CALL_LOG_H
#define STATED_ORDER_CALL_LOG_H

#include "stated/status.h"

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* One call of StateService and its outcome. */
struct call_record {
    const char *method;         /* "stated.v1.StateService/Read" or …/Write */
    ProtobufCMessage *request;  /* of the method's type */
    ProtobufCMessage *response; /* NULL unless OK */
    enum stated_code code;
    uint64_t epoch;
    uint64_t ticket;
    uint64_t sent_ns;     /* before the call was handed to the client library */
    uint64_t received_ns; /* after its outcome was there */
};

/* Whether the call is a Read; else it is a Write. */
bool call_record_is_read(const struct call_record *self);

/* A whole log in memory. Owns its records and their messages. */
struct call_log {
    struct call_record *records;
    size_t n_records;
    size_t capacity;
};

/* Appends one line. Nothing of the record is kept. RESOURCE_EXHAUSTED when memory is out,
   UNAVAILABLE when the file cannot be written. Lines of several threads do not mix. Blocks on the
   file only. */
enum stated_code call_log_append(FILE *file, const struct call_record *record) STATED_MUST_USE;

/* An empty log. */
void call_log_init(struct call_log *self);

/* Adds every record of the file. INVALID_ARGUMENT for a line that is no record, and status names it
   and what is wrong with it; RESOURCE_EXHAUSTED when memory is out. Methods other than Read and
   Write take no part in the order that is checked and are left out. */
enum stated_code call_log_read(struct call_log *self, FILE *file,
                               struct stated_status *status) STATED_MUST_USE;

/* Frees the records and their messages. */
void call_log_deinit(struct call_log *self);

#endif
