/* An asynchronous call is a copy of struct call: in its slot while it is on the way, in a struct
   queued while it waits for a slot. Only the second takes memory of its own. */
#include "async.h"

#include "handle.h"

#include <nng/nng.h>
#include <stdlib.h>

/* A call in the line, with its packed request. */
struct queued {
    struct waiting waiting;
    struct call call;
    size_t payload_bytes;
    uint8_t payload[];
};

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
static void on_done(struct slot *slot, const struct outcome *outcome)
{
    struct stated_client *client = slot->owner;
    struct call call = slot->call;
    struct stated_status status;
    ProtobufCMessage *response;
    enum stated_code code = handle_conclude(client, &call, outcome, &response, &status);
    pool_release(&client->pool, slot);
    tell(&call, &status, code == STATED_OK ? response : NULL);
}

/* The slot's frame is ready. 0 or NNG's error: then the call has not begun. */
static int start(struct slot *slot, const struct call *call)
{
    slot->call = *call;
    return slot_start(slot, call_wait_until_ns(call));
}

static int start_queued(struct slot *slot, const struct queued *queued)
{
    bool fits = call_encode_packed(&queued->call, queued->payload, queued->payload_bytes, slot);
    return fits ? start(slot, &queued->call) : NNG_ENOMEM;
}

static bool on_start(struct waiting *waiting, struct slot *slot)
{
    struct queued *queued = CONTAINER_OF(waiting, struct queued, waiting);
    if (start_queued(slot, queued) != 0) {
        return false;
    }
    free(queued);
    return true;
}

static void on_give_up(struct waiting *waiting, enum pool_result why)
{
    struct queued *queued = CONTAINER_OF(waiting, struct queued, waiting);
    struct stated_status status;
    if (handle_explain(&queued->call, why, &status) != STATED_OK) {
        tell(&queued->call, &status, NULL);
    }
    free(queued);
}

const struct pool_events async_events = {.done = on_done, .start = on_start, .give_up = on_give_up};

/* The slot goes back when the call cannot begin. */
static enum stated_code conclude_unstarted(struct stated_client *client, const struct call *call,
                                           struct slot *slot, int error,
                                           struct stated_status *status)
{
    if (error == 0) {
        return STATED_OK;
    }
    struct outcome outcome = {.error = error};
    ProtobufCMessage *none;
    enum stated_code code = handle_conclude(client, call, &outcome, &none, status);
    pool_release(&client->pool, slot);
    return code;
}

static enum stated_code start_at_once(struct stated_client *client, const struct call *call,
                                      struct slot *slot, const ProtobufCMessage *request,
                                      struct stated_status *status)
{
    enum stated_code code = call_encode(call, request, client->max_message_bytes, slot, status);
    if (code != STATED_OK) {
        pool_release(&client->pool, slot);
        return code;
    }
    return conclude_unstarted(client, call, slot, start(slot, call), status);
}

static enum stated_code stand_in_line(struct stated_client *client, const struct call *call,
                                      const ProtobufCMessage *request, struct stated_status *status)
{
    size_t payload_bytes = protobuf_c_message_get_packed_size(request);
    enum stated_code code = call_check_size(call, payload_bytes, client->max_message_bytes, status);
    if (code != STATED_OK) {
        return code;
    }
    struct queued *queued = malloc(sizeof(*queued) + payload_bytes);
    if (queued == NULL) {
        return call_had_no_memory(call, status);
    }
    *queued = (struct queued){.waiting = {.deadline_ns = call->deadline_ns},
                              .call = *call,
                              .payload_bytes = payload_bytes};
    protobuf_c_message_pack(request, queued->payload);
    struct slot *slot;
    enum pool_result result = pool_acquire_or_queue(&client->pool, &queued->waiting, &slot);
    if (result == POOL_QUEUED) {
        return STATED_OK;
    }
    code = result == POOL_LENT
               ? conclude_unstarted(client, call, slot, start_queued(slot, queued), status)
               : handle_explain(call, result, status);
    free(queued);
    return code;
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
    enum pool_result result = pool_try(&client->pool, &slot);
    switch (result) {
    case POOL_LENT:
        return start_at_once(client, &call, slot, request, status);
    case POOL_QUEUED:
        return stand_in_line(client, &call, request, status);
    default:
        return handle_explain(&call, result, status);
    }
}
