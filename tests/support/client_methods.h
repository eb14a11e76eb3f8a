/* Methods of no server, one per access mode, for tests of the client's core with rep_double. They
   borrow the contract's messages. */
#ifndef STATED_TESTS_CLIENT_METHODS_H
#define STATED_TESTS_CLIENT_METHODS_H

#include "stated/client.h"
#include "stated/v1/state.pb-c.h"

#define CLIENT_METHOD(name_, access_)                                                              \
    {                                                                                              \
        .name = "test.Double/" name_, .access = access_,                                           \
        .request = &stated__v1__read_request__descriptor,                                          \
        .response = &stated__v1__read_response__descriptor,                                        \
    }

static const struct stated_client_method read_method = CLIENT_METHOD("Read", STATED_ACCESS_READ);
static const struct stated_client_method write_method = CLIENT_METHOD("Write", STATED_ACCESS_WRITE);
static const struct stated_client_method park_method = CLIENT_METHOD("Park", STATED_ACCESS_PARK);

#endif
