#include "hand_client.h"

#include "stated/client.h"
#include "stated/v1/admin.pb-c.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_WAITING = 256 };

struct stated_client {
    int unused;
};

struct waiting {
    const struct stated_client *client;
    Stated__V1__WriteRequest *request;
    stated_call_done done;
    stated_callback callback;
    void *argument;
};

static struct {
    uint64_t limit;
    unsigned refuse_open_at;
    unsigned opens;
    unsigned clients;
    enum stated_code refuse_to_start;
    struct waiting waiting[MAX_WAITING];
    size_t n_waiting;
} hand;

void hand_reset(uint64_t limit, unsigned refuse_open_at)
{
    while (hand.n_waiting > 0) {
        stated__v1__write_request__free_unpacked(hand.waiting[--hand.n_waiting].request, NULL);
    }
    memset(&hand, 0, sizeof hand);
    hand.limit = limit;
    hand.refuse_open_at = refuse_open_at;
}

void hand_refuse_to_start(enum stated_code code)
{
    hand.refuse_to_start = code;
}

unsigned hand_clients(void)
{
    return hand.clients;
}

size_t hand_waiting(void)
{
    return hand.n_waiting;
}

size_t hand_waiting_clients(void)
{
    size_t n = 0;
    for (size_t i = 0; i < hand.n_waiting; i++) {
        size_t before = 0;
        while (before < i && hand.waiting[before].client != hand.waiting[i].client) {
            before++;
        }
        n += before == i;
    }
    return n;
}

const Stated__V1__WriteRequest *hand_request(size_t index)
{
    if (index >= hand.n_waiting) {
        abort(); /* a test that expects too much */
    }
    return hand.waiting[index].request;
}

void hand_answer(size_t index, enum stated_code code, const char *message, uint32_t retry_after_ms)
{
    struct stated_status status;
    ProtobufCMessage *response = NULL;
    hand_request(index);
    struct waiting call = hand.waiting[index];
    hand.n_waiting--;
    memmove(&hand.waiting[index], &hand.waiting[index + 1], (hand.n_waiting - index) * sizeof call);
    stated_status_set(&status, code, "%s", message);
    status.retry_after_ms = retry_after_ms;
    if (code == STATED_OK) {
        Stated__V1__WriteResponse *applied = malloc(sizeof *applied);
        stated__v1__write_response__init(applied);
        applied->applied = 1;
        response = &applied->base;
    }
    call.done(call.callback, call.argument, &status, response);
    stated__v1__write_request__free_unpacked(call.request, NULL);
}

enum stated_code stated_client_open(const struct stated_client_options *options,
                                    struct stated_client **client, struct stated_status *status)
{
    *client = NULL;
    hand.opens++;
    if (hand.opens == hand.refuse_open_at) {
        return stated_status_set(status, STATED_UNAVAILABLE, "nobody answers at %s",
                                 options->endpoint);
    }
    *client = calloc(1, sizeof **client);
    hand.clients++;
    return STATED_OK;
}

void stated_client_close(struct stated_client *client)
{
    hand.clients -= client != NULL;
    free(client);
}

/* Status is the only one that is called and waited for. */
enum stated_code stated_client_call(struct stated_client *client,
                                    const struct stated_client_method *method,
                                    const struct stated_call_options *options,
                                    const ProtobufCMessage *request, ProtobufCMessage **response,
                                    struct stated_status *status)
{
    (void)client;
    (void)options;
    (void)request;
    *response = NULL;
    if (hand.limit == 0 || strcmp(method->name, "stated.v1.AdminService/Status") != 0) {
        return stated_status_set(status, STATED_UNIMPLEMENTED, "no %s here", method->name);
    }
    Stated__V1__StatusResponse *server = malloc(sizeof *server);
    stated__v1__status_response__init(server);
    server->limits = malloc(sizeof *server->limits);
    stated__v1__limits__init(server->limits);
    server->limits->max_message_bytes = hand.limit;
    *response = &server->base;
    return STATED_OK;
}

static ProtobufCMessage *copy(const ProtobufCMessage *message)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *packed = malloc(size + 1);
    protobuf_c_message_pack(message, packed);
    ProtobufCMessage *copied = protobuf_c_message_unpack(message->descriptor, NULL, size, packed);
    free(packed);
    return copied;
}

enum stated_code stated_client_call_async(struct stated_client *client,
                                          const struct stated_client_method *method,
                                          const struct stated_call_options *options,
                                          const ProtobufCMessage *request, stated_call_done done,
                                          stated_callback callback, void *argument,
                                          struct stated_status *status)
{
    (void)options;
    if (hand.refuse_to_start != STATED_OK) {
        return stated_status_set(status, hand.refuse_to_start, "%s does not start", method->name);
    }
    if (hand.n_waiting == MAX_WAITING) {
        abort(); /* a test that asks too much of the double */
    }
    hand.waiting[hand.n_waiting++] = (struct waiting){
        .client = client,
        .request = (Stated__V1__WriteRequest *)(void *)copy(request),
        .done = done,
        .callback = callback,
        .argument = argument,
    };
    return STATED_OK;
}
