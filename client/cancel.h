/* Handles by which calls are cancelled. */
#ifndef STATED_CLIENT_CANCEL_H
#define STATED_CLIENT_CANCEL_H

#include "base/list.h"

#include <stdbool.h>

struct stated_client;

/* Everything but the client is under its channel's lock. */
struct stated_cancel {
    struct stated_client *client;
    bool requested;
    struct list slots; /* of the calls that have not ended */
};

#endif
