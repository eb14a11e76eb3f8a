/* What the transport alone costs: request and reply of given sizes through NNG over tcp, with a
   server process that does nothing. The figure that stated-bench is compared with, so it works the
   same way: a closed loop, a REQ context for each call in flight, a REP context for each slot. */
#include "base/clock.h"
#include "bench/histogram.h"
#include "bench/summary.h"

#include <argp.h>
#include <inttypes.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct options {
    unsigned connections;
    unsigned in_flight;
    uint64_t calls;
    size_t request_bytes;
    size_t reply_bytes;
};

/* One call in flight, or one slot of the server. */
struct lane {
    nng_ctx context;
    nng_aio *aio;
    bool receiving;
    size_t message_bytes; /* of what it sends */
    uint64_t sent_ns;
};

static struct histogram latencies;
static _Atomic uint64_t calls_left;
static _Atomic unsigned lanes_left;
static sem_t ended;

static void check(const char *what, int error)
{
    if (error != 0) {
        fprintf(stderr, "nng_echo: %s: %s\n", what, nng_strerror(error));
        exit(1);
    }
}

static void lane_open(struct lane *lane, nng_socket socket, size_t message_bytes,
                      void (*step)(void *))
{
    *lane = (struct lane){.message_bytes = message_bytes};
    check("context", nng_ctx_open(&lane->context, socket));
    check("aio", nng_aio_alloc(&lane->aio, step, lane));
}

/* A context is in one place of: receiving a request, sending its reply. */
static void serve(void *argument)
{
    struct lane *lane = argument;
    int error = nng_aio_result(lane->aio);
    if (error != 0) {
        return; /* the socket is closing */
    }
    if (lane->receiving) {
        nng_msg *message = nng_aio_get_msg(lane->aio);
        lane->receiving = false;
        check("reply", nng_msg_realloc(message, lane->message_bytes));
        nng_aio_set_msg(lane->aio, message);
        nng_ctx_send(lane->context, lane->aio);
        return;
    }
    lane->receiving = true;
    nng_ctx_recv(lane->context, lane->aio);
}

/* The child: listens, tells its port, serves until it is killed or its parent has gone. */
static void run_server(const struct options *options, int tell)
{
    unsigned lanes = options->connections * options->in_flight;
    struct lane *slots = calloc(lanes, sizeof *slots);
    nng_socket socket;
    nng_listener listener;
    int port;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    check("socket", nng_rep0_open(&socket));
    check("listen", nng_listen(socket, "tcp://127.0.0.1:0", &listener, 0));
    check("port", nng_listener_get_int(listener, NNG_OPT_TCP_BOUND_PORT, &port));
    for (unsigned i = 0; i < lanes; i++) {
        lane_open(&slots[i], socket, options->reply_bytes, serve);
        slots[i].receiving = true;
        nng_ctx_recv(slots[i].context, slots[i].aio);
    }
    if (write(tell, &port, sizeof port) != sizeof port) {
        exit(1);
    }
    for (;;) {
        pause();
    }
}

static void lane_end(void)
{
    if (atomic_fetch_sub(&lanes_left, 1) == 1) {
        sem_post(&ended);
    }
}

static void lane_call(struct lane *lane)
{
    nng_msg *message;
    uint64_t left = atomic_fetch_sub(&calls_left, 1);
    if (left == 0 || left > UINT64_MAX / 2) { /* others have taken it below 0 */
        lane_end();
        return;
    }
    lane->sent_ns = clock_now_ns();
    check("message", nng_msg_alloc(&message, lane->message_bytes));
    memset(nng_msg_body(message), 'x', lane->message_bytes);
    lane->receiving = false;
    nng_aio_set_msg(lane->aio, message);
    nng_ctx_send(lane->context, lane->aio);
}

static void on_step(void *argument)
{
    struct lane *lane = argument;
    check("call", nng_aio_result(lane->aio));
    if (!lane->receiving) {
        lane->receiving = true;
        nng_ctx_recv(lane->context, lane->aio);
        return;
    }
    histogram_record(&latencies, clock_now_ns() - lane->sent_ns);
    nng_msg_free(nng_aio_get_msg(lane->aio));
    lane_call(lane);
}

/* Runs the loop; how long it took. */
static uint64_t run_clients(const struct options *options, int port)
{
    unsigned lanes = options->connections * options->in_flight;
    struct lane *clients = calloc(lanes, sizeof *clients);
    nng_socket socket;
    char url[64];

    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", port);
    atomic_store(&calls_left, options->calls);
    atomic_store(&lanes_left, lanes);
    sem_init(&ended, 0, 0);
    for (unsigned i = 0; i < lanes; i++) {
        if (i % options->in_flight == 0) {
            check("socket", nng_req0_open(&socket));
            check("option",
                  nng_socket_set_ms(socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE));
            check("dial", nng_dial(socket, url, NULL, 0));
        }
        lane_open(&clients[i], socket, options->request_bytes, on_step);
    }
    uint64_t began_ns = clock_now_ns();
    for (unsigned i = 0; i < lanes; i++) {
        lane_call(&clients[i]);
    }
    while (sem_wait(&ended) != 0) {
    }
    uint64_t elapsed_ns = clock_now_ns() - began_ns;
    for (unsigned i = 0; i < lanes; i++) {
        nng_aio_free(clients[i].aio);
        nng_ctx_close(clients[i].context);
    }
    free(clients);
    return elapsed_ns;
}

static void print(const struct options *options, uint64_t elapsed_ns)
{
    static const char *const names[SUMMARY_QUANTILES] = {"p50", "p90", "p99", "p999", "max"};
    struct summary summary = summary_of(&latencies, elapsed_ns);
    printf("{\n  \"connections\": %u,\n  \"in_flight\": %u,\n", options->connections,
           options->in_flight);
    printf("  \"request_bytes\": %zu,\n  \"reply_bytes\": %zu,\n", options->request_bytes,
           options->reply_bytes);
    printf("  \"calls\": %" PRIu64 ",\n  \"calls_per_s\": %" PRIu64, summary.calls,
           summary.calls_per_s);
    for (unsigned i = 0; i < SUMMARY_QUANTILES; i++) {
        printf(",\n  \"%s_us\": %.1f", names[i], (double)summary.quantiles_ns[i] / 1e3);
    }
    puts("\n}");
}

static const struct argp_option entries[] = {
    {"connections", 'c', "N", 0, "Clients, each with a connection of its own (1)", 0},
    {"in-flight", 'n', "N", 0, "Calls that each client keeps in flight (1)", 0},
    {"calls", 'k', "N", 0, "Stop after this many calls (100000)", 0},
    {"request-bytes", 'q', "N", 0, "Of a request's body (64)", 0},
    {"reply-bytes", 'r', "N", 0, "Of a reply's body (64)", 0},
    {0},
};

static error_t parse_option(int key, char *text, struct argp_state *state)
{
    struct options *options = state->input;
    char *end = NULL;
    unsigned long long number = text == NULL ? 0 : strtoull(text, &end, 10);
    if (text != NULL && (*text == '-' || *end != '\0' || number < 1 || number > 1u << 30)) {
        argp_error(state, "'%s' is not a number from 1 to %u", text, 1u << 30);
    }
    switch (key) {
    case 'c':
        options->connections = (unsigned)number;
        return 0;
    case 'n':
        options->in_flight = (unsigned)number;
        return 0;
    case 'k':
        options->calls = number;
        return 0;
    case 'q':
        options->request_bytes = number;
        return 0;
    case 'r':
        options->reply_bytes = number;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int main(int argc, char **argv)
{
    static const struct argp parser = {
        .options = entries,
        .parser = parse_option,
        .doc = "Measures NNG alone, as a yardstick for stated-bench; prints JSON.",
    };
    struct options options = {1, 1, 100000, 64, 64};
    int ports[2];
    int port;

    argp_err_exit_status = 2;
    argp_parse(&parser, argc, argv, 0, NULL, &options);
    if (pipe(ports) != 0) {
        perror("nng_echo: pipe");
        return 1;
    }
    pid_t child = fork(); /* before NNG is touched */
    if (child == 0) {
        close(ports[0]);
        run_server(&options, ports[1]);
    }
    close(ports[1]);
    if (child < 0 || read(ports[0], &port, sizeof port) != sizeof port) {
        fputs("nng_echo: the server did not start\n", stderr);
        return 1;
    }
    print(&options, run_clients(&options, port));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return 0;
}
