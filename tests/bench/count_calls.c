/* A fixed scenario for an instruction counter: frames through exchange, gate, service and engine,
   one after the other, without sockets. tests/bench/instructions runs it twice with different
   numbers of calls, so that the difference is what calls cost.

   usage: count_calls read|write PER_FRAME CALLS [TIMES]

   With TIMES each frame is executed so many times; that is for the control. It stands in for the
   server around the service, so it defines what the service asks of that. */
#include "base/clock.h"
#include "engine/lmdb_store.h"
#include "frame.h"
#include "rpc/dispatch.h"
#include "server.h"
#include "state/state_service.h"
#include "stated/v1/state.pb-c.h"

#include <ftw.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS = 1000, VALUE_BYTES = 100, MOST_PER_FRAME = 128, FRAME_BYTES = 1 << 16, STEP = 617 };

struct stated_server {
    struct dispatch dispatch;
    struct store *store;
    struct server_part *parts;
    struct gate *gate;
    struct gate_party party;
    struct exchange exchange;
    uint8_t reply[FRAME_BYTES];
    sem_t answered;
};

static struct stated_server server;
static char directory[] = "/dev/shm/count-calls-XXXXXX";

void server_use_store(struct stated_server *self, struct store *store)
{
    self->store = store;
}

void server_keep_part(struct stated_server *self, struct server_part *part)
{
    part->next = self->parts;
    self->parts = part;
}

enum stated_code stated_server_register(struct stated_server *self,
                                        const struct stated_service_type *type,
                                        const void *handlers, void *state,
                                        struct stated_status *status)
{
    return dispatch_register(&self->dispatch, type, handlers, state, status);
}

static void fail(const char *what)
{
    fprintf(stderr, "count_calls: %s\n", what);
    exit(1);
}

/* Encodes the reply as the transport would. */
static void on_answered(struct exchange *exchange)
{
    if (exchange_reply_size(exchange) > sizeof server.reply) {
        fail("a reply is too large");
    }
    exchange_put_reply(exchange, server.reply);
    exchange_reset(exchange);
    sem_post(&server.answered);
}

static void open_server(void)
{
    const struct lmdb_store_options store_options = {.directory = directory,
                                                     .durability = STORE_EPHEMERAL,
                                                     .size_limit_bytes = UINT64_C(1) << 28,
                                                     .max_entries = 1000};
    const struct dispatch_limits limits = {.max_message_bytes = 1 << 20,
                                           .max_calls_per_frame = 1024,
                                           .default_timeout_ms = 60000,
                                           .max_timeout_ms = 3600000};
    const struct gate_options gate_options = {.workers = 2,
                                              .max_queued_calls = 4096,
                                              .max_queued_bytes = 64 << 20,
                                              .max_party_calls = 4096,
                                              .max_run_calls = 256,
                                              .max_run_bytes = 4 << 20,
                                              .inline_light_reads = true};
    struct stated_status status;
    if (mkdtemp(directory) == NULL ||
        lmdb_store_open(&store_options, &server.store, &status) != STATED_OK) {
        fail("no store in /dev/shm");
    }
    dispatch_init(&server.dispatch, &limits, 1);
    if (state_service_register(&server, server.store, &status) != STATED_OK ||
        gate_new(&gate_options, &dispatch_gate_ops, &server.dispatch, &server.gate) != STATED_OK) {
        fail("no service");
    }
    dispatch_attach(&server.dispatch, server.gate, server.store);
    gate_party_init(&server.party);
    sem_init(&server.answered, 0, 0);
    exchange_init(&server.exchange, &server.dispatch, on_answered);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status, (void)kind, (void)walk;
    return remove(path);
}

static void close_server(void)
{
    if (!gate_wait_idle(server.gate, 10000)) {
        fail("the gate does not come to rest");
    }
    gate_free(server.gate);
    exchange_deinit(&server.exchange);
    while (server.parts != NULL) {
        struct server_part *part = server.parts;
        server.parts = part->next;
        part->release(part);
    }
    dispatch_deinit(&server.dispatch);
    server.store->ops->close(server.store);
    nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static size_t put_call(uint8_t *out, const char *method, const ProtobufCMessage *request)
{
    const struct frame_call call = {.method = method,
                                    .request = request,
                                    .payload_bytes = protobuf_c_message_get_packed_size(request),
                                    .timeout_ms = 60000};
    return (size_t)(frame_put_call(out, &call) - out);
}

/* One call that reads or writes the key of that number. */
static size_t put_key(uint8_t *out, bool read, unsigned number)
{
    static uint8_t value[VALUE_BYTES] = "value";
    char name[32];
    int length = snprintf(name, sizeof name, "bench/%08u", number);
    const ProtobufCBinaryData key = {(size_t)length, (uint8_t *)name};
    if (read) {
        Stated__V1__Selector selector = STATED__V1__SELECTOR__INIT;
        Stated__V1__Selector *select[] = {&selector};
        Stated__V1__ReadRequest request = STATED__V1__READ_REQUEST__INIT;
        selector.kind_case = STATED__V1__SELECTOR__KIND_KEY;
        selector.key = key;
        request.n_select = 1;
        request.select = select;
        return put_call(out, "stated.v1.StateService/Read", &request.base);
    }
    Stated__V1__Put put = STATED__V1__PUT__INIT;
    Stated__V1__Mutation mutation = STATED__V1__MUTATION__INIT;
    Stated__V1__Mutation *mutations[] = {&mutation};
    Stated__V1__WriteRequest request = STATED__V1__WRITE_REQUEST__INIT;
    put.key = key;
    put.value = (ProtobufCBinaryData){VALUE_BYTES, value};
    mutation.kind_case = STATED__V1__MUTATION__KIND_PUT;
    mutation.put = &put;
    request.n_mutations = 1;
    request.mutations = mutations;
    return put_call(out, "stated.v1.StateService/Write", &request.base);
}

static void run_frame(bool read, unsigned first, unsigned calls)
{
    static uint8_t frame[FRAME_BYTES];
    size_t size = 0;
    for (unsigned i = 0; i < calls; i++) {
        size += put_key(frame + size, read, (first + i) * STEP % KEYS);
    }
    exchange_begin(&server.exchange, frame, size, &server.party);
    while (sem_wait(&server.answered) != 0) {
    }
}

int main(int argc, char **argv)
{
    bool read = argc > 1 && strcmp(argv[1], "read") == 0;
    unsigned per_frame = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
    unsigned calls = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 0;
    unsigned times = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 1;
    if (per_frame < 1 || per_frame > MOST_PER_FRAME || calls < 1) {
        fputs("usage: count_calls read|write PER_FRAME CALLS [TIMES]\n", stderr);
        return 2;
    }
    open_server();
    for (unsigned key = 0; key < KEYS; key += 100) {
        run_frame(false, key, 100);
    }
    for (unsigned done = 0; done < calls; done += per_frame) {
        for (unsigned i = 0; i < times; i++) {
            run_frame(read, done, per_frame);
        }
    }
    close_server();
    return 0;
}
