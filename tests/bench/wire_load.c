/* Puts the same load on different servers over their own wire: one thread, epoll, prepared bytes,
   so that what differs is the server. Each connection sends a batch of calls and the next one when
   all are answered, as redis-benchmark does; prints JSON. */
#include "base/clock.h"
#include "bench/histogram.h"
#include "bench/summary.h"
#include "bench/workload.h"
#include "wire_protocol.h"

#include <argp.h>
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RECEIVE_BYTES = 1 << 18, EVENTS = 256, IDLE_MS = 30000 };

struct options {
    const char *protocol;
    unsigned port;
    unsigned connections;
    unsigned active; /* of the connections at a time; 0 = all */
    unsigned batch;
    unsigned per_message;
    unsigned read_percent;
    unsigned keys;
    unsigned value_bytes;
    unsigned rate; /* calls a second, whatever the answers do; 0 = each batch when the last one is
                      answered */
    uint64_t duration_ns;
    unsigned pid; /* of the server, whose processor time is asked for; 0 = not */
    bool fill;
    bool committed;
};

struct connection {
    int fd;
    bool wants_room;
    unsigned open; /* calls of the batch that are not answered */
    uint64_t sent_ns;
    uint8_t *out;
    size_t out_bytes;
    size_t out_sent;
    uint8_t *in;
    size_t in_bytes;
    struct connection *next_idle;
};

static struct options options = {.protocol = "stated",
                                 .connections = 1,
                                 .batch = 1,
                                 .per_message = 1,
                                 .read_percent = 100,
                                 .keys = 1000,
                                 .value_bytes = 100,
                                 .duration_ns = 1000000000};
static struct wire_speaker speaker;
static struct workload workload;
static struct workload_stream stream;
static struct histogram latencies;
static struct connection *first_idle;
static struct connection **last_idle = &first_idle;
static struct wire_call *calls;
static unsigned working; /* connections with a batch */
static uint64_t failures;
static uint64_t end_ns;
static uint64_t due_ns; /* with a rate: of the next batch */
static unsigned filled; /* keys, of those to fill */
static int poller;

static void *must(void *memory)
{
    if (memory == NULL) {
        fputs("wire_load: out of memory\n", stderr);
        exit(1);
    }
    return memory;
}

static void fail(const char *what)
{
    fprintf(stderr, "wire_load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void watch(struct connection *self, int operation, bool room)
{
    struct epoll_event event = {.events = EPOLLIN | (room ? EPOLLOUT : 0), .data.ptr = self};
    if (epoll_ctl(poller, operation, self->fd, &event) != 0) {
        fail("epoll_ctl");
    }
    self->wants_room = room;
}

static void connection_send(struct connection *self)
{
    while (self->out_sent < self->out_bytes) {
        ssize_t sent = send(self->fd, self->out + self->out_sent, self->out_bytes - self->out_sent,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN) {
            fail("send");
        }
        if (sent < 0) {
            break;
        }
        self->out_sent += (size_t)sent;
    }
    bool room = self->out_sent < self->out_bytes;
    if (room != self->wants_room) {
        watch(self, EPOLL_CTL_MOD, room);
    }
}

/* What is asked next; fewer than a batch at the end of a fill. */
static unsigned choose_calls(void)
{
    unsigned n = 0;
    while (n < options.batch && (!options.fill || filled < options.keys)) {
        struct workload_call call = workload_next(&workload, &stream);
        calls[n++] = options.fill ? (struct wire_call){.read = false, .key = filled++}
                                  : (struct wire_call){.read = call.read, .key = call.key};
    }
    return n;
}

static void connection_ask(struct connection *self)
{
    self->open = choose_calls();
    if (self->open > 0) {
        working++;
        self->out_bytes =
            (size_t)(speaker.protocol->put(&speaker, calls, self->open, self->out) - self->out);
        self->out_sent = 0;
        self->sent_ns = options.rate != 0 ? due_ns : clock_now_ns();
        connection_send(self);
    }
}

/* All connections take turns. With a rate, whatever is due and has a connection is sent; what has
   none is late, and its time counts from when it was due. */
static void next_asks(void)
{
    if (!options.fill && (options.rate != 0 ? due_ns : clock_now_ns()) >= end_ns) {
        return;
    }
    struct connection *idle = first_idle;
    if (idle != NULL) {
        first_idle = idle->next_idle;
        last_idle = first_idle == NULL ? &first_idle : last_idle;
        connection_ask(idle);
    }
}

static void connection_rest(struct connection *self)
{
    self->next_idle = NULL;
    *last_idle = self;
    last_idle = &self->next_idle;
}

/* Bytes of the answers that are whole. */
static size_t take_answers(struct connection *self, uint64_t now_ns)
{
    size_t at = 0;
    while (self->open > 0) {
        unsigned answers;
        unsigned failed;
        size_t bytes =
            speaker.protocol->take(&speaker, self->in + at, self->in_bytes - at, &answers, &failed);
        if (bytes == 0) {
            break;
        }
        if (answers > self->open) {
            fputs("wire_load: more answers than calls\n", stderr);
            exit(1);
        }
        at += bytes;
        self->open -= answers;
        failures += failed;
        for (unsigned i = 0; i < answers; i++) {
            histogram_record(&latencies, now_ns - self->sent_ns);
        }
    }
    return at;
}

static void connection_receive(struct connection *self)
{
    ssize_t got =
        recv(self->fd, self->in + self->in_bytes, RECEIVE_BYTES - self->in_bytes, MSG_DONTWAIT);
    if (got <= 0) {
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        fail(got == 0 ? "the server closed a connection" : "recv");
    }
    self->in_bytes += (size_t)got;
    bool busy = self->open > 0;
    size_t taken = take_answers(self, clock_now_ns());
    self->in_bytes -= taken;
    memmove(self->in, self->in + taken, self->in_bytes);
    if (busy && self->open == 0) {
        working--;
        connection_rest(self);
        if (options.rate == 0) {
            next_asks();
        }
    }
}

static void connection_open(struct connection *self)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)options.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    self->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (self->fd < 0 || connect(self->fd, (struct sockaddr *)&address, sizeof address) != 0) {
        fail("connect");
    }
    setsockopt(self->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    self->out = must(malloc(wire_room(&speaker, options.batch)));
    self->in = must(malloc(RECEIVE_BYTES));
    /* With the greetings exchanged the server has taken the connection, and starts to be measured.
     */
    size_t greeting = speaker.protocol->greeting_bytes;
    if (greeting > 0 &&
        (send(self->fd, speaker.protocol->greeting, greeting, MSG_NOSIGNAL) != (ssize_t)greeting ||
         recv(self->fd, self->in, greeting, MSG_WAITALL) != (ssize_t)greeting)) {
        fail("greeting");
    }
    watch(self, EPOLL_CTL_ADD, false);
    connection_rest(self);
}

static void connection_close(struct connection *self)
{
    close(self->fd);
    free(self->out);
    free(self->in);
}

/* With a rate: sends what is due, and tells whether there is more to come. */
static bool ask_what_is_due(void)
{
    if (options.rate == 0) {
        return false;
    }
    uint64_t now_ns = clock_now_ns();
    while (due_ns <= now_ns && due_ns < end_ns && first_idle != NULL) {
        next_asks();
        due_ns += CLOCK_NS_PER_S * options.batch / options.rate;
    }
    return working > 0 || due_ns < end_ns;
}

/* Until the next batch is due; if nothing is answered meanwhile the server is gone. */
static struct timespec wait_limit(void)
{
    uint64_t now_ns = clock_now_ns();
    uint64_t wait_ns = IDLE_MS * CLOCK_NS_PER_MS;
    if (options.rate != 0 && first_idle != NULL && due_ns < end_ns) {
        wait_ns = due_ns > now_ns ? due_ns - now_ns : 0;
    }
    return (struct timespec){.tv_sec = (time_t)(wait_ns / CLOCK_NS_PER_S),
                             .tv_nsec = (long)(wait_ns % CLOCK_NS_PER_S)};
}

/* How long it took. */
static uint64_t run(void)
{
    struct epoll_event events[EVENTS];
    uint64_t began_ns = clock_now_ns();
    end_ns = began_ns + options.duration_ns;
    unsigned active = options.active != 0 ? options.active : options.connections;
    due_ns = began_ns;
    for (unsigned i = 0; options.rate == 0 && i < active; i++) {
        next_asks();
    }
    while (working > 0 || ask_what_is_due()) {
        struct timespec limit = wait_limit();
        int n = epoll_pwait2(poller, events, EVENTS, &limit, NULL);
        if (n == 0 && limit.tv_sec * 1000 >= IDLE_MS) {
            fprintf(stderr, "wire_load: no answer for %d ms\n", (int)IDLE_MS);
            exit(1);
        }
        for (int i = 0; i < n; i++) {
            struct connection *connection = events[i].data.ptr;
            if (events[i].events & EPOLLOUT) {
                connection_send(connection);
            }
            if (events[i].events & ~(uint32_t)EPOLLOUT) {
                connection_receive(connection);
            }
        }
        ask_what_is_due();
    }
    return clock_now_ns() - began_ns;
}

/* Processor time that the server has taken, all its threads together. */
static uint64_t server_cpu_ns(void)
{
    clockid_t clock;
    struct timespec taken = {0};
    if (options.pid != 0 && (clock_getcpuclockid((pid_t)options.pid, &clock) != 0 ||
                             clock_gettime(clock, &taken) != 0)) {
        fail("the processor time of --pid");
    }
    return (uint64_t)taken.tv_sec * CLOCK_NS_PER_S + (uint64_t)taken.tv_nsec;
}

static void print(uint64_t elapsed_ns, uint64_t cpu_ns)
{
    static const char *const names[SUMMARY_QUANTILES] = {"p50", "p90", "p99", "p999", "max"};
    struct summary summary = summary_of(&latencies, elapsed_ns);
    printf("{\n  \"protocol\": \"%s\",\n  \"connections\": %u,\n  \"batch\": %u,\n",
           options.protocol, options.connections, options.batch);
    printf("  \"read_percent\": %u,\n  \"keys\": %u,\n  \"value_bytes\": %u,\n",
           options.read_percent, options.keys, options.value_bytes);
    printf("  \"seconds\": %.6f,\n  \"errors\": %" PRIu64 ",\n", (double)elapsed_ns / 1e9,
           failures);
    printf("  \"server_cpu_s\": %.6f,\n", (double)cpu_ns / 1e9);
    printf("  \"calls\": %" PRIu64 ",\n  \"calls_per_s\": %" PRIu64, summary.calls,
           summary.calls_per_s);
    for (unsigned i = 0; i < SUMMARY_QUANTILES; i++) {
        printf(",\n  \"%s_us\": %.1f", names[i], (double)summary.quantiles_ns[i] / 1e3);
    }
    puts("\n}");
}

static const struct argp_option entries[] = {
    {"protocol", 'p', "NAME", 0, "stated (default), redis or memcached", 0},
    {"port", 'P', "N", 0, "On 127.0.0.1", 0},
    {"connections", 'c', "N", 0, "How many (1)", 0},
    {"active", 'a', "N", 0, "How many of them have calls in flight, in turn (all)", 0},
    {"batch", 'n', "N", 0, "Calls that a connection sends at once (1)", 0},
    {"per-message", 'm', "N", 0, "Calls in one frame, of stated (1)", 0},
    {"read-percent", 'r', "P", 0, "Share of reads (100)", 0},
    {"keys", 'k', "N", 0, "Keys to use; they must be there (1000)", 0},
    {"value-size", 's', "BYTES", 0, "Of each value (100)", 0},
    {"duration", 'd', "SECONDS", 0, "How long (1)", 0},
    {"rate", 'R', "N", 0, "Calls a second, whether answered or not; times count from when due", 0},
    {"pid", 'i', "PID", 0, "Of the server, to tell its processor time", 0},
    {"fill", 'f', NULL, 0, "Write each key once instead", 0},
    {"committed", 'C', NULL, 0, "Reads take no ticket, of stated", 0},
    {0},
};

static unsigned parse_number(struct argp_state *state, const char *text, unsigned most)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || number > most) {
        argp_error(state, "'%s' is not a number up to %u", text, most);
    }
    return (unsigned)number;
}

static error_t parse_option(int key, char *text, struct argp_state *state)
{
    static const struct {
        int key;
        unsigned *number;
        unsigned most;
    } numbers[] = {
        {'P', &options.port, 65535},       {'c', &options.connections, 20000},
        {'a', &options.active, 20000},     {'n', &options.batch, 4096},
        {'m', &options.per_message, 4096}, {'r', &options.read_percent, 100},
        {'k', &options.keys, 99999999},    {'s', &options.value_bytes, 65536},
        {'R', &options.rate, 10000000},    {'i', &options.pid, 1u << 30},
    };
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (numbers[i].key == key) {
            *numbers[i].number = parse_number(state, text, numbers[i].most);
            return 0;
        }
    }
    switch (key) {
    case 'p':
        options.protocol = text;
        return 0;
    case 'd':
        options.duration_ns = (uint64_t)(strtod(text, NULL) * 1e9);
        return 0;
    case 'f':
        options.fill = true;
        return 0;
    case 'C':
        options.committed = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int main(int argc, char **argv)
{
    static const struct argp parser = {.options = entries,
                                       .parser = parse_option,
                                       .doc = "Puts the same load on different servers."};
    argp_err_exit_status = 2;
    argp_parse(&parser, argc, argv, 0, NULL, NULL);
    speaker = (struct wire_speaker){.protocol = wire_protocol_named(options.protocol),
                                    .value_bytes = options.value_bytes,
                                    .calls_per_message = options.per_message,
                                    .committed = options.committed};
    if (speaker.protocol == NULL || options.port == 0 || options.batch == 0 ||
        options.per_message == 0 || options.connections == 0 || options.keys == 0) {
        fputs("wire_load: --protocol, --port and numbers above 0 are needed\n", stderr);
        return 2;
    }
    speaker.protocol->prepare(&speaker);
    workload_init(&workload, options.keys, options.read_percent, WORKLOAD_UNIFORM);
    workload_stream_init(&stream, clock_now_ns(), 0);
    calls = must(calloc(options.batch, sizeof *calls));
    struct connection *connections = must(calloc(options.connections, sizeof *connections));
    poller = epoll_create1(EPOLL_CLOEXEC);
    for (unsigned i = 0; i < options.connections; i++) {
        connection_open(&connections[i]);
    }
    uint64_t cpu_ns = server_cpu_ns();
    uint64_t elapsed_ns = run();
    print(elapsed_ns, server_cpu_ns() - cpu_ns);
    for (unsigned i = 0; i < options.connections; i++) {
        connection_close(&connections[i]);
    }
    close(poller);
    free(connections);
    free(calls);
    return failures == 0 ? 0 : 1;
}
