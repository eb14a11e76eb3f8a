/* What becomes of a server that is asked for ten times what it can do.

   usage: overload URL SECONDS FACTOR

   URL is a busy_server whose writes wait WRITE_US each, as for a disk. First the most it can do is
   measured, with a few calls in flight; then calls come at FACTOR times that rate, whether answered
   or not, while another connection measures the transport alone. Prints figures as one JSON object;
   measure_order makes a table of them. Exits 1 when a call got no answer. */
#include "busy.stated-client.h"

#include <stated/client.h>
#include <stated/v1/admin.stated-client.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { CLIENTS = 8, CALLS_PER_CLIENT = 4096, WRITE_US = 500, SAMPLES_MAX = 1 << 21, CLOSED = 64 };

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Latencies of one kind, appended from any thread. */
struct samples {
    uint64_t *ns;
    atomic_size_t n;
};

static struct samples refusals;
static struct samples echoes;
static atomic_uint_least64_t served;
static atomic_uint_least64_t refused;
static atomic_uint_least64_t expired;  /* in the server's queue */
static atomic_uint_least64_t given_up; /* by the client, unanswered in time */
static atomic_uint_least64_t other;
static atomic_uint_least64_t answered;
static atomic_bool stopping;

static void add_sample(struct samples *self, uint64_t ns)
{
    size_t index = atomic_fetch_add(&self->n, 1);
    if (index < SAMPLES_MAX) {
        self->ns[index] = ns;
    }
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static double p99_ms(struct samples *self)
{
    size_t n = atomic_load(&self->n) < SAMPLES_MAX ? atomic_load(&self->n) : SAMPLES_MAX;
    if (n == 0) {
        return 0;
    }
    qsort(self->ns, n, sizeof(self->ns[0]), compare_u64);
    return (double)self->ns[n * 99 / 100] / 1e6;
}

static struct stated_client *connect_to(const char *url)
{
    struct stated_client_options options = STATED_CLIENT_OPTIONS_INIT;
    struct stated_status status;
    struct stated_client *client;
    options.endpoint = url;
    options.max_calls = CALLS_PER_CLIENT;
    /* Every call goes out at once, and what comes back is its outcome: what a client that minds its
       server would keep back, or send again later, is what the server has to deal with here. */
    options.retry = false;
    options.number_writes = false;
    options.max_frames = CALLS_PER_CLIENT;
    options.max_frame_calls = 1;
    options.number_writes = false;
    if (stated_client_open(&options, &client, &status) != STATED_OK) {
        fprintf(stderr, "overload: %s\n", status.message);
        exit(1);
    }
    return client;
}

/* The argument of an open-loop call is its start. */
static void call_answered(void *argument, const struct stated_status *status,
                          Busy__V1__BusyResponse *response)
{
    uint64_t *started_ns = argument;
    if (status->code == STATED_OK) {
        atomic_fetch_add(&served, 1);
        busy__v1__busy_response__free_unpacked(response, NULL);
    } else if (status->order.epoch != 0 && status->order.ticket == 0) {
        atomic_fetch_add(&refused, 1);
        add_sample(&refusals, now_ns() - *started_ns);
    } else if (status->code == STATED_DEADLINE_EXCEEDED) {
        atomic_fetch_add(status->order.ticket != 0 ? &expired : &given_up, 1);
    } else {
        atomic_fetch_add(&other, 1);
    }
    atomic_fetch_add(&answered, 1);
    free(started_ns);
}

static bool start_call(struct stated_client *client)
{
    Busy__V1__BusyRequest request = BUSY__V1__BUSY_REQUEST__INIT;
    request.wait_us = WRITE_US;
    uint64_t *started_ns = malloc(sizeof(*started_ns));
    if (started_ns == NULL) {
        return false;
    }
    *started_ns = now_ns();
    if (busy_v1_busy_change_async(client, NULL, &request, call_answered, started_ns, NULL) !=
        STATED_OK) {
        free(started_ns);
        return false;
    }
    return true;
}

static void *echo_until_stopped(void *argument)
{
    struct stated_client *client = argument;
    Busy__V1__BusyRequest request = BUSY__V1__BUSY_REQUEST__INIT;
    while (!atomic_load(&stopping)) {
        Busy__V1__BusyResponse *response = NULL;
        uint64_t start_ns = now_ns();
        if (busy_v1_busy_echo(client, NULL, &request, &response, NULL) == STATED_OK) {
            add_sample(&echoes, now_ns() - start_ns);
            busy__v1__busy_response__free_unpacked(response, NULL);
        }
    }
    return NULL;
}

static void *change_until_stopped(void *argument)
{
    struct stated_client *client = argument;
    Busy__V1__BusyRequest request = BUSY__V1__BUSY_REQUEST__INIT;
    request.wait_us = WRITE_US;
    while (!atomic_load(&stopping)) {
        Busy__V1__BusyResponse *response = NULL;
        if (busy_v1_busy_change(client, NULL, &request, &response, NULL) == STATED_OK) {
            atomic_fetch_add(&served, 1);
            busy__v1__busy_response__free_unpacked(response, NULL);
        }
    }
    return NULL;
}

static pthread_t start_thread(void *(*run)(void *), void *argument)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, argument) != 0) {
        perror("overload");
        exit(1);
    }
    return thread;
}

static void pause_ns(uint64_t ns)
{
    const struct timespec pause = {.tv_sec = (time_t)(ns / 1000000000u),
                                   .tv_nsec = (long)(ns % 1000000000u)};
    nanosleep(&pause, NULL);
}

/* Calls a second, closed loop. */
static double measure_most(struct stated_client *client, unsigned seconds)
{
    pthread_t threads[CLOSED];
    atomic_store(&stopping, false);
    uint64_t start_ns = now_ns();
    for (size_t i = 0; i < CLOSED; i++) {
        threads[i] = start_thread(change_until_stopped, client);
    }
    pause_ns(seconds * UINT64_C(1000000000));
    double rate = (double)atomic_load(&served) / ((double)(now_ns() - start_ns) / 1e9);
    atomic_store(&stopping, true);
    for (size_t i = 0; i < CLOSED; i++) {
        pthread_join(threads[i], NULL);
    }
    atomic_store(&served, 0);
    return rate;
}

static uint64_t resident_bytes(struct stated_client *client)
{
    Stated__V1__StatusRequest request = STATED__V1__STATUS_REQUEST__INIT;
    Stated__V1__StatusResponse *response = NULL;
    if (stated_v1_admin_service_status(client, NULL, &request, &response, NULL) != STATED_OK) {
        return 0;
    }
    uint64_t bytes = response->resident_bytes;
    stated__v1__status_response__free_unpacked(response, NULL);
    return bytes;
}

/* Sends at `rate` calls a second from the intended times, however late the answers are. */
static uint64_t offer(struct stated_client *const *clients, double rate, unsigned seconds,
                      struct stated_client *admin, uint64_t *resident_half)
{
    uint64_t start_ns = now_ns();
    uint64_t total = (uint64_t)(rate * seconds);
    uint64_t sent = 0;
    uint64_t started = 0;
    *resident_half = 0;
    while (sent < total) {
        uint64_t due = (uint64_t)((double)(now_ns() - start_ns) / 1e9 * rate);
        for (; sent < due && sent < total; sent++) {
            started += start_call(clients[sent % CLIENTS]);
        }
        if (*resident_half == 0 && sent > total / 2) {
            *resident_half = resident_bytes(admin);
        }
        pause_ns(1000000);
    }
    return started;
}

static bool wait_answered(uint64_t started)
{
    uint64_t deadline_ns = now_ns() + UINT64_C(60000000000);
    while (atomic_load(&answered) < started && now_ns() < deadline_ns) {
        pause_ns(1000000);
    }
    return atomic_load(&answered) == started;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: overload URL SECONDS FACTOR\n");
        return 2;
    }
    unsigned seconds = (unsigned)strtoul(argv[2], NULL, 10);
    double factor = strtod(argv[3], NULL);
    refusals.ns = calloc(SAMPLES_MAX, sizeof(uint64_t));
    echoes.ns = calloc(SAMPLES_MAX, sizeof(uint64_t));
    struct stated_client *clients[CLIENTS];
    for (size_t i = 0; i < CLIENTS; i++) {
        clients[i] = connect_to(argv[1]);
    }
    struct stated_client *probe = connect_to(argv[1]);
    double most = measure_most(clients[0], seconds < 5 ? seconds : 5);

    atomic_store(&stopping, false);
    pthread_t echo_thread = start_thread(echo_until_stopped, probe);
    uint64_t resident_half;
    uint64_t start_ns = now_ns();
    uint64_t started = offer(clients, most * factor, seconds, probe, &resident_half);
    double goodput = (double)atomic_load(&served) / ((double)(now_ns() - start_ns) / 1e9);
    uint64_t resident_end = resident_bytes(probe);
    bool complete = wait_answered(started);
    atomic_store(&stopping, true);
    pthread_join(echo_thread, NULL);

    double refusal_ms = p99_ms(&refusals);
    double echo_ms = p99_ms(&echoes);
    printf("{\"most_per_s\": %.1f, \"offered_per_s\": %.1f, \"goodput_per_s\": %.1f, "
           "\"calls\": %llu, ",
           most, (double)started / seconds, goodput, (unsigned long long)started);
    printf("\"refused\": %llu, \"refusal_p99_ms\": %.3f, \"transport_p99_ms\": %.3f, ",
           (unsigned long long)atomic_load(&refused), refusal_ms, echo_ms);
    printf("\"expired\": %llu, \"given_up\": %llu, \"other_errors\": %llu, ",
           (unsigned long long)atomic_load(&expired), (unsigned long long)atomic_load(&given_up),
           (unsigned long long)atomic_load(&other));
    printf("\"resident_half_bytes\": %llu, \"resident_end_bytes\": %llu, \"unanswered\": %llu}\n",
           (unsigned long long)resident_half, (unsigned long long)resident_end,
           (unsigned long long)(started - atomic_load(&answered)));
    for (size_t i = 0; i < CLIENTS; i++) {
        stated_client_close(clients[i]);
    }
    stated_client_close(probe);
    free(refusals.ns);
    free(echoes.ns);
    return complete ? 0 : 1;
}
