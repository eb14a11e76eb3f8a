/* Random calls of every kind on a few contested keys, each recorded with its outcome. */
#ifndef STATED_TESTS_ORDER_LOAD_H
#define STATED_TESTS_ORDER_LOAD_H

#include "stated/client.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { ORDER_LOAD_KEYS = 12, ORDER_LOAD_COUNTERS = 4 };

/* One client's calls, one after the other. Zero it, then set the first group. */
struct order_load {
    struct stated_client *client;
    FILE *log;
    uint64_t random; /* the seed, not 0; differs between loads */
    uint32_t number; /* of this load, part of every value it writes */
    /* Percent of the calls that get a few milliseconds, or whose client is closed under them and
       opened again by this; 0 = none. */
    uint32_t impatient;
    struct stated_client *(*open)(const char *endpoint);
    const char *endpoint;

    bool hurries;                   /* the call at hand is an impatient one */
    uint64_t written;               /* puts so far, so that no value comes twice */
    uint64_t seen[ORDER_LOAD_KEYS]; /* mod_revision of each key as last seen; 0 = absent */
    uint64_t calls;                 /* recorded */
    uint64_t impatient_failures;    /* of impatient calls, as they may fail */
    uint64_t failures;              /* other calls that were not OK; the first one is kept */
    struct stated_status first_failure;
};

/* Makes one random call, waits for its outcome and records it. False when the log cannot be
   written. One thread per load; the log may be shared. */
bool order_load_step(struct order_load *self) STATED_MUST_USE;

#endif
