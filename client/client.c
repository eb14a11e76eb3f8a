/* Opening, closing, and the synchronous call: it stays on its own thread from the encoding to the
   decoding and is woken once, by the reply. */
#include "stated/client.h"

#include "async.h"
#include "endpoint.h"
#include "handle.h"
#include "paths.h"

#include <assert.h>
#include <stdlib.h>

static enum stated_code check_options(const struct stated_client_options *options,
                                      struct stated_status *status)
{
    const char *zero = options->timeout_ms == 0          ? "timeout_ms"
                       : options->max_message_bytes == 0 ? "max_message_bytes"
                       : options->max_calls == 0         ? "max_calls"
                                                         : NULL;
    if (zero != NULL) {
        return stated_status_set(status, STATED_INVALID_ARGUMENT,
                                 "%s is 0; start from STATED_CLIENT_OPTIONS_INIT", zero);
    }
    return STATED_OK;
}

static enum stated_code open_parts(struct stated_client *self, const char *endpoint,
                                   const struct stated_client_options *options,
                                   struct stated_status *status)
{
    if (pool_init(&self->pool, &self->channel, options->max_calls, &async_events, self) != 0) {
        return stated_status_set(status, STATED_RESOURCE_EXHAUSTED, "no memory for a client");
    }
    enum stated_code code = channel_open(&self->channel, endpoint, options->max_message_bytes,
                                         options->connect_timeout_ms, options->max_calls, status);
    if (code != STATED_OK) {
        pool_deinit(&self->pool);
    }
    return code;
}

enum stated_code stated_client_open(const struct stated_client_options *options,
                                    struct stated_client **client, struct stated_status *status)
{
    static const struct stated_client_options defaults = STATED_CLIENT_OPTIONS_INIT;
    char default_endpoint[PATHS_BYTES];
    *client = NULL;
    if (options == NULL) {
        options = &defaults;
    }
    const char *endpoint = options->endpoint;
    if (endpoint == NULL) {
        stated_default_endpoint(default_endpoint, sizeof(default_endpoint));
        endpoint = default_endpoint;
    }
    enum stated_code code = check_options(options, status);
    if (code == STATED_OK) {
        code = endpoint_check(endpoint, status);
    }
    if (code != STATED_OK) {
        return code;
    }
    struct stated_client *self = malloc(sizeof(*self));
    if (self == NULL) {
        return stated_status_set(status, STATED_RESOURCE_EXHAUSTED, "no memory for a client");
    }
    self->max_message_bytes = options->max_message_bytes;
    self->timeout_ms = options->timeout_ms;
    code = open_parts(self, endpoint, options, status);
    if (code != STATED_OK) {
        free(self);
        return code;
    }
    *client = self;
    return stated_status_set(status, STATED_OK, "%s", "");
}

void stated_client_close(struct stated_client *client)
{
    if (client == NULL) {
        return;
    }
    assert(!async_in_callback() && "stated_client_close waits for callbacks: not from one");
    pool_shut(&client->pool);
    channel_shut(&client->channel);
    pool_join(&client->pool);
    channel_deinit(&client->channel);
    pool_deinit(&client->pool);
    free(client);
}

enum stated_code stated_client_call(struct stated_client *client,
                                    const struct stated_client_method *method,
                                    const struct stated_call_options *options,
                                    const ProtobufCMessage *request, ProtobufCMessage **response,
                                    struct stated_status *status)
{
    *response = NULL;
    if (async_in_callback()) {
        return stated_status_set(status, STATED_FAILED_PRECONDITION,
                                 "%s was called and waited for from a callback, which would stop "
                                 "the library; call the asynchronous function there",
                                 method->name);
    }
    struct call call = handle_make_call(client, method, options);
    struct slot *slot;
    enum pool_result lent = pool_acquire(&client->pool, call.deadline_ns, &slot);
    if (lent != POOL_LENT) {
        return handle_explain(&call, lent, status);
    }
    enum stated_code code = call_encode(&call, request, client->max_message_bytes, slot, status);
    if (code == STATED_OK) {
        struct outcome outcome;
        slot_exchange(slot, call_wait_until_ns(&call), &outcome);
        code = handle_conclude(client, &call, &outcome, response, status);
    }
    pool_release(&client->pool, slot);
    return code;
}
