#include "rep_double.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS 64
#define PATIENCE_S 60
#define GREETING_BYTES 8
#define HEADER_BYTES 9 /* one byte 01, then the length */
#define ID_BYTES 4     /* of a request, at the start of a message */
#define INPUT_BYTES (4 << 20)

/* What the double sends when a connection begins: SP, version 0, protocol REP. */
static const uint8_t greeting[GREETING_BYTES] = {0, 'S', 'P', 0, 0, 0x31, 0, 0};

struct connection {
    int fd; /* -1: free */
    bool greeted;
    uint8_t *input;
    size_t length;
};

/* A request that was not answered at once. */
struct held {
    struct held *next;
    size_t connection;
    int fd; /* to see whether the connection is still the same */
    size_t length;
    uint8_t message[];
};

struct rep_double {
    char url[128];
    rep_handler handler;
    void *argument;
    int listener;
    int wake[2];
    pthread_t thread;
    pthread_mutex_t lock; /* of everything below, and around the handler */
    pthread_cond_t changed;
    unsigned received;
    bool stops;
    struct held *held;
    struct held **held_end;
    struct connection connections[CONNECTIONS];
};

static void must(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "rep_double: %s: %s\n", what, strerror(errno));
        abort();
    }
}

static bool send_all(int fd, const uint8_t *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        bytes += sent;
        length -= (size_t)sent;
    }
    return true;
}

static void hang_up(struct connection *connection)
{
    close(connection->fd);
    free(connection->input);
    *connection = (struct connection){.fd = -1};
}

/* The message: its header, the request's id, the answer's bytes. */
static void send_answer(struct connection *connection, const uint8_t *id,
                        const struct rep_answer *answer)
{
    size_t length = HEADER_BYTES + ID_BYTES + answer->length;
    uint8_t *message = malloc(length);
    must(message != NULL, "reply");
    uint64_t payload = ID_BYTES + answer->length;
    message[0] = 1;
    for (size_t i = 0; i < 8; i++) {
        message[1 + i] = (uint8_t)(payload >> (56 - 8 * i));
    }
    memcpy(message + HEADER_BYTES, id, ID_BYTES);
    memcpy(message + HEADER_BYTES + ID_BYTES, answer->bytes, answer->length);
    bool sent = send_all(connection->fd, message, length - answer->cut);
    free(message);
    if (!sent || answer->cut > 0) {
        hang_up(connection);
    }
}

static void hold(struct rep_double *self, size_t connection, const uint8_t *message, size_t length)
{
    struct held *held = malloc(sizeof(*held) + length);
    must(held != NULL, "hold");
    *held = (struct held){
        .connection = connection, .fd = self->connections[connection].fd, .length = length};
    memcpy(held->message, message, length);
    *self->held_end = held;
    self->held_end = &held->next;
}

/* Under the lock: asks the handler and does what it says. message: id and body. */
static void answer_message(struct rep_double *self, size_t place, const uint8_t *message,
                           size_t length)
{
    struct connection *connection = &self->connections[place];
    struct rep_answer answer = {.kind = REP_DROP};
    Stated__V1__RequestFrame *frame =
        length < ID_BYTES
            ? NULL
            : stated__v1__request_frame__unpack(NULL, length - ID_BYTES, message + ID_BYTES);
    must(frame != NULL, "the client sent no RequestFrame");
    self->handler(self->argument, frame, &answer);
    stated__v1__request_frame__free_unpacked(frame, NULL);
    switch (answer.kind) {
    case REP_HOLD:
        hold(self, place, message, length);
        break;
    case REP_SEND:
        send_answer(connection, message, &answer);
        break;
    case REP_HANG_UP:
        hang_up(connection);
        break;
    case REP_DROP:
        break;
    }
    free(answer.bytes);
}

/* Bytes at the front of the input that are a whole greeting or message; 0 = not yet. */
static size_t whole_input(const struct connection *connection)
{
    if (!connection->greeted) {
        return connection->length < GREETING_BYTES ? 0 : GREETING_BYTES;
    }
    if (connection->length < HEADER_BYTES) {
        return 0;
    }
    uint64_t payload = 0;
    for (size_t i = 0; i < 8; i++) {
        payload = payload << 8 | connection->input[1 + i];
    }
    must(payload <= INPUT_BYTES - HEADER_BYTES, "the client sent too long a message");
    size_t whole = HEADER_BYTES + (size_t)payload;
    return connection->length < whole ? 0 : whole;
}

static void take_input(struct rep_double *self, size_t place)
{
    struct connection *connection = &self->connections[place];
    size_t whole;
    while (connection->fd >= 0 && (whole = whole_input(connection)) > 0) {
        uint8_t *input = connection->input;
        if (connection->greeted) {
            self->received++;
            uint8_t *message = malloc(whole);
            must(message != NULL, "message");
            memcpy(message, input + HEADER_BYTES, whole - HEADER_BYTES);
            answer_message(self, place, message, whole - HEADER_BYTES);
            free(message);
            pthread_cond_broadcast(&self->changed);
        }
        if (connection->fd >= 0) {
            connection->greeted = true;
            memmove(input, input + whole, connection->length - whole);
            connection->length -= whole;
        }
    }
}

static void read_connection(struct rep_double *self, size_t place)
{
    struct connection *connection = &self->connections[place];
    ssize_t got = recv(connection->fd, connection->input + connection->length,
                       INPUT_BYTES - connection->length, MSG_DONTWAIT);
    if (got > 0) {
        connection->length += (size_t)got;
        take_input(self, place);
    } else if (got == 0 || errno != EAGAIN) {
        hang_up(connection);
    }
}

static void accept_connection(struct rep_double *self)
{
    int fd = accept(self->listener, NULL, NULL);
    size_t place = 0;
    while (place < CONNECTIONS && self->connections[place].fd >= 0) {
        place++;
    }
    must(fd >= 0 && place < CONNECTIONS, "accept");
    struct connection *connection = &self->connections[place];
    *connection = (struct connection){.fd = fd, .input = malloc(INPUT_BYTES)};
    must(connection->input != NULL, "input");
    if (!send_all(fd, greeting, sizeof(greeting))) {
        hang_up(connection);
    }
}

/* Under the lock. */
static void serve_once(struct rep_double *self)
{
    struct pollfd fds[2 + CONNECTIONS];
    fds[0] = (struct pollfd){.fd = self->listener, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = self->wake[0], .events = POLLIN};
    for (size_t i = 0; i < CONNECTIONS; i++) {
        fds[2 + i] = (struct pollfd){.fd = self->connections[i].fd, .events = POLLIN};
    }
    pthread_mutex_unlock(&self->lock);
    poll(fds, 2 + CONNECTIONS, -1);
    pthread_mutex_lock(&self->lock);
    char woken[16];
    if (fds[1].revents != 0) {
        must(read(self->wake[0], woken, sizeof(woken)) > 0, "wake");
    }
    for (size_t i = 0; i < CONNECTIONS; i++) {
        if (fds[2 + i].revents != 0 && fds[2 + i].fd == self->connections[i].fd) {
            read_connection(self, i);
        }
    }
    if (fds[0].revents != 0) {
        accept_connection(self);
    }
}

static void *serve(void *argument)
{
    struct rep_double *self = argument;
    pthread_mutex_lock(&self->lock);
    while (!self->stops) {
        serve_once(self);
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

/* Of rep_double_new_url, to be removed when the program ends. */
static char directories[256][32];
static size_t n_directories;

static void remove_directories(void)
{
    while (n_directories > 0) {
        rmdir(directories[--n_directories]);
    }
}

const char *rep_double_new_url(void)
{
    static char url[128];
    char *directory = directories[n_directories];
    if (n_directories == 0) {
        atexit(remove_directories);
    }
    strcpy(directory, "/tmp/stated-double-XXXXXX");
    must(mkdtemp(directory) != NULL, "mkdtemp");
    n_directories++;
    snprintf(url, sizeof(url), "ipc://%s/socket", directory);
    return url;
}

static struct sockaddr_un address_of(const char *url)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", url + strlen("ipc://"));
    return address;
}

struct rep_double *rep_double_start_at(const char *url, rep_handler handler, void *argument)
{
    struct rep_double *self = calloc(1, sizeof(*self));
    must(self != NULL, "memory");
    self->handler = handler;
    self->argument = argument;
    self->held_end = &self->held;
    snprintf(self->url, sizeof(self->url), "%s", url);
    for (size_t i = 0; i < CONNECTIONS; i++) {
        self->connections[i].fd = -1;
    }
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->changed, NULL);
    struct sockaddr_un address = address_of(url);
    self->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    must(bind(self->listener, (struct sockaddr *)&address, sizeof(address)) == 0, "bind");
    must(listen(self->listener, CONNECTIONS) == 0, "listen");
    must(pipe(self->wake) == 0, "pipe");
    must(pthread_create(&self->thread, NULL, serve, self) == 0, "thread");
    return self;
}

struct rep_double *rep_double_start(rep_handler handler, void *argument)
{
    return rep_double_start_at(rep_double_new_url(), handler, argument);
}

const char *rep_double_url(const struct rep_double *self)
{
    return self->url;
}

void rep_double_stop(struct rep_double *self)
{
    pthread_mutex_lock(&self->lock);
    self->stops = true;
    pthread_mutex_unlock(&self->lock);
    must(write(self->wake[1], "", 1) == 1, "wake");
    pthread_join(self->thread, NULL);
    unlink(self->url + strlen("ipc://"));
    close(self->listener);
    close(self->wake[0]);
    close(self->wake[1]);
    for (size_t i = 0; i < CONNECTIONS; i++) {
        if (self->connections[i].fd >= 0) {
            hang_up(&self->connections[i]);
        }
    }
    while (self->held != NULL) {
        struct held *next = self->held->next;
        free(self->held);
        self->held = next;
    }
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

void rep_double_wait(struct rep_double *self, unsigned count)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&self->lock);
    while (self->received < count) {
        if (pthread_cond_timedwait(&self->changed, &self->lock, &until) != 0) {
            fprintf(stderr, "rep_double: %u of %u requests came\n", self->received, count);
            abort();
        }
    }
    pthread_mutex_unlock(&self->lock);
}

void rep_double_release(struct rep_double *self)
{
    pthread_mutex_lock(&self->lock);
    struct held *held = self->held;
    self->held = NULL;
    self->held_end = &self->held;
    while (held != NULL) {
        struct held *next = held->next;
        if (self->connections[held->connection].fd == held->fd) {
            answer_message(self, held->connection, held->message, held->length);
        }
        free(held);
        held = next;
    }
    pthread_mutex_unlock(&self->lock);
}

void rep_answer_bytes(struct rep_answer *answer, const void *bytes, size_t length)
{
    answer->kind = REP_SEND;
    answer->length = length;
    answer->bytes = malloc(length + 1);
    must(answer->bytes != NULL, "answer");
    memcpy(answer->bytes, bytes, length);
}

void rep_answer_frame(struct rep_answer *answer, const Stated__V1__ReplyFrame *frame)
{
    answer->kind = REP_SEND;
    answer->length = stated__v1__reply_frame__get_packed_size(frame);
    answer->bytes = malloc(answer->length + 1);
    must(answer->bytes != NULL, "answer");
    stated__v1__reply_frame__pack(frame, answer->bytes);
}

void rep_answer_ok(struct rep_answer *answer, const ProtobufCMessage *payload)
{
    size_t length = protobuf_c_message_get_packed_size(payload);
    uint8_t *packed = malloc(length + 1);
    must(packed != NULL, "payload");
    protobuf_c_message_pack(payload, packed);
    Stated__V1__Reply reply = STATED__V1__REPLY__INIT;
    reply.payload = (ProtobufCBinaryData){.len = length, .data = packed};
    Stated__V1__Reply *replies[] = {&reply};
    Stated__V1__ReplyFrame frame = STATED__V1__REPLY_FRAME__INIT;
    frame.n_replies = 1;
    frame.replies = replies;
    rep_answer_frame(answer, &frame);
    free(packed);
}

void rep_answer_replies(struct rep_answer *answer, const struct rep_reply *replies, size_t n)
{
    static Stated__V1__Reply reply[REP_REPLIES];
    static Stated__V1__Status status[REP_REPLIES];
    static Stated__V1__Order order[REP_REPLIES];
    static Stated__V1__Reply *list[REP_REPLIES];
    Stated__V1__ReplyFrame frame = STATED__V1__REPLY_FRAME__INIT;
    must(n <= REP_REPLIES, "replies");
    for (size_t i = 0; i < n; i++) {
        reply[i] = (Stated__V1__Reply)STATED__V1__REPLY__INIT;
        order[i] = (Stated__V1__Order)STATED__V1__ORDER__INIT;
        status[i] = (Stated__V1__Status)STATED__V1__STATUS__INIT;
        order[i].replayed = replies[i].replayed;
        reply[i].order = &order[i];
        list[i] = &reply[i];
        if (replies[i].code != STATED__V1__CODE__CODE_OK) {
            status[i].code = replies[i].code;
            status[i].message = (char *)(uintptr_t)(replies[i].message ? replies[i].message : "");
            status[i].retry_after_ms = replies[i].retry_after_ms;
            reply[i].status = &status[i];
        } else if (replies[i].payload != NULL) {
            reply[i].payload.len = protobuf_c_message_get_packed_size(replies[i].payload);
            reply[i].payload.data = malloc(reply[i].payload.len + 1);
            must(reply[i].payload.data != NULL, "payload");
            protobuf_c_message_pack(replies[i].payload, reply[i].payload.data);
        }
    }
    frame.n_replies = n;
    frame.replies = list;
    rep_answer_frame(answer, &frame);
    for (size_t i = 0; i < n; i++) {
        free(reply[i].payload.data);
    }
}
