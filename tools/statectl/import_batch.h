/* A batch of an import: entries that are written in one write, all or none. */
#ifndef STATED_STATECTL_IMPORT_BATCH_H
#define STATED_STATECTL_IMPORT_BATCH_H

#include "stated/client.h"
#include "stated/status.h"
#include "stated/v1/state.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct import_sender;

/* Owned by its sender. Entries and lines are its owner's; status is the completion's until it was
   collected. */
struct import_batch {
    struct import_sender *sender;
    struct stated_client *client;     /* that it is sent over */
    Stated__V1__WriteRequest request; /* n_mutations = how many entries it has */
    Stated__V1__Mutation *mutations;
    Stated__V1__Put *puts;
    uint64_t *digests; /* of the keys */
    size_t most_entries;
    size_t most_bytes;
    size_t bytes;        /* of the request, about */
    uint64_t first_line; /* of the file */
    uint64_t last_line;
    uint64_t input_bytes; /* of the file that are written when this batch is */

    bool is_in_flight;   /* sent, or to be sent again */
    uint64_t due_ns;     /* to be sent again then; 0 = not */
    uint64_t give_up_ns; /* not to be sent again after this; 0 = never refused yet */
    struct stated_status status;
    struct stated_call_info info; /* of the call that is in flight or has ended */
    struct import_batch *next_done;
};

/* An empty batch for so many entries of so many bytes together; a single entry may have more. */
void import_batch_init(struct import_batch *self, size_t most_entries, size_t most_bytes);

/* Frees what it holds. */
void import_batch_deinit(struct import_batch *self);

/* Adds a copy of the entry. False, and nothing changed, when the batch is full or has the key
   already: one write changes a key once. */
bool import_batch_add(struct import_batch *self, ProtobufCBinaryData key, ProtobufCBinaryData value,
                      uint64_t line);

/* How many entries it has. */
size_t import_batch_size(const struct import_batch *self);

/* Makes it empty again. */
void import_batch_clear(struct import_batch *self);

/* Whether they have a key in common; very rarely true when they have not. Pure. */
bool import_batch_overlaps(const struct import_batch *self, const struct import_batch *other);

#endif
