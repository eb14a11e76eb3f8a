/* A client library that answers by itself: StateService over a small map, and Status, with a thread
   that takes the calls in turn. It can be told to lie, to refuse and to lose replies, which no real
   server would do on demand.

   It defines stated_client_open and the other functions of stated/client.h, so a program links it
   instead of libstated-client. All clients talk to the one fake server. */
#ifndef STATED_TESTS_FAKE_CLIENT_H
#define STATED_TESTS_FAKE_CLIENT_H

#include "stated/status.h"

#include <stdbool.h>
#include <stdint.h>

/* What goes wrong, counted in asynchronous calls; 0 = never. */
struct fake_faults {
    uint64_t stale_read_at;    /* this read, and the following, show the value before the last */
    uint64_t lose_write_at;    /* this call's write is acknowledged and forgotten */
    uint64_t double_ticket_at; /* this call gets the ticket of the one before */
    uint64_t skip_ticket_at;   /* a ticket goes to nobody before this call */
    uint64_t swap_tickets_at;  /* this call and the next show each other's ticket */
    uint64_t restart_at;       /* a new epoch from this call on */
    uint64_t lose_reply_every; /* these calls happen, but end with DEADLINE_EXCEEDED */
    uint64_t drop_call_every;  /* these do not happen and end with DEADLINE_EXCEEDED */
    uint64_t refuse_every;     /* these are answered RESOURCE_EXHAUSTED, without a ticket */
    bool refuse_to_start;      /* call_async itself fails */
    bool forget_at_the_end;    /* synchronous reads show an empty state */
    bool no_status;            /* Status is UNIMPLEMENTED */
    bool refuse_to_open;
};

/* Empties the fake server and sets what will go wrong. */
void fake_server_reset(const struct fake_faults *faults);

/* How many keys it holds, and how many clients are open. */
uint32_t fake_server_keys(void);
uint32_t fake_server_clients(void);

#endif
