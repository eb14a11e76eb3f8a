/* What a struct stated_client is made of, and what both kinds of call do with it. */
#ifndef STATED_CLIENT_HANDLE_H
#define STATED_CLIENT_HANDLE_H

#include "call.h"
#include "channel.h"
#include "guests.h"
#include "loop.h"
#include "pool.h"

#include "stated/client.h"

#include <stdint.h>

#define HANDLE_OPEN UINT64_C(0x73746174656463)
#define HANDLE_CLOSED UINT64_C(0x636c6f736564)

struct stated_client {
    ProtobufCAllocator memory;
    uint64_t mark; /* HANDLE_OPEN, until it is closed */
    struct channel channel;
    struct pool pool;
    struct loop loop;
    struct guests guests;
    uint64_t max_message_bytes;
    uint32_t timeout_ms;
    stated_connection_hook on_connection;
    void *connection_argument;
    stated_log_hook log;
    void *log_argument;
};

/* In a library built for debugging: stops the program, with a message that names the function, when
   this is no open client. It may go unnoticed when the memory is in use again. */
void handle_check(const struct stated_client *client, const char *function);

/* A call whose time begins now. options may be NULL. */
struct call handle_make_call(const struct stated_client *client,
                             const struct stated_client_method *method,
                             const struct stated_call_options *options);

/* call_conclude for the slot's call, with what the client knows. */
enum stated_code handle_conclude(struct stated_client *client, const struct slot *slot,
                                 ProtobufCMessage **response,
                                 struct stated_status *status) STATED_MUST_USE;

/* Why a call has no slot, in a status: anything but POOL_LENT. */
enum stated_code handle_explain(const struct call *call, enum pool_result why,
                                struct stated_status *status) STATED_MUST_USE;

#endif
