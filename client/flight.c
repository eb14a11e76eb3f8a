#include "flight.h"

#include "framing.h"

#include <stddef.h>

void flights_init(struct flights *self, ProtobufCAllocator *memory)
{
    *self = (struct flights){.memory = memory};
    list_init(&self->list);
}

void flights_deinit(struct flights *self)
{
    while (self->idle != NULL) {
        struct flight *flight = self->idle;
        self->idle = flight->next_in_bucket;
        memory_give(self->memory, flight);
    }
}

struct flight *flights_add(struct flights *self, bool parked)
{
    struct flight *flight = self->idle;
    if (flight != NULL) {
        self->idle = flight->next_in_bucket;
    } else {
        flight = memory_take(self->memory, sizeof(*flight));
    }
    if (flight == NULL) {
        return NULL;
    }
    *flight = (struct flight){.id = FRAMING_ID_BIT | self->next_id++, .parked = parked};
    list_init(&flight->calls);
    list_node_init(&flight->node);
    list_push_back(&self->list, &flight->node);
    struct flight **bucket = &self->by_id[flight->id % FLIGHTS_BUCKETS];
    flight->next_in_bucket = *bucket;
    *bucket = flight;
    self->n_shared += !parked;
    return flight;
}

struct flight *flights_find(const struct flights *self, uint32_t id)
{
    struct flight *flight = self->by_id[id % FLIGHTS_BUCKETS];
    while (flight != NULL && flight->id != id) {
        flight = flight->next_in_bucket;
    }
    return flight;
}

void flights_remove(struct flights *self, struct flight *flight)
{
    struct flight **place = &self->by_id[flight->id % FLIGHTS_BUCKETS];
    while (*place != flight) {
        place = &(*place)->next_in_bucket;
    }
    *place = flight->next_in_bucket;
    list_remove(&flight->node);
    self->n_shared -= !flight->parked;
    flight->next_in_bucket = self->idle;
    self->idle = flight;
}
