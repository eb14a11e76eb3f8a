/* Who waits how long: one writer among many greedy readers, and a modest client beside a greedy
   one.

   usage: fairness URL ELSEWHERE SECONDS

   Prints figures of the server at URL, a busy_server, as one JSON object; measure_order makes a
   table of them. ELSEWHERE is another one: what the greedy client takes from the modest one there
   is the machine's doing. Waits are the server's (admission to grant), round trips the client's. */
#include "busy.stated-client.h"

#include <stated/client.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { READERS = 63, READ_US = 200, WRITE_US = 20, GREEDY = 1000, SAMPLES_MAX = 1 << 20 };

static atomic_bool stopping;

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* One answered call. */
struct sample {
    uint64_t ticket;
    uint64_t changes; /* it saw */
    uint64_t sent_ns;
    uint64_t round_trip_ns;
    uint32_t wait_us;
    uint32_t hold_us; /* with the wait for a worker */
    bool is_write;
};

struct worker {
    struct stated_client *client;
    bool is_write;
    uint32_t work_us;
    struct sample *samples;
    size_t n;
    uint64_t errors;
    pthread_t thread;
};

/* shared: calls share frames, as they usually do; else what the server does with each call is
   measured. */
static struct stated_client *connect_to(const char *url, bool shared)
{
    struct stated_client_options options = STATED_CLIENT_OPTIONS_INIT;
    struct stated_status status;
    struct stated_client *client;
    options.endpoint = url;
    options.timeout_ms = 60000;
    options.max_calls = GREEDY;
    options.coalesce = shared;
    options.retry = false;
    options.number_writes = false;
    if (stated_client_open(&options, &client, &status) != STATED_OK) {
        fprintf(stderr, "fairness: %s\n", status.message);
        exit(1);
    }
    return client;
}

static void call_once(struct worker *self)
{
    Busy__V1__BusyRequest request = BUSY__V1__BUSY_REQUEST__INIT;
    Busy__V1__BusyResponse *response = NULL;
    struct stated_status status;
    request.work_us = self->work_us;
    uint64_t start_ns = now_ns();
    enum stated_code code =
        self->is_write ? busy_v1_busy_change(self->client, NULL, &request, &response, &status)
                       : busy_v1_busy_look(self->client, NULL, &request, &response, &status);
    if (code != STATED_OK) {
        self->errors++;
        return;
    }
    if (self->n < SAMPLES_MAX) {
        self->samples[self->n++] = (struct sample){.ticket = status.order.ticket,
                                                   .changes = response->changes,
                                                   .sent_ns = start_ns,
                                                   .round_trip_ns = now_ns() - start_ns,
                                                   .wait_us = status.order.wait_us,
                                                   .hold_us = status.order.hold_us,
                                                   .is_write = self->is_write};
    }
    busy__v1__busy_response__free_unpacked(response, NULL);
}

static void *call_until_stopped(void *argument)
{
    struct worker *self = argument;
    while (!atomic_load(&stopping)) {
        call_once(self);
    }
    return NULL;
}

static void start(struct worker *self, struct stated_client *client, bool is_write,
                  uint32_t work_us)
{
    *self = (struct worker){.client = client, .is_write = is_write, .work_us = work_us};
    self->samples = calloc(SAMPLES_MAX / (READERS + 1), sizeof(struct sample) * 4);
    if (self->samples == NULL ||
        pthread_create(&self->thread, NULL, call_until_stopped, self) != 0) {
        perror("fairness");
        exit(1);
    }
}

static void run_for(unsigned seconds)
{
    struct timespec left = {.tv_sec = seconds};
    nanosleep(&left, NULL);
    atomic_store(&stopping, true);
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Sorts the values. */
static uint64_t quantile(uint64_t *values, size_t n, double q)
{
    if (n == 0) {
        return 0;
    }
    qsort(values, n, sizeof(values[0]), compare_u64);
    size_t index = (size_t)(q * (double)n);
    return values[index < n ? index : n - 1];
}

static int compare_tickets(const void *a, const void *b)
{
    return compare_u64(&((const struct sample *)a)->ticket, &((const struct sample *)b)->ticket);
}

/* Replies that do not fit the order of tickets: each must have seen exactly the writes before it.
 */
static size_t count_overtaken(struct sample *samples, size_t n)
{
    size_t overtaken = 0;
    uint64_t changes = 0;
    qsort(samples, n, sizeof(samples[0]), compare_tickets);
    for (size_t i = 0; i < n; i++) {
        changes += samples[i].is_write;
        overtaken += samples[i].changes != changes;
    }
    return overtaken;
}

/* How long what was in front of each write took, from its sending to the last answer to a call with
   a smaller ticket: no write may wait for longer. By ticket; gives how many there are. */
static size_t measure_fronts(const struct sample *samples, size_t n, uint64_t *front_us,
                             size_t *waited_longer)
{
    uint64_t last_answer_ns = 0;
    size_t writes = 0;
    *waited_longer = 0;
    for (size_t i = 0; i < n; i++) {
        const struct sample *sample = &samples[i];
        if (sample->is_write) {
            uint64_t front_ns =
                last_answer_ns > sample->sent_ns ? last_answer_ns - sample->sent_ns : 0;
            front_us[writes++] = front_ns / 1000;
            *waited_longer += sample->wait_us > front_ns / 1000 + 1;
        }
        uint64_t answer_ns = sample->sent_ns + sample->round_trip_ns;
        last_answer_ns = answer_ns > last_answer_ns ? answer_ns : last_answer_ns;
    }
    return writes;
}

/* F1 and F2. Only a busy_server that has served nobody yet gives a count that starts at 0. */
static void measure_writer(const char *url, unsigned seconds)
{
    static struct worker workers[READERS + 1];
    atomic_store(&stopping, false);
    for (size_t i = 0; i <= READERS; i++) {
        start(&workers[i], connect_to(url, false), i == READERS, i == READERS ? WRITE_US : READ_US);
    }
    run_for(seconds);
    size_t n = 0;
    uint64_t errors = 0;
    for (size_t i = 0; i <= READERS; i++) {
        pthread_join(workers[i].thread, NULL);
        stated_client_close(workers[i].client);
        n += workers[i].n;
        errors += workers[i].errors;
    }
    const struct worker *writer = &workers[READERS];
    struct sample *all = calloc(n + 1, sizeof(*all));
    uint64_t *wait_us = calloc(writer->n + 1, sizeof(*wait_us));
    uint64_t *front_us = calloc(writer->n + 1, sizeof(*front_us));
    size_t used = 0;
    for (size_t i = 0; i <= READERS; i++) {
        for (size_t j = 0; j < workers[i].n; j++) {
            all[used++] = workers[i].samples[j];
        }
        free(i == READERS ? NULL : workers[i].samples);
    }
    for (size_t i = 0; i < writer->n; i++) {
        wait_us[i] = writer->samples[i].wait_us;
    }
    size_t overtaken = count_overtaken(all, n);
    size_t waited_longer;
    size_t writes = measure_fronts(all, n, front_us, &waited_longer);
    printf("{\"replies\": %zu, \"overtaken\": %zu, \"errors\": %llu, \"writes\": %zu, "
           "\"write_wait_p99_us\": %llu, \"front_p99_us\": %llu, \"waited_longer\": %zu, ",
           n, overtaken, (unsigned long long)errors, writes,
           (unsigned long long)quantile(wait_us, writer->n, 0.99),
           (unsigned long long)quantile(front_us, writes, 0.99), waited_longer);
    free(workers[READERS].samples);
    free(front_us);
    free(wait_us);
    free(all);
}

/* A client that keeps GREEDY calls in flight over its one connection. */
struct greedy {
    struct stated_client *client;
    atomic_uint in_flight;
    atomic_uint_least64_t refused;
    atomic_uint_least64_t served;
};

static void ask_again(struct greedy *self);

static void greedy_answered(void *argument, const struct stated_status *status,
                            Busy__V1__BusyResponse *response)
{
    struct greedy *self = argument;
    atomic_fetch_add(status->code == STATED_OK ? &self->served : &self->refused, 1);
    if (response != NULL) {
        busy__v1__busy_response__free_unpacked(response, NULL);
    }
    if (atomic_load(&stopping)) {
        atomic_fetch_sub(&self->in_flight, 1);
    } else {
        ask_again(self);
    }
}

static void ask_again(struct greedy *self)
{
    Busy__V1__BusyRequest request = BUSY__V1__BUSY_REQUEST__INIT;
    request.work_us = WRITE_US;
    if (busy_v1_busy_look_async(self->client, NULL, &request, greedy_answered, self, NULL) !=
        STATED_OK) {
        atomic_fetch_sub(&self->in_flight, 1);
    }
}

/* What the modest client sees: p99 of its round trips, and of their parts between admission and
   the end of the call. */
struct modest_times {
    uint64_t round_trip_us;
    uint64_t in_server_us;
};

static struct modest_times measure_modest(const char *url, unsigned seconds)
{
    static struct worker modest;
    atomic_store(&stopping, false);
    start(&modest, connect_to(url, false), false, WRITE_US);
    run_for(seconds);
    pthread_join(modest.thread, NULL);
    stated_client_close(modest.client);
    uint64_t *round_trips = calloc(modest.n + 1, sizeof(*round_trips));
    uint64_t *in_server = calloc(modest.n + 1, sizeof(*in_server));
    for (size_t i = 0; i < modest.n; i++) {
        round_trips[i] = modest.samples[i].round_trip_ns / 1000;
        in_server[i] = (uint64_t)modest.samples[i].wait_us + modest.samples[i].hold_us;
    }
    const struct modest_times times = {.round_trip_us = quantile(round_trips, modest.n, 0.99),
                                       .in_server_us = quantile(in_server, modest.n, 0.99)};
    free(in_server);
    free(round_trips);
    free(modest.samples);
    return times;
}

/* The modest client at url beside a greedy one at greedy_url; prints its figures, named. */
static void measure_beside(const char *name, const char *url, const char *greedy_url, bool shared,
                           unsigned seconds)
{
    static struct greedy greedy;
    greedy = (struct greedy){.client = connect_to(greedy_url, shared)};
    atomic_store(&stopping, false);
    for (unsigned i = 0; i < GREEDY; i++) {
        atomic_fetch_add(&greedy.in_flight, 1);
        ask_again(&greedy);
    }
    struct modest_times beside = measure_modest(url, seconds);
    stated_client_close(greedy.client);
    printf(", \"%s\": {\"p99_us\": %llu, \"in_server_p99_us\": %llu, \"greedy_served\": %llu, "
           "\"greedy_refused\": %llu}",
           name, (unsigned long long)beside.round_trip_us, (unsigned long long)beside.in_server_us,
           (unsigned long long)atomic_load(&greedy.served),
           (unsigned long long)atomic_load(&greedy.refused));
}

/* F3. */
static void measure_share(const char *url, const char *elsewhere, unsigned seconds)
{
    struct modest_times alone = measure_modest(url, seconds);
    printf("\"alone_p99_us\": %llu", (unsigned long long)alone.round_trip_us);
    measure_beside("beside", url, url, false, seconds);
    measure_beside("beside_shared", url, url, true, seconds);
    measure_beside("elsewhere", url, elsewhere, false, seconds);
    printf("}\n");
}

int main(int argc, char **argv)
{
    unsigned seconds = argc == 4 ? (unsigned)strtoul(argv[3], NULL, 10) : 0;
    if (seconds == 0) {
        fprintf(stderr, "usage: fairness URL ELSEWHERE SECONDS\n");
        return 2;
    }
    measure_writer(argv[1], seconds);
    measure_share(argv[1], argv[2], seconds);
    return 0;
}
