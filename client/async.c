/* An asynchronous call is a slot that nobody sleeps on: its outcome is told on NNG's thread. */
#include "async.h"

#include "handle.h"

#include <nng/nng.h>

static _Thread_local bool in_callback;

bool async_in_callback(void)
{
    return in_callback;
}

static void tell(const struct call *call, const struct stated_status *status,
                 ProtobufCMessage *response)
{
    in_callback = true;
    call->done(call->callback, call->argument, status, response);
    in_callback = false;
}

/* The slot goes back before the callback runs, so that a call made there finds it. */
void async_on_done(struct slot *slot)
{
    struct stated_client *client = slot->owner;
    struct call call = slot->call;
    struct stated_status status;
    ProtobufCMessage *response;
    enum stated_code code = handle_conclude(client, slot, &response, &status);
    pool_release(&client->pool, slot);
    tell(&call, &status, code == STATED_OK ? response : NULL);
}

enum stated_code stated_client_call_async(struct stated_client *client,
                                          const struct stated_client_method *method,
                                          const struct stated_call_options *options,
                                          const ProtobufCMessage *request, stated_call_done done,
                                          stated_callback callback, void *argument,
                                          struct stated_status *status)
{
    struct call call = handle_make_call(client, method, options);
    call.done = done;
    call.callback = callback;
    call.argument = argument;
    struct slot *slot;
    enum pool_result result = pool_acquire(&client->pool, &slot);
    if (result != POOL_LENT) {
        return handle_explain(&call, result, status);
    }
    slot_begin(slot, &call);
    enum stated_code code = call_encode(&call, request, client->max_message_bytes, slot, status);
    if (code == STATED_OK && !slot_start(slot)) {
        code = call_was_closed(&call, status);
    }
    if (code != STATED_OK) {
        pool_release(&client->pool, slot);
    }
    return code;
}
