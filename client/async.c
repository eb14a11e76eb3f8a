/* An asynchronous call is a slot that nobody sleeps on: its outcome is told on NNG's thread. */
#include "async.h"

#include "handle.h"

#include <nng/nng.h>
#include <stdint.h>
#include <stdio.h>

/* The client whose callback this thread runs. */
static _Thread_local const struct stated_client *in_callback;

bool async_in_callback(void)
{
    return in_callback != NULL;
}

bool async_in_callback_of(const struct stated_client *client)
{
    return in_callback == client;
}

static void tell(const struct stated_client *client, const struct call *call,
                 const struct stated_status *status, ProtobufCMessage *response)
{
    in_callback = client;
    call->done(call->callback, call->argument, status, response);
    in_callback = NULL;
}

/* The slot goes back before the callback runs, so that a call made there finds it. */
static void conclude(struct stated_client *client, struct slot *slot)
{
    struct call call = slot->call;
    struct stated_status status;
    ProtobufCMessage *response;
    enum stated_code code = handle_conclude(client, slot, &response, &status);
    pool_release(&client->pool, slot);
    tell(client, &call, &status, code == STATED_OK ? response : NULL);
}

void async_on_done(struct slot *slot)
{
    struct stated_client *client = slot->owner;
    if (client->loop.fd < 0) {
        conclude(client, slot);
        return;
    }
    slot_keep_outcome(slot);
    loop_push(&client->loop, slot);
}

static void log_news(const struct stated_client *client, const struct channel_news *news)
{
    char line[2 * STATED_MESSAGE_BYTES];
    snprintf(line, sizeof(line), news->connected ? "connected to %s" : "not connected to %s: %s",
             news->endpoint, news->why.message);
    client->log(client->log_argument, line);
}

/* False when another thread has told them, or does. */
static bool tell_news(struct stated_client *client)
{
    struct channel_news news;
    bool told = false;
    while (channel_take_news(&client->channel, &news)) {
        in_callback = client;
        if (client->log != NULL) {
            log_news(client, &news);
        }
        if (client->on_connection != NULL) {
            client->on_connection(client->connection_argument, news.connected, news.endpoint,
                                  &news.why);
        }
        in_callback = NULL;
        channel_told_news(&client->channel);
        told = true;
    }
    return told;
}

void async_on_news(void *argument)
{
    struct stated_client *client = argument;
    if (client->loop.fd < 0) {
        tell_news(client);
    } else {
        loop_push_news(&client->loop);
    }
}

void async_close_guests(struct stated_client *client)
{
    in_callback = client;
    guests_close(&client->guests);
    in_callback = NULL;
}

size_t stated_client_dispatch(struct stated_client *client, size_t most)
{
    struct list slots;
    struct list_node *node;
    bool news;
    size_t n = 0;
    handle_check(client, __func__);
    if (in_callback != NULL || client->loop.fd < 0) {
        return 0;
    }
    loop_take(&client->loop, most == 0 ? SIZE_MAX : most, &slots, &news);
    if (news && tell_news(client)) {
        n++;
    }
    channel_cork(&client->channel);
    for (; (node = list_pop_front(&slots)) != NULL; n++) {
        conclude(client, CONTAINER_OF(node, struct slot, node));
    }
    channel_uncork(&client->channel);
    return n;
}

int stated_client_fd(const struct stated_client *client)
{
    handle_check(client, __func__);
    return client->loop.fd;
}

enum stated_code stated_client_call_async(struct stated_client *client,
                                          const struct stated_client_method *method,
                                          const struct stated_call_options *options,
                                          const ProtobufCMessage *request, stated_call_done done,
                                          stated_callback callback, void *argument,
                                          struct stated_status *status)
{
    handle_check(client, __func__);
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
    if (code == STATED_OK) {
        int error = slot_start(slot);
        code = error == 0               ? STATED_OK
               : error == NNG_ECANCELED ? call_was_cancelled(&call, status)
                                        : call_was_closed(&call, status);
    }
    if (code != STATED_OK) {
        pool_release(&client->pool, slot);
    }
    return code;
}
