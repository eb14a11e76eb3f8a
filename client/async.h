/* Asynchronous calls: how their outcome is told, and whether a callback is running. */
#ifndef STATED_CLIENT_ASYNC_H
#define STATED_CLIENT_ASYNC_H

#include "slot.h"

#include "stated/client.h"

#include <stdbool.h>

/* The slot_done of every slot of a client, its owner. */
void async_on_done(struct slot *slot);

/* The channel's word that there is news; argument is the struct stated_client. */
void async_on_news(void *argument);

/* Tells the client's guests that it closes, as a callback. */
void async_close_guests(struct stated_client *client);

/* True on a thread that runs a callback: waiting there would stop the library. */
bool async_in_callback(void);

/* The same for a callback of this client. */
bool async_in_callback_of(const struct stated_client *client);

#endif
