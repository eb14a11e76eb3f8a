/* Frames on their way: which calls each holds, in their order, found by its id. */
#ifndef STATED_CLIENT_FLIGHT_H
#define STATED_CLIENT_FLIGHT_H

#include "memory.h"

#include "base/list.h"

#include <stdbool.h>
#include <stdint.h>

struct flight {
    struct list_node node;         /* among the flights, in the order of sending */
    struct flight *next_in_bucket; /* and among the idle ones */
    uint32_t id;
    uint32_t n_calls;  /* that were sent */
    bool parked;       /* it holds a PARK call */
    struct list calls; /* slots that still wait for their reply */
};

#define FLIGHTS_BUCKETS 1024

/* Guarded by its owner's lock. */
struct flights {
    ProtobufCAllocator *memory;
    struct list list;
    struct flight *by_id[FLIGHTS_BUCKETS];
    struct flight *idle;
    uint32_t next_id;
    uint32_t n_shared; /* those without a PARK call */
};

/* None. */
void flights_init(struct flights *self, ProtobufCAllocator *memory);

/* There is none any more. */
void flights_deinit(struct flights *self);

/* A new one without calls, at the end of the list; NULL when memory is out. Ids count up and come
   round again after two thousand million frames. */
struct flight *flights_add(struct flights *self, bool parked);

/* The one with this id, or NULL. */
struct flight *flights_find(const struct flights *self, uint32_t id);

/* The flight is over; its calls have been taken out. */
void flights_remove(struct flights *self, struct flight *flight);

#endif
