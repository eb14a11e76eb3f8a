/* One thread issues calls without waiting: they take effect in the order of issue, and every result
   is the one that this order leads to, whether they share frames or not.

   usage: client_order ENDPOINT share|apart [swap]

   Prints a digest of all results, which is the same for every fresh server. swap: the control;
   neighbours are issued the other way round. Status 0: every ticket is larger than the one before.
 */
#include "stated/v1/state.stated-client.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Apart, so few that a server never counts more than its share for a connection, even while replies
   are on their way: what is refused and sent again loses its place. */
enum { CALLS = 2000, KEYS = 17, IN_FLIGHT = 256, IN_FLIGHT_APART = 32, RESULT_BYTES = 4096 };

/* What a call came to, in the order of issue. */
struct result {
    uint64_t ticket;
    uint64_t digest;
};

static struct result results[CALLS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned ended;

static uint64_t digest_of(uint64_t digest, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        digest = (digest ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
    return digest;
}

static void note(struct result *result, const struct stated_status *status,
                 const ProtobufCMessage *response)
{
    uint8_t bytes[RESULT_BYTES];
    if (status->code != STATED_OK || protobuf_c_message_get_packed_size(response) > sizeof bytes) {
        fprintf(stderr, "call %td: %s: %s\n", result - results, stated_code_name(status->code),
                status->message);
        exit(2);
    }
    result->ticket = status->order.ticket;
    result->digest = digest_of(1, bytes, protobuf_c_message_pack(response, bytes));
    pthread_mutex_lock(&lock);
    ended++;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

static void on_read(void *argument, const struct stated_status *status,
                    Stated__V1__ReadResponse *response)
{
    note(argument, status, &response->base);
    stated__v1__read_response__free_unpacked(response, NULL);
}

static void on_written(void *argument, const struct stated_status *status,
                       Stated__V1__WriteResponse *response)
{
    note(argument, status, &response->base);
    stated__v1__write_response__free_unpacked(response, NULL);
}

static void must_start(enum stated_code code, const struct stated_status *status)
{
    if (code != STATED_OK) {
        fprintf(stderr, "start: %s\n", status->message);
        exit(2);
    }
}

static void start_read(struct stated_client *client, unsigned number, ProtobufCBinaryData key)
{
    Stated__V1__Selector selector = STATED__V1__SELECTOR__INIT;
    Stated__V1__Selector *select[] = {&selector};
    Stated__V1__ReadRequest request = STATED__V1__READ_REQUEST__INIT;
    struct stated_status status;
    selector.kind_case = STATED__V1__SELECTOR__KIND_PREFIX;
    selector.prefix = key;
    request.n_select = 1;
    request.select = select;
    must_start(stated_v1_state_service_read_async(client, NULL, &request, on_read, &results[number],
                                                  &status),
               &status);
}

/* A counter goes up, and every third time only if the key is there. */
static void start_write(struct stated_client *client, unsigned number, ProtobufCBinaryData key)
{
    Stated__V1__Add add = STATED__V1__ADD__INIT;
    Stated__V1__Mutation mutation = STATED__V1__MUTATION__INIT;
    Stated__V1__Mutation *mutations[] = {&mutation};
    Stated__V1__Guard guard = STATED__V1__GUARD__INIT;
    Stated__V1__Guard *guards[] = {&guard};
    Stated__V1__WriteRequest request = STATED__V1__WRITE_REQUEST__INIT;
    struct stated_status status;
    add.key = key;
    add.delta = number;
    mutation.kind_case = STATED__V1__MUTATION__KIND_ADD;
    mutation.add = &add;
    guard.key = key;
    guard.must_case = STATED__V1__GUARD__MUST_EXISTS;
    guard.exists = true;
    request.n_mutations = 1;
    request.mutations = mutations;
    request.n_guards = number % 3 == 0;
    request.guards = guards;
    request.return_previous = true;
    must_start(stated_v1_state_service_write_async(client, NULL, &request, on_written,
                                                   &results[number], &status),
               &status);
}

static void start(struct stated_client *client, unsigned number)
{
    char key[16];
    uint32_t dice = number * UINT32_C(2654435761);
    int length = snprintf(key, sizeof key, "order/%02" PRIu32, (dice >> 8) % KEYS);
    ProtobufCBinaryData bytes = {.data = (uint8_t *)key, .len = (size_t)length};
    if ((dice >> 20) % 2 == 0) {
        start_read(client, number, bytes);
    } else {
        start_write(client, number, bytes);
    }
}

static struct stated_client *open_client(const char *endpoint, bool share)
{
    struct stated_client_options options = STATED_CLIENT_OPTIONS_INIT;
    struct stated_client *client;
    struct stated_status status;
    options.endpoint = endpoint;
    options.timeout_ms = 60000;
    options.max_calls = share ? IN_FLIGHT : IN_FLIGHT_APART;
    options.coalesce = share;
    must_start(stated_client_open(&options, &client, &status), &status);
    return client;
}

static bool tickets_rise(void)
{
    for (unsigned i = 1; i < CALLS; i++) {
        if (results[i].ticket <= results[i - 1].ticket) {
            fprintf(stderr, "call %u has ticket %" PRIu64 ", the one before it %" PRIu64 "\n", i,
                    results[i].ticket, results[i - 1].ticket);
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: client_order ENDPOINT share|apart [swap]\n");
        return 2;
    }
    bool swap = argc > 3;
    uint64_t digest = 1;
    struct stated_client *client = open_client(argv[1], strcmp(argv[2], "share") == 0);
    for (unsigned i = 0; i < CALLS; i++) {
        start(client, swap ? i ^ 1 : i);
    }
    pthread_mutex_lock(&lock);
    while (ended < CALLS) {
        pthread_cond_wait(&changed, &lock);
    }
    pthread_mutex_unlock(&lock);
    stated_client_close(client);
    for (unsigned i = 0; i < CALLS; i++) {
        digest = digest_of(digest, (const uint8_t *)&results[i].digest, sizeof results[i].digest);
    }
    printf("%016" PRIx64 "\n", digest);
    return tickets_rise() ? 0 : 1;
}
