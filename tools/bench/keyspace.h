/* The keys a benchmark works on: prefix and number, and what the server holds in them. */
#ifndef STATED_BENCH_KEYSPACE_H
#define STATED_BENCH_KEYSPACE_H

#include "bench/journal.h"
#include "bench/options.h"
#include "order/oracle.h"
#include "stated/client.h"
#include "stated/status.h"

#include <stddef.h>
#include <stdint.h>

enum { KEYSPACE_NAME_BYTES = 512 };

struct keyspace {
    const char *prefix;
    uint32_t keys;
    struct oracle_cell *cells; /* one per key: what the server holds, as last loaded or filled */
    uint64_t revision;         /* of the server when that was */
    struct journal *journal;   /* that its calls go to; NULL = none; the caller's */
};

/* Names keys; all absent until loaded. RESOURCE_EXHAUSTED when there is no memory. */
enum stated_code keyspace_init(struct keyspace *self, const char *prefix, uint32_t keys,
                               struct stated_status *status) STATED_MUST_USE;

/* Frees the cells. */
void keyspace_deinit(struct keyspace *self);

/* Writes the name of a key, without a NUL, and returns its length. Any thread. */
size_t keyspace_name(const struct keyspace *self, uint32_t key, char name[KEYSPACE_NAME_BYTES]);

/* Reads all keys from the server into the cells. Other keys under the prefix are skipped. Blocks;
   any error of the calls. */
enum stated_code keyspace_load(struct keyspace *self, struct stated_client *client,
                               struct stated_status *status) STATED_MUST_USE;

/* Writes a value of value_bytes to every key that is absent, so that reads find something. After
   load. Blocks; any error of the calls. */
enum stated_code keyspace_fill(struct keyspace *self, struct stated_client *client,
                               size_t value_bytes, struct stated_status *status) STATED_MUST_USE;

#endif
