/* The server's inside, for its own services. The public half is stated/server.h. */
#ifndef STATED_SERVER_INTERNAL_H
#define STATED_SERVER_INTERNAL_H

#include "sched/gate.h"
#include "state/store.h"

#include "stated/server.h"

#include <stdbool.h>

struct job_runner;
struct park;
struct transport;

/* The runs of the gate become the store's transactions. Before start; the store outlives the
 * server. */
void server_use_store(struct stated_server *self, struct store *store);

/* A part of a service that lives as long as the server: stated_server_free frees it with `release`,
   after the last call. Parts live in memory of their own. */
struct server_part {
    void (*release)(struct server_part *self);
    struct server_part *next; /* the server's */
};

/* Before start. */
void server_keep_part(struct stated_server *self, struct server_part *part);

/* Endpoint i as it is really bound (port 0 resolved), NULL past the last. While the server serves.
 */
const char *server_endpoint(struct stated_server *self, size_t i);

/* What AdminService reports. Gate, store and transport may be asked while a call
   is served. store is NULL when the services keep their own state. */
struct server_view {
    const struct stated_server_options *options;
    uint64_t epoch;
    uint64_t uptime_ms;
    bool draining;
    struct gate *gate;
    struct park *park;
    struct store *store;
    struct transport *transport;
    struct job_runner *jobs; /* NULL as store */
};

/* Any thread, while the server serves. */
void server_read_view(struct stated_server *self, struct server_view *view);

#endif
