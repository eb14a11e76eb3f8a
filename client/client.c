/* Opening, closing, and the synchronous call: it stays on its own thread from the encoding to the
   decoding and is woken once, by the reply. */
#include "stated/client.h"

#include "async.h"
#include "endpoint.h"
#include "handle.h"
#include "paths.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Between tries of a call that was refused. */
#define RETRY_PAUSE_MIN_MS 5
#define RETRY_PAUSE_MAX_MS 1000

static enum stated_code check_options(const struct stated_client_options *options,
                                      struct stated_status *status)
{
    const char *zero = options->timeout_ms == 0          ? "timeout_ms"
                       : options->max_message_bytes == 0 ? "max_message_bytes"
                       : options->max_calls == 0         ? "max_calls"
                       : options->max_frames == 0        ? "max_frames"
                       : options->max_frame_calls == 0   ? "max_frame_calls"
                       : options->max_frame_bytes == 0   ? "max_frame_bytes"
                                                         : NULL;
    if (zero != NULL) {
        return stated_status_set(status, STATED_INVALID_ARGUMENT,
                                 "%s is 0; start from STATED_CLIENT_OPTIONS_INIT", zero);
    }
    return STATED_OK;
}

/* The members that the caller's version of the struct has, and the defaults of the others. */
static enum stated_code read_options(const struct stated_client_options *given,
                                     struct stated_client_options *options,
                                     struct stated_status *status)
{
    *options = (struct stated_client_options)STATED_CLIENT_OPTIONS_INIT;
    if (given == NULL) {
        return STATED_OK;
    }
    if (given->size == 0) {
        return stated_status_set(
            status, STATED_INVALID_ARGUMENT,
            "the size of the options is 0; start from STATED_CLIENT_OPTIONS_INIT");
    }
    memcpy(options, given, given->size < sizeof(*options) ? given->size : sizeof(*options));
    return check_options(options, status);
}

static void *system_alloc(void *argument, size_t bytes)
{
    (void)argument;
    return malloc(bytes);
}

static void system_free(void *argument, void *memory)
{
    (void)argument;
    free(memory);
}

/* On their way at a time when none is shared. A server reads no more of a connection than its
   share, and refuses what stays unread for long; a call that is refused loses its place in the
   order. */
#define FRAMES_APART 64

/* Room for the client id and what else comes before the calls of a frame. */
#define FRAME_HEADER_BYTES 32

/* The bytes of calls that a shared frame may have. */
static size_t frame_room(const struct stated_client_options *options)
{
    uint64_t limit = options->max_message_bytes > FRAME_HEADER_BYTES
                         ? options->max_message_bytes - FRAME_HEADER_BYTES
                         : 1;
    return options->max_frame_bytes < limit ? options->max_frame_bytes : (size_t)limit;
}

static enum stated_code open_channel(struct stated_client *self,
                                     const struct stated_client_options *options,
                                     struct stated_status *status)
{
    const struct channel_options channel = {
        .memory = &self->memory,
        .endpoints = options->endpoint,
        .connect_timeout_ms = options->connect_timeout_ms,
        .max_message_bytes = options->max_message_bytes,
        .max_calls = options->max_calls,
        .try_timeout_ms = options->try_timeout_ms,
        .numbers = options->number_writes,
        .coalesce = {.enabled = options->coalesce,
                     .max_calls = options->max_frame_calls,
                     .max_bytes = frame_room(options),
                     .max_frames = options->coalesce ? options->max_frames : FRAMES_APART},
        .retry = {.retries = options->retry,
                  .max_tries = options->max_tries,
                  .pause_min_ms = RETRY_PAUSE_MIN_MS,
                  .pause_max_ms = RETRY_PAUSE_MAX_MS},
        .on_news = async_on_news,
        .news_argument = self,
    };
    return channel_open(&self->channel, &channel, status);
}

/* On failure nothing of the client is left but its own memory. */
static enum stated_code open_parts(struct stated_client *self, const ProtobufCAllocator *memory,
                                   const struct stated_client_options *options,
                                   struct stated_status *status)
{
    self->memory = *memory;
    self->mark = HANDLE_OPEN;
    self->max_message_bytes = options->max_message_bytes;
    self->timeout_ms = options->timeout_ms;
    self->on_connection = options->on_connection;
    self->connection_argument = options->connection_argument;
    self->log = options->log;
    self->log_argument = options->log_argument;
    if (!loop_init(&self->loop, options->dispatch)) {
        loop_deinit(&self->loop);
        return stated_status_set(status, STATED_RESOURCE_EXHAUSTED,
                                 "no descriptor for the client's events");
    }
    guests_init(&self->guests);
    pool_init(&self->pool, &self->channel, &self->memory, options->max_calls, async_on_done, self);
    enum stated_code code = open_channel(self, options, status);
    if (code != STATED_OK) {
        pool_deinit(&self->pool);
        guests_deinit(&self->guests);
        loop_deinit(&self->loop);
    }
    return code;
}

enum stated_code stated_client_open(const struct stated_client_options *given,
                                    struct stated_client **client, struct stated_status *status)
{
    struct stated_client_options options;
    char default_endpoint[PATHS_BYTES];
    *client = NULL;
    enum stated_code code = read_options(given, &options, status);
    if (code != STATED_OK) {
        return code;
    }
    if (options.endpoint == NULL) {
        stated_default_endpoint(default_endpoint, sizeof(default_endpoint));
        options.endpoint = default_endpoint;
    }
    code = endpoint_check(options.endpoint, status);
    if (code != STATED_OK) {
        return code;
    }
    ProtobufCAllocator memory = {.alloc = system_alloc, .free = system_free};
    if (options.allocator != NULL) {
        memory = *options.allocator;
    }
    struct stated_client *self = memory_take(&memory, sizeof(*self));
    if (self == NULL) {
        return stated_status_set(status, STATED_RESOURCE_EXHAUSTED, "no memory for a client");
    }
    code = open_parts(self, &memory, &options, status);
    if (code != STATED_OK) {
        memory_give(&memory, self);
        return code;
    }
    *client = self;
    return stated_status_set(status, STATED_OK, "%s", "");
}

/* It would wait for ever, and say nothing. */
static void refuse_from_callback(const struct stated_client *client)
{
    if (async_in_callback_of(client)) {
        fprintf(stderr, "stated_client_close: called from a callback of the client, for whose end "
                        "it has to wait; close it elsewhere\n");
        abort();
    }
}

void stated_client_close(struct stated_client *client)
{
    if (client == NULL) {
        return;
    }
    handle_check(client, __func__);
    refuse_from_callback(client);
    pool_shut(&client->pool);
    channel_shut(&client->channel);
    channel_join(&client->channel);
    stated_client_dispatch(client, 0);
    pool_join(&client->pool);
    async_close_guests(client);
    channel_deinit(&client->channel);
    pool_deinit(&client->pool);
    guests_deinit(&client->guests);
    loop_deinit(&client->loop);
    client->mark = HANDLE_CLOSED;
    ProtobufCAllocator memory = client->memory;
    memory_give(&memory, client);
}

enum stated_code stated_client_call(struct stated_client *client,
                                    const struct stated_client_method *method,
                                    const struct stated_call_options *options,
                                    const ProtobufCMessage *request, ProtobufCMessage **response,
                                    struct stated_status *status)
{
    *response = NULL;
    handle_check(client, __func__);
    if (async_in_callback()) {
        return stated_status_set(status, STATED_FAILED_PRECONDITION,
                                 "%s was called and waited for from a callback, which would stop "
                                 "the library; call the asynchronous function there",
                                 method->name);
    }
    struct call call = handle_make_call(client, method, options);
    struct slot *slot;
    enum pool_result result = pool_acquire(&client->pool, &slot);
    if (result != POOL_LENT) {
        return handle_explain(&call, result, status);
    }
    slot_begin(slot, &call);
    enum stated_code code = call_encode(&call, request, client->max_message_bytes, slot, status);
    if (code == STATED_OK) {
        slot_exchange(slot);
        code = handle_conclude(client, slot, response, status);
    }
    pool_release(&client->pool, slot);
    return code;
}
