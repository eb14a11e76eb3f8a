/* Asynchronous calls: the pool's events, and whether a callback is running. */
#ifndef STATED_CLIENT_ASYNC_H
#define STATED_CLIENT_ASYNC_H

#include "pool.h"

#include <stdbool.h>

/* What the pool of every client calls; its owner is the struct stated_client. */
extern const struct pool_events async_events;

/* True on a thread that runs a callback: waiting there would stop the library. */
bool async_in_callback(void);

#endif
