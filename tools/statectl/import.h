/* An import at work: lines in, batches out, on one thread that never blocks but in poll. */
#ifndef STATED_STATECTL_IMPORT_H
#define STATED_STATECTL_IMPORT_H

#include "statectl/import_sender.h"
#include "statectl/json.h"
#include "statectl/line_reader.h"
#include "statectl/progress.h"

/* One per process. */
struct import {
    struct line_reader reader;
    struct import_sender sender;
    struct progress progress;
    struct import_batch *batch; /* being filled; NULL = none is free */
    struct json_pair entry;     /* read, and not in a batch yet */
    bool has_entry;
    bool is_sealed;                   /* the batch is to be sent as it is */
    bool at_end;                      /* of the input */
    uint64_t counted_bytes;           /* of the input that are in batches */
    char problem[JSON_PROBLEM_BYTES]; /* with the last line; "" = none */
    int read_error;                   /* errno of reading the input; 0 = none */
};

/* Reads to the end and writes everything, or until it goes wrong or a signal asks to stop. Reader,
   sender and progress are initialised. Afterwards nothing is in flight. Blocks. */
void import_run(struct import *self);

#endif
