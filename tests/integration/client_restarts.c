/* A client under load whose server comes and goes: every call has one outcome, and the outcome is
   true.

   usage: client_restarts ENDPOINT

   Each write adds 1 to a key of its own, so that what the state holds in the end tells whether the
   write happened, and how often. Prints the number of acknowledged writes now and then; writes
   until its standard input ends, and then compares. Status 0: all outcomes are true. */
#include "stated/v1/state.stated-client.h"

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_WRITES = 2000000, ASYNCHRONOUS = 32, THREADS = 4, TIMEOUT_MS = 20000, REPORT_MS = 20 };

struct write {
    atomic_uint outcomes;
    enum stated_code code;
};

static struct stated_client *client;
static struct write writes[MAX_WRITES];
static atomic_uint started;
static atomic_uint ended;
static atomic_uint acknowledged;
static atomic_bool stopping;

static void fail(const char *what, const struct stated_status *status)
{
    fprintf(stderr, "%s: %s: %s\n", what, stated_code_name(status->code), status->message);
    exit(2);
}

/* False when there are to be no more. */
static bool take_number(unsigned *number)
{
    if (atomic_load(&stopping)) {
        return false;
    }
    *number = atomic_fetch_add(&started, 1);
    return *number < MAX_WRITES;
}

static void note(unsigned number, const struct stated_status *status)
{
    writes[number].code = status->code;
    atomic_fetch_add(&writes[number].outcomes, 1);
    atomic_fetch_add(&acknowledged, status->code == STATED_OK);
    atomic_fetch_add(&ended, 1);
}

/* A request and all it points at. */
struct addition {
    char key[32];
    Stated__V1__Add add;
    Stated__V1__Mutation mutation;
    Stated__V1__Mutation *mutations[1];
    Stated__V1__WriteRequest request;
};

static void make_addition(struct addition *self, unsigned number)
{
    snprintf(self->key, sizeof(self->key), "restarts/%08u", number);
    self->add = (Stated__V1__Add)STATED__V1__ADD__INIT;
    self->add.key = (ProtobufCBinaryData){.len = strlen(self->key), .data = (uint8_t *)self->key};
    self->add.delta = 1;
    self->mutation = (Stated__V1__Mutation)STATED__V1__MUTATION__INIT;
    self->mutation.kind_case = STATED__V1__MUTATION__KIND_ADD;
    self->mutation.add = &self->add;
    self->mutations[0] = &self->mutation;
    self->request = (Stated__V1__WriteRequest)STATED__V1__WRITE_REQUEST__INIT;
    self->request.n_mutations = 1;
    self->request.mutations = self->mutations;
}

static void start_next(void);

static void on_written(void *argument, const struct stated_status *status,
                       Stated__V1__WriteResponse *response)
{
    struct write *write = argument;
    stated__v1__write_response__free_unpacked(response, NULL);
    start_next();
    note((unsigned)(write - writes), status);
}

static void start_next(void)
{
    unsigned number;
    struct addition addition;
    struct stated_status status;
    if (!take_number(&number)) {
        return;
    }
    make_addition(&addition, number);
    if (stated_v1_state_service_write_async(client, NULL, &addition.request, on_written,
                                            &writes[number], &status) != STATED_OK) {
        fail("start", &status);
    }
}

static void *write_and_wait(void *argument)
{
    unsigned number;
    while (take_number(&number)) {
        struct addition addition;
        struct stated_status status;
        Stated__V1__WriteResponse *response;
        make_addition(&addition, number);
        enum stated_code code =
            stated_v1_state_service_write(client, NULL, &addition.request, &response, &status);
        stated__v1__write_response__free_unpacked(response, NULL);
        status.code = code;
        note(number, &status);
    }
    return argument;
}

/* Until standard input ends. */
static void report_progress(void)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    char byte;
    while (poll(&input, 1, REPORT_MS) == 0 || read(STDIN_FILENO, &byte, 1) > 0) {
        printf("%u\n", atomic_load(&acknowledged));
        fflush(stdout);
    }
}

/* What the state holds of a write: 0 = nothing. */
static long held(unsigned number)
{
    struct addition names;
    make_addition(&names, number);
    Stated__V1__Selector selector = STATED__V1__SELECTOR__INIT;
    Stated__V1__Selector *select[] = {&selector};
    Stated__V1__ReadRequest request = STATED__V1__READ_REQUEST__INIT;
    Stated__V1__ReadResponse *response;
    struct stated_status status;
    selector.kind_case = STATED__V1__SELECTOR__KIND_KEY;
    selector.key = names.add.key;
    request.n_select = 1;
    request.select = select;
    if (stated_v1_state_service_read(client, NULL, &request, &response, &status) != STATED_OK) {
        fail("check", &status);
    }
    long value = 0;
    if (response->n_entries == 1) {
        char digits[24] = {0};
        memcpy(digits, response->entries[0]->value.data,
               response->entries[0]->value.len < sizeof(digits) ? response->entries[0]->value.len
                                                                : sizeof(digits) - 1);
        value = strtol(digits, NULL, 10);
    }
    stated__v1__read_response__free_unpacked(response, NULL);
    return value;
}

static bool is_true(enum stated_code code, long value)
{
    switch (code) {
    case STATED_OK:
        return value == 1;
    case STATED_UNKNOWN:
    case STATED_DEADLINE_EXCEEDED:
        return value == 0 || value == 1;
    default:
        return value == 0; /* it says that it did not happen */
    }
}

/* The number of outcomes that are not true. */
static unsigned check(unsigned total)
{
    unsigned wrong = 0;
    unsigned counts[STATED_UNAUTHENTICATED + 1] = {0};
    for (unsigned i = 0; i < total; i++) {
        long value = held(i);
        counts[writes[i].code]++;
        if (atomic_load(&writes[i].outcomes) != 1 || !is_true(writes[i].code, value)) {
            fprintf(stderr, "write %u: %u outcomes, %s, and the state holds %ld\n", i,
                    atomic_load(&writes[i].outcomes), stated_code_name(writes[i].code), value);
            wrong++;
        }
    }
    fprintf(stderr, "%u writes", total);
    for (unsigned code = 0; code <= STATED_UNAUTHENTICATED; code++) {
        if (counts[code] > 0) {
            fprintf(stderr, ", %u %s", counts[code], stated_code_name((enum stated_code)code));
        }
    }
    fprintf(stderr, "; %u of %u outcomes are wrong\n", wrong, total);
    return wrong;
}

int main(int argc, char **argv)
{
    struct stated_client_options options = STATED_CLIENT_OPTIONS_INIT;
    struct stated_status status;
    pthread_t threads[THREADS];
    options.endpoint = argc == 2 ? argv[1] : NULL;
    options.timeout_ms = TIMEOUT_MS;
    if (stated_client_open(&options, &client, &status) != STATED_OK) {
        fail("open", &status);
    }
    for (int i = 0; i < ASYNCHRONOUS; i++) {
        start_next();
    }
    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, write_and_wait, NULL) != 0) {
            return 2;
        }
    }
    report_progress();
    atomic_store(&stopping, true);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    unsigned total = atomic_load(&started) < MAX_WRITES ? atomic_load(&started) : MAX_WRITES;
    for (int waited_ms = 0; atomic_load(&ended) < total && waited_ms < 2 * TIMEOUT_MS;
         waited_ms += REPORT_MS) {
        poll(NULL, 0, REPORT_MS);
    }
    unsigned wrong = check(total);
    stated_client_close(client);
    return wrong == 0 && total < MAX_WRITES ? 0 : 1;
}
