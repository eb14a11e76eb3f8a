#include "handle.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void handle_check(const struct stated_client *client, const char *function)
{
#ifndef NDEBUG
    if (client == NULL || client->mark != HANDLE_OPEN) {
        fprintf(stderr, "%s: %s\n", function,
                client == NULL                  ? "the client is NULL"
                : client->mark == HANDLE_CLOSED ? "the client was closed before"
                                                : "this is no client, or none any more");
        abort();
    }
#else
    (void)client;
    (void)function;
#endif
}

/* A caller that knows fewer members has the defaults of the others; one that left the size away
   knows those of the first version. */
static struct stated_call_options read_options(const struct stated_call_options *options)
{
    struct stated_call_options known = STATED_CALL_OPTIONS_INIT;
    if (options != NULL) {
        bool smaller = options->size != 0 && options->size < sizeof(known);
        memcpy(&known, options, smaller ? options->size : sizeof(known));
    }
    return known;
}

struct call handle_make_call(const struct stated_client *client,
                             const struct stated_client_method *method,
                             const struct stated_call_options *options)
{
    struct stated_call_options known = read_options(options);
    uint32_t timeout_ms = known.timeout_ms == 0 ? client->timeout_ms : known.timeout_ms;
    struct call call = {.method = method,
                        .timeout_ms = timeout_ms,
                        .deadline_ns = clock_now_ns() + timeout_ms * CLOCK_NS_PER_MS,
                        .once = known.once,
                        .info = known.info,
                        .cancel = known.cancel};
    call_fill_info(&call, 0, 0); /* it may not even begin */
    return call;
}

enum stated_code handle_conclude(struct stated_client *client, const struct slot *slot,
                                 ProtobufCMessage **response, struct stated_status *status)
{
    struct call_context context = {.endpoint = NULL, .connected = true, .memory = &client->memory};
    if (slot->outcome.error != 0) {
        channel_look(&client->channel, &context.endpoint, &context.connected, &context.busy);
    }
    return call_conclude(&slot->call, &slot->outcome, &context, response, status);
}

enum stated_code handle_explain(const struct call *call, enum pool_result why,
                                struct stated_status *status)
{
    return why == POOL_CLOSED ? call_was_closed(call, status) : call_had_no_memory(call, status);
}
