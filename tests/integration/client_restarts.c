/* A client under load whose server comes and goes, or whose frames get lost: every call has one
   outcome, and the outcome is true.

   usage: client_restarts [-n WRITES] [-t TRY_MS] [-c ENDPOINT] [-u] ENDPOINT

   Each write adds 1 to a key of its own, so that what the state holds in the end tells whether the
   write happened, and how often. Prints the number of acknowledged writes now and then; writes
   until its standard input ends, or WRITES times, and then compares, over the endpoint of -c if
   there is one. -t: send again what was not answered for so long. -u: the control: writes without
   sequences, which are made again by hand whenever they seem to have failed. Status 0: all outcomes
   are true and, with -n, every write happened. */
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

enum { BY_HAND_MS = 250 };

static struct {
    const char *endpoint;
    const char *check_endpoint;
    unsigned writes; /* 0: until standard input ends */
    uint32_t try_timeout_ms;
    bool by_hand;
} options;

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
    return *number < (options.writes != 0 ? options.writes : MAX_WRITES);
}

static void note(unsigned number, const struct stated_status *status)
{
    writes[number].code = status->code;
    atomic_fetch_add(&writes[number].outcomes, 1);
    atomic_fetch_add(&acknowledged, status->code == STATED_OK);
    atomic_fetch_add(&ended, 1);
}

/* What someone does who wants the write to happen and knows no better. */
static bool make_it_again(const struct stated_status *status)
{
    return options.by_hand && status->code != STATED_OK;
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
static void start(unsigned number);

static void on_written(void *argument, const struct stated_status *status,
                       Stated__V1__WriteResponse *response)
{
    struct write *write = argument;
    stated__v1__write_response__free_unpacked(response, NULL);
    if (make_it_again(status)) {
        start((unsigned)(write - writes));
        return;
    }
    start_next();
    note((unsigned)(write - writes), status);
}

static void start(unsigned number)
{
    struct addition addition;
    struct stated_status status;
    make_addition(&addition, number);
    if (stated_v1_state_service_write_async(client, NULL, &addition.request, on_written,
                                            &writes[number], &status) != STATED_OK) {
        fail("start", &status);
    }
}

static void start_next(void)
{
    unsigned number;
    if (take_number(&number)) {
        start(number);
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
        do {
            status.code =
                stated_v1_state_service_write(client, NULL, &addition.request, &response, &status);
            stated__v1__write_response__free_unpacked(response, NULL);
        } while (make_it_again(&status));
        note(number, &status);
    }
    return argument;
}

static bool all_ended(void)
{
    return options.writes != 0 && atomic_load(&ended) >= options.writes;
}

/* Until standard input ends, or every write has. */
static void report_progress(void)
{
    struct pollfd input = {.fd = options.writes == 0 ? STDIN_FILENO : -1, .events = POLLIN};
    char byte;
    while (!all_ended() && (poll(&input, 1, REPORT_MS) == 0 || read(STDIN_FILENO, &byte, 1) > 0)) {
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
    if (options.writes != 0) {
        return code == STATED_OK && value == 1;
    }
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
    unsigned twice = 0;
    unsigned lost = 0;
    unsigned counts[STATED_UNAUTHENTICATED + 1] = {0};
    for (unsigned i = 0; i < total; i++) {
        long value = held(i);
        counts[writes[i].code]++;
        twice += value > 1;
        lost += value == 0 && writes[i].code == STATED_OK;
        if (atomic_load(&writes[i].outcomes) != 1 || !is_true(writes[i].code, value)) {
            if (wrong++ < 10) {
                fprintf(stderr, "write %u: %u outcomes, %s, and the state holds %ld\n", i,
                        atomic_load(&writes[i].outcomes), stated_code_name(writes[i].code), value);
            }
        }
    }
    fprintf(stderr, "%u writes", total);
    for (unsigned code = 0; code <= STATED_UNAUTHENTICATED; code++) {
        if (counts[code] > 0) {
            fprintf(stderr, ", %u %s", counts[code], stated_code_name((enum stated_code)code));
        }
    }
    fprintf(stderr, "; %u applied twice, %u lost, %u of %u outcomes are wrong\n", twice, lost,
            wrong, total);
    return wrong;
}

static void open_client(const char *endpoint)
{
    struct stated_client_options with = STATED_CLIENT_OPTIONS_INIT;
    struct stated_status status;
    with.endpoint = endpoint;
    with.timeout_ms = options.by_hand ? BY_HAND_MS : TIMEOUT_MS;
    with.try_timeout_ms = options.try_timeout_ms;
    with.number_writes = !options.by_hand;
    with.coalesce = !options.by_hand;
    with.max_frame_calls = 8; /* so that there are enough frames to lose */
    if (stated_client_open(&with, &client, &status) != STATED_OK) {
        fail("open", &status);
    }
}

static unsigned number_after(const char *text)
{
    return (unsigned)strtoul(text, NULL, 10);
}

static bool read_arguments(int argc, char **argv)
{
    int option;
    while ((option = getopt(argc, argv, "n:t:c:u")) != -1) {
        switch (option) {
        case 'n':
            options.writes = number_after(optarg);
            break;
        case 't':
            options.try_timeout_ms = number_after(optarg);
            break;
        case 'c':
            options.check_endpoint = optarg;
            break;
        case 'u':
            options.by_hand = true;
            break;
        default:
            return false;
        }
    }
    options.endpoint = argv[optind];
    return optind + 1 == argc && options.writes <= MAX_WRITES;
}

static void write_with_all(void)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < ASYNCHRONOUS; i++) {
        start_next();
    }
    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, write_and_wait, NULL) != 0) {
            exit(2);
        }
    }
    report_progress();
    atomic_store(&stopping, true);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
}

int main(int argc, char **argv)
{
    if (!read_arguments(argc, argv)) {
        fprintf(stderr, "usage: client_restarts [-n WRITES] [-t TRY_MS] [-c ENDPOINT] [-u] "
                        "ENDPOINT\n");
        return 2;
    }
    open_client(options.endpoint);
    write_with_all();
    unsigned most = options.writes != 0 ? options.writes : MAX_WRITES;
    unsigned total = atomic_load(&started) < most ? atomic_load(&started) : most;
    for (int waited_ms = 0; atomic_load(&ended) < total && waited_ms < 2 * TIMEOUT_MS;
         waited_ms += REPORT_MS) {
        poll(NULL, 0, REPORT_MS);
    }
    if (options.check_endpoint != NULL) {
        stated_client_close(client);
        open_client(options.check_endpoint);
    }
    unsigned wrong = check(total);
    stated_client_close(client);
    return wrong == 0 && total < MAX_WRITES ? 0 : 1;
}
