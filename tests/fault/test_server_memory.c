/* When any allocation of the whole server fails, from the first byte of a connection to the reply:
   is each call answered or its connection closed, is what was acknowledged there, and does the
   server go on? */
#include "engine/lmdb_store.h"
#include "memory_faults.h"
#include "raw_peer.h"
#include "server.h"
#include "state/state_service.h"
#include "store_fixture.h"

#include "stated/v1/rpc.pb-c.h"

#include "test.h"

#include <nng/nng.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { MOST_ALLOCATIONS = 5000, BODY_BYTES = 1024, HELLO_BYTES = 8, ACCEPT_MS = 300 };

static struct store_fixture fixture;
static struct stated_server *server;
static char url[128];

/* A body that was packed while there was memory. */
struct body {
    uint8_t bytes[BODY_BYTES];
    size_t length;
};

static void pack(struct body *body, const char *method, const ProtobufCMessage *request)
{
    uint8_t payload[BODY_BYTES / 2];
    Stated__V1__Call call;
    Stated__V1__Call *calls = &call;
    Stated__V1__RequestFrame frame = STATED__V1__REQUEST_FRAME__INIT;
    char name[64];
    stated__v1__call__init(&call);
    snprintf(name, sizeof(name), "stated.v1.StateService/%s", method);
    assert_true(protobuf_c_message_get_packed_size(request) <= sizeof(payload));
    call.method = name;
    call.payload.len = protobuf_c_message_pack(request, payload);
    call.payload.data = payload;
    frame.calls = &calls;
    frame.n_calls = 1;
    assert_true(stated__v1__request_frame__get_packed_size(&frame) <= BODY_BYTES);
    body->length = stated__v1__request_frame__pack(&frame, body->bytes);
}

static void start(void)
{
    struct stated_server_options options = STATED_SERVER_OPTIONS_INIT;
    struct stated_status status;
    const char *listen = url;
    fixture_init_in_memory(&fixture);
    fixture_open(&fixture);
    snprintf(url, sizeof(url), "ipc://%s/sock", fixture.directory);
    options.listen = &listen;
    options.n_listen = 1;
    assert_int_equal(stated_server_new(&options, &server, &status), STATED_OK);
    assert_int_equal(state_service_register(server, fixture.store, &status), STATED_OK);
    assert_int_equal(stated_server_start(server, &status), STATED_OK);
}

static void stop(void)
{
    struct stated_status status;
    stated_server_stop(server);
    assert_int_equal(stated_server_join(server, &status), STATED_OK);
    stated_server_free(server);
    fixture_deinit(&fixture);
}

/* What a call came to. */
enum outcome { DONE, REFUSED, DROPPED };

static void set_bound(int fd, long ms)
{
    const struct timeval wait = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)), 0);
}

/* A connection whose greeting is done; -1 when the server closed it, or has no memory to accept it:
   it stays in line until there is some, which is not before we have gone. */
static int try_connect(void)
{
    static const uint8_t hello[HELLO_BYTES] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};
    uint8_t reply[HELLO_BYTES];
    int fd = raw_open(url);
    if (fd >= 0) {
        set_bound(fd, ACCEPT_MS);
    }
    if (fd >= 0 && (send(fd, hello, sizeof(hello), MSG_NOSIGNAL) != sizeof(hello) ||
                    recv(fd, reply, sizeof(reply), MSG_WAITALL) != sizeof(reply))) {
        close(fd);
        return -1;
    }
    if (fd >= 0) {
        set_bound(fd, FIXTURE_WAIT_MS);
    }
    return fd;
}

/* The reply is unpacked from memory of its own, which does not give out. */
static enum outcome ask(int fd, const struct body *body)
{
    static uint8_t reply[1 << 16];
    ssize_t n = raw_try_send(fd, url, 0x80000001u, body->bytes, body->length)
                    ? raw_receive(fd, url, reply, sizeof(reply))
                    : -1;
    if (n < 0) {
        return DROPPED;
    }
    arena_reset(&fixture.arena);
    Stated__V1__ReplyFrame *frame =
        stated__v1__reply_frame__unpack(&fixture.arena.allocator, (size_t)n, reply);
    assert_non_null(frame);
    assert_int_equal(frame->n_replies, 1);
    const Stated__V1__Status *status = frame->replies[0]->status;
    if (status == NULL || status->code == STATED__V1__CODE__CODE_OK) {
        return DONE;
    }
    if (status->code != STATED__V1__CODE__CODE_RESOURCE_EXHAUSTED) {
        fail_msg("%d: %s", status->code, status->message);
    }
    return REFUSED;
}

struct bodies {
    struct body add;
    struct body read;
};

static void make_bodies(struct bodies *self)
{
    struct arena *arena = &fixture.arena;
    pack(&self->add, "Write",
         &write_mutation(arena, write_new(arena), mutation_add(arena, "count", 1))->base);
    pack(&self->read, "Read",
         &read_select(arena, read_new(arena), select_prefix(arena, "count"))->base);
}

static void test_the_server_bears_any_allocation_that_fails(void **state)
{
    (void)state;
    static struct bodies bodies;
    unsigned long counts[3] = {0};
    unsigned long added = 0;
    unsigned long nth = 0;
    start();
    make_bodies(&bodies);
    memory_faults_spare_me();
    for (unsigned quiet = 0; quiet < 3; quiet += memory_faults_end_everywhere() < nth) {
        assert_true(++nth < MOST_ALLOCATIONS);
        memory_faults_plan_everywhere(nth, nth % 2 == 0);
        int fd = try_connect();
        enum outcome add = fd < 0 ? DROPPED : ask(fd, &bodies.add);
        enum outcome read = add == DROPPED ? DROPPED : ask(fd, &bodies.read);
        counts[add]++;
        counts[read]++;
        added += add == DONE;
        if (fd >= 0) {
            close(fd);
        }
    }
    int fd = raw_connect(url);
    assert_int_equal(ask(fd, &bodies.add), DONE);
    close(fd);
    const Stated__V1__Entry *entry = fixture_get(&fixture, "count");
    assert_non_null(entry);
    char text[24];
    snprintf(text, sizeof(text), "%.*s", (int)entry->value.len, (const char *)entry->value.data);
    unsigned long count = strtoul(text, NULL, 10);
    /* What was dropped may have been done. */
    assert_in_range(count, added + 1, added + 1 + counts[DROPPED]);
    print_message(
        "%lu allocations, one or all from it on: %lu calls done, %lu refused, %lu dropped, "
        "0 acknowledged and lost\n",
        nth, counts[DONE], counts[REFUSED], counts[DROPPED]);
    assert_in_range(counts[REFUSED] + counts[DROPPED], 3, 2 * MOST_ALLOCATIONS);
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_server_bears_any_allocation_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
