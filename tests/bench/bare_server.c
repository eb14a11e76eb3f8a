/* What the libraries can do without stated: NNG's byte streams, protobuf-c and LMDB serve the same
   frames with as little between them as possible. It has no order, no deadlines, no bounds, checks
   nothing and knows no duplicates: the limit of a server on these libraries, for wire_load alone.
   Prints its port when it serves.

   Frames of reads, and in `ephemeral` all frames, are executed in the callback that received them;
   durable writes by one thread, everything that has come meanwhile in one commit. */
#include "bare_tables.h"
#include "stated/v1/rpc.pb-c.h"
#include "stated/v1/state.pb-c.h"

#include <endian.h>
#include <nng/nng.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    GREETING_BYTES = 8,
    LENGTH_BYTES = 8,
    ID_BYTES = 4,
    BUFFER_BYTES = 1 << 18,
    ARENA_BYTES = 1 << 20,
    PAYLOAD_BYTES = 1 << 11, /* of one reply, at most */
};

static const uint8_t greeting[GREETING_BYTES] = {0x00, 'S', 'P', 0x00, 0x00, 0x31, 0x00, 0x00};

struct connection {
    nng_stream *stream;
    nng_aio *receive_aio;
    nng_aio *send_aio;
    bool greeted;
    uint8_t *in;
    size_t in_bytes;
    uint8_t *out; /* answers that are not sent yet */
    size_t out_bytes;
    MDB_txn *reading; /* kept, and renewed for each batch */
    struct connection *next;
};

/* What unpacking takes its memory from; empty again for each frame. */
struct arena {
    char *memory;
    size_t used;
};

static struct bare_tables tables;
static bool durable;
static nng_stream_listener *listener;
static nng_aio *accept_aio;
static pthread_mutex_t writing = PTHREAD_MUTEX_INITIALIZER; /* ephemeral: one writer at a time */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t came = PTHREAD_COND_INITIALIZER;
static struct {
    struct connection *writers; /* whose frame waits for the writing thread */
} guarded;

static void check(const char *what, int error)
{
    if (error != 0) {
        fprintf(stderr, "bare_server: %s: %s\n", what, nng_strerror(error));
        exit(1);
    }
}

static void *must(void *memory)
{
    if (memory == NULL) {
        fputs("bare_server: out of memory\n", stderr);
        exit(1);
    }
    return memory;
}

static void *arena_alloc(void *data, size_t size)
{
    struct arena *arena = data;
    size_t begin = (arena->used + 15) & ~(size_t)15;
    if (size > ARENA_BYTES - begin) {
        return NULL;
    }
    arena->used = begin + size;
    return arena->memory + begin;
}

static void arena_free(void *data, void *pointer)
{
    (void)data;
    (void)pointer;
}

static ProtobufCAllocator *empty_arena(void)
{
    static _Thread_local struct arena arena;
    static _Thread_local ProtobufCAllocator allocator;
    if (arena.memory == NULL) {
        arena.memory = must(malloc(ARENA_BYTES));
        allocator = (ProtobufCAllocator){arena_alloc, arena_free, &arena};
    }
    arena.used = 0;
    return &allocator;
}

static bool is_write(const Stated__V1__Call *call)
{
    return strcmp(call->method, "stated.v1.StateService/Write") == 0;
}

/* The payload of a reply, packed into `out`. */
static size_t answer_read(MDB_txn *txn, const Stated__V1__Call *call, ProtobufCAllocator *allocator,
                          uint8_t *out)
{
    Stated__V1__ReadRequest *request =
        must(stated__v1__read_request__unpack(allocator, call->payload.len, call->payload.data));
    ProtobufCBinaryData key = request->select[0]->key;
    MDB_val value = bare_tables_read(&tables, txn, (MDB_val){key.len, key.data});
    Stated__V1__Entry entry = STATED__V1__ENTRY__INIT;
    Stated__V1__Entry *entries[] = {&entry};
    Stated__V1__ReadResponse response = STATED__V1__READ_RESPONSE__INIT;
    entry.key = key;
    entry.value = (ProtobufCBinaryData){value.mv_size, value.mv_data};
    entry.create_revision = entry.mod_revision = entry.version = tables.revision;
    response.n_entries = response.count = value.mv_data != NULL;
    response.entries = entries;
    response.revision = tables.revision;
    return stated__v1__read_response__pack(&response, out);
}

static size_t answer_write(MDB_txn *txn, const Stated__V1__Call *call,
                           ProtobufCAllocator *allocator, uint8_t *out)
{
    Stated__V1__WriteRequest *request =
        must(stated__v1__write_request__unpack(allocator, call->payload.len, call->payload.data));
    const Stated__V1__Put *put = request->mutations[0]->put;
    Stated__V1__WriteResponse response = STATED__V1__WRITE_RESPONSE__INIT;
    bare_tables_write(&tables, txn, (MDB_val){put->key.len, put->key.data},
                      (MDB_val){put->value.len, put->value.data});
    response.applied = true;
    response.revision = tables.revision;
    return stated__v1__write_response__pack(&response, out);
}

static size_t answer_calls(MDB_txn *txn, const Stated__V1__RequestFrame *frame,
                           ProtobufCAllocator *allocator, uint8_t *out)
{
    Stated__V1__ReplyFrame answer = STATED__V1__REPLY_FRAME__INIT;
    Stated__V1__Order order = STATED__V1__ORDER__INIT;
    Stated__V1__Reply *replies =
        must(arena_alloc(allocator->allocator_data, frame->n_calls * sizeof *replies));
    answer.replies =
        must(arena_alloc(allocator->allocator_data, frame->n_calls * sizeof(Stated__V1__Reply *)));
    answer.n_replies = frame->n_calls;
    answer.epoch = 1;
    order.ticket = tables.revision;
    for (size_t i = 0; i < frame->n_calls; i++) {
        uint8_t *payload = must(arena_alloc(allocator->allocator_data, PAYLOAD_BYTES));
        size_t bytes = is_write(frame->calls[i])
                           ? answer_write(txn, frame->calls[i], allocator, payload)
                           : answer_read(txn, frame->calls[i], allocator, payload);
        stated__v1__reply__init(&replies[i]);
        replies[i].payload = (ProtobufCBinaryData){bytes, payload};
        replies[i].order = &order;
        answer.replies[i] = &replies[i];
    }
    return stated__v1__reply_frame__pack(&answer, out);
}

/* Bytes of the frame at the front of what was received, with its length; 0 while it is not whole.
 */
static size_t frame_bytes(const struct connection *self)
{
    uint64_t length;
    if (self->in_bytes < LENGTH_BYTES) {
        return 0;
    }
    memcpy(&length, self->in, sizeof length);
    length = be64toh(length);
    return self->in_bytes - LENGTH_BYTES < length ? 0 : LENGTH_BYTES + (size_t)length;
}

static Stated__V1__RequestFrame *unpack_frame(const struct connection *self,
                                              ProtobufCAllocator *allocator)
{
    return must(stated__v1__request_frame__unpack(allocator,
                                                  frame_bytes(self) - LENGTH_BYTES - ID_BYTES,
                                                  self->in + LENGTH_BYTES + ID_BYTES));
}

/* Puts the answer of the frame at the front behind the others, and takes the frame off. */
static void answer_frame(struct connection *self, MDB_txn *txn,
                         const Stated__V1__RequestFrame *frame, ProtobufCAllocator *allocator)
{
    uint8_t *out = self->out + self->out_bytes;
    size_t taken = frame_bytes(self);
    size_t bytes = ID_BYTES + answer_calls(txn, frame, allocator, out + LENGTH_BYTES + ID_BYTES);
    uint64_t length = htobe64(bytes);
    memcpy(out, &length, sizeof length);
    memcpy(out + LENGTH_BYTES, self->in + LENGTH_BYTES, ID_BYTES);
    self->out_bytes += LENGTH_BYTES + bytes;
    self->in_bytes -= taken;
    memmove(self->in, self->in + taken, self->in_bytes);
}

/* The peer has gone. On a callback, so NNG has to wait for that one elsewhere. */
static void end(struct connection *self)
{
    nng_stream_close(self->stream);
    nng_stream_free(self->stream);
    nng_aio_reap(self->receive_aio);
    nng_aio_reap(self->send_aio);
    mdb_txn_abort(self->reading);
    free(self->in);
    free(self->out);
    free(self);
}

static void receive(struct connection *self)
{
    nng_iov room = {.iov_buf = self->in + self->in_bytes, .iov_len = BUFFER_BYTES - self->in_bytes};
    nng_aio_set_iov(self->receive_aio, 1, &room);
    nng_stream_recv(self->stream, self->receive_aio);
}

/* Sends without a callback, which costs least: the socket nearly always takes it at once. */
static bool send_all(struct connection *self, const void *data, size_t bytes)
{
    nng_iov part = {.iov_buf = (void *)(uintptr_t)data, .iov_len = bytes};
    while (part.iov_len > 0) {
        nng_aio_set_iov(self->send_aio, 1, &part);
        nng_stream_send(self->stream, self->send_aio);
        nng_aio_wait(self->send_aio);
        if (nng_aio_result(self->send_aio) != 0) {
            return false;
        }
        size_t sent = nng_aio_count(self->send_aio);
        part.iov_buf = (uint8_t *)part.iov_buf + sent;
        part.iov_len -= sent;
    }
    return true;
}

/* Sends the answers that there are, and receives what comes next. */
static void send_answers(struct connection *self)
{
    bool sent = send_all(self, self->out, self->out_bytes);
    self->out_bytes = 0;
    if (sent) {
        receive(self);
    } else {
        end(self);
    }
}

static void leave_to_writer(struct connection *self)
{
    pthread_mutex_lock(&mutex);
    self->next = guarded.writers;
    guarded.writers = self;
    pthread_cond_signal(&came);
    pthread_mutex_unlock(&mutex);
}

static void take_frames(struct connection *self);

static void *write_durably(void *argument)
{
    (void)argument;
    for (;;) {
        pthread_mutex_lock(&mutex);
        while (guarded.writers == NULL) {
            pthread_cond_wait(&came, &mutex);
        }
        struct connection *first = guarded.writers;
        guarded.writers = NULL;
        pthread_mutex_unlock(&mutex);
        MDB_txn *txn = bare_tables_begin(&tables, 0);
        for (struct connection *one = first; one != NULL; one = one->next) {
            ProtobufCAllocator *allocator = empty_arena();
            answer_frame(one, txn, unpack_frame(one, allocator), allocator);
        }
        bare_tables_commit(&tables, txn);
        while (first != NULL) {
            struct connection *next = first->next; /* answered, it may be back at once */
            take_frames(first);
            first = next;
        }
    }
    return NULL;
}

/* False: the frame is the writing thread's. */
static bool take_frame(struct connection *self)
{
    ProtobufCAllocator *allocator = empty_arena();
    Stated__V1__RequestFrame *frame = unpack_frame(self, allocator);
    bool writes = false;
    for (size_t i = 0; i < frame->n_calls; i++) {
        writes = writes || is_write(frame->calls[i]);
    }
    if (writes && durable) {
        leave_to_writer(self);
        return false;
    }
    if (writes) {
        pthread_mutex_lock(&writing);
        MDB_txn *txn = bare_tables_begin(&tables, 0);
        answer_frame(self, txn, frame, allocator);
        bare_tables_commit(&tables, txn);
        pthread_mutex_unlock(&writing);
    } else {
        mdb_txn_renew(self->reading);
        answer_frame(self, self->reading, frame, allocator);
        mdb_txn_reset(self->reading);
    }
    return true;
}

static void take_frames(struct connection *self)
{
    while (self->greeted && frame_bytes(self) > 0) {
        if (!take_frame(self)) {
            return;
        }
    }
    send_answers(self);
}

static void received(void *argument)
{
    struct connection *self = argument;
    if (nng_aio_result(self->receive_aio) != 0) {
        end(self);
        return;
    }
    self->in_bytes += nng_aio_count(self->receive_aio);
    if (!self->greeted && self->in_bytes >= GREETING_BYTES) {
        self->greeted = true;
        self->in_bytes -= GREETING_BYTES;
        memmove(self->in, self->in + GREETING_BYTES, self->in_bytes);
    }
    take_frames(self);
}

static void accepted(void *argument)
{
    (void)argument;
    if (nng_aio_result(accept_aio) == 0) {
        struct connection *self = must(calloc(1, sizeof *self));
        self->stream = nng_aio_get_output(accept_aio, 0);
        self->in = must(malloc(BUFFER_BYTES));
        self->out = must(malloc(BUFFER_BYTES));
        self->reading = bare_tables_begin(&tables, MDB_RDONLY);
        mdb_txn_reset(self->reading);
        check("aio", nng_aio_alloc(&self->receive_aio, received, self));
        check("aio", nng_aio_alloc(&self->send_aio, NULL, NULL));
        if (send_all(self, greeting, sizeof greeting)) {
            receive(self);
        } else {
            end(self);
        }
    }
    nng_stream_listener_accept(listener, accept_aio);
}

int main(int argc, char **argv)
{
    pthread_t writer;
    int port;
    if (argc != 3 || (strcmp(argv[2], "sync") != 0 && strcmp(argv[2], "ephemeral") != 0)) {
        fputs("usage: bare_server DIRECTORY sync|ephemeral\n", stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    durable = strcmp(argv[2], "sync") == 0;
    bare_tables_open(&tables, argv[1], MDB_NOTLS | (durable ? 0 : MDB_NOSYNC | MDB_WRITEMAP));
    if (pthread_create(&writer, NULL, write_durably, NULL) != 0) {
        fputs("bare_server: no thread\n", stderr);
        return 1;
    }
    check("address", nng_stream_listener_alloc(&listener, "tcp://127.0.0.1:0"));
    check("option", nng_stream_listener_set_bool(listener, NNG_OPT_TCP_NODELAY, true));
    check("listen", nng_stream_listener_listen(listener));
    check("port", nng_stream_listener_get_int(listener, NNG_OPT_TCP_BOUND_PORT, &port));
    check("aio", nng_aio_alloc(&accept_aio, accepted, NULL));
    nng_stream_listener_accept(listener, accept_aio);
    printf("%d\n", port);
    fflush(stdout);
    for (;;) {
        pause();
    }
}
