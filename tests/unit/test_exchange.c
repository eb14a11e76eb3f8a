/* Does every call of a frame get exactly one reply, in its place, with the right code and ticket?
 */
#include "rpc/call.h"
#include "rpc/dispatch.h"

#include "frames.h"
#include "test.h"

#include "stated/v1/state.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A service of our own, over a counter. `Read` answers limit x 'v' as one entry's value. */
struct counter {
    _Atomic uint64_t writes; /* Peek and bypassing reads look at it beside a write */
};

static enum stated_code fill_value(struct stated_call *call, uint32_t length,
                                   Stated__V1__Entry ***entries, size_t *n_entries)
{
    Stated__V1__Entry *entry = stated_call_alloc(call, sizeof(*entry));
    *entries = stated_call_alloc(call, sizeof(**entries));
    char *value = stated_call_alloc(call, length);
    if (entry == NULL || *entries == NULL || value == NULL) {
        return stated_call_fail(call, STATED_RESOURCE_EXHAUSTED, "no memory for %u bytes", length);
    }
    memset(value, 'v', length);
    stated__v1__entry__init(entry);
    entry->value = (ProtobufCBinaryData){.len = length, .data = (uint8_t *)value};
    (*entries)[0] = entry;
    *n_entries = 1;
    return STATED_OK;
}

static enum stated_code read_value(const void *handlers, struct stated_call *call,
                                   const ProtobufCMessage *request, ProtobufCMessage *response)
{
    (void)handlers;
    const Stated__V1__ReadRequest *read = (const void *)request;
    Stated__V1__ReadResponse *out = (void *)response;
    const struct counter *counter = stated_call_state(call);
    out->count = counter->writes;
    return read->limit == 0 ? STATED_OK
                            : fill_value(call, read->limit, &out->entries, &out->n_entries);
}

/* Fails when asked to return the previous state; else counts. A guard's version is the reply's
 * size. */
static enum stated_code count_write(const void *handlers, struct stated_call *call,
                                    const ProtobufCMessage *request, ProtobufCMessage *response)
{
    (void)handlers;
    const Stated__V1__WriteRequest *write = (const void *)request;
    Stated__V1__WriteResponse *out = (void *)response;
    struct counter *counter = stated_call_state(call);
    if (write->return_previous) {
        return stated_call_fail(call, STATED_ABORTED, "asked to fail");
    }
    out->revision = ++counter->writes;
    return write->n_guards == 0 ? STATED_OK
                                : fill_value(call, (uint32_t)write->guards[0]->version,
                                             &out->previous, &out->n_previous);
}

/* Half changes the state and says so. */
static enum stated_code tear_state(const void *handlers, struct stated_call *call,
                                   const ProtobufCMessage *request, ProtobufCMessage *response)
{
    (void)handlers, (void)request, (void)response;
    struct counter *counter = stated_call_state(call);
    counter->writes += 1000;
    return stated_call_torn(call, "lost count at %d", 1000);
}

static enum stated_code fail_silently(const void *handlers, struct stated_call *call,
                                      const ProtobufCMessage *request, ProtobufCMessage *response)
{
    (void)handlers, (void)call, (void)request, (void)response;
    return STATED_INTERNAL;
}

static enum stated_code admit_all(const void *handlers, struct stated_call *call,
                                  const ProtobufCMessage *request,
                                  struct stated_admission *admission)
{
    (void)handlers, (void)call;
    const Stated__V1__ReadRequest *read = (const void *)request;
    if (request->descriptor == &stated__v1__read_request__descriptor) {
        admission->bypass = read->consistency == STATED__V1__CONSISTENCY__CONSISTENCY_COMMITTED;
        admission->light = read->keys_only;
    }
    return STATED_OK;
}

static enum stated_code refuse_silently(const void *handlers, struct stated_call *call,
                                        const ProtobufCMessage *request,
                                        struct stated_admission *admission)
{
    (void)handlers, (void)call, (void)request, (void)admission;
    return STATED_PERMISSION_DENIED;
}

#define READ_TYPES &stated__v1__read_request__descriptor, &stated__v1__read_response__descriptor
#define WRITE_TYPES &stated__v1__write_request__descriptor, &stated__v1__write_response__descriptor

static const struct stated_method methods[] = {
    {"test.Counter/Read", STATED_ACCESS_READ, READ_TYPES, read_value, admit_all},
    {"test.Counter/Write", STATED_ACCESS_WRITE, WRITE_TYPES, count_write, admit_all},
    {"test.Counter/Peek", STATED_ACCESS_NONE, READ_TYPES, read_value, admit_all},
    {"test.Counter/Tear", STATED_ACCESS_WRITE, WRITE_TYPES, tear_state, admit_all},
    {"test.Counter/Mute", STATED_ACCESS_NONE, READ_TYPES, fail_silently, admit_all},
    {"test.Counter/Closed", STATED_ACCESS_READ, READ_TYPES, read_value, refuse_silently},
};

static const struct stated_service_type counter_type = {"test.Counter", methods,
                                                        sizeof(methods) / sizeof(methods[0])};

enum { MAX_MESSAGE = 8192, MAX_CALLS = 8, MAX_TIMEOUT_MS = 60000 };

struct harness {
    struct dispatch dispatch;
    struct gate *gate;
    struct counter counter;
    struct frames frames;
};

static int set_up(void **state)
{
    struct harness *self = calloc(1, sizeof(*self));
    const struct dispatch_limits limits = {.max_message_bytes = MAX_MESSAGE,
                                           .max_calls_per_frame = MAX_CALLS,
                                           .default_timeout_ms = 10000,
                                           .max_timeout_ms = MAX_TIMEOUT_MS};
    const struct gate_options options = {.workers = 2,
                                         .max_queued_calls = 64,
                                         .max_queued_bytes = 1 << 20,
                                         .max_party_calls = 64,
                                         .max_run_calls = 64,
                                         .max_run_bytes = 1 << 20,
                                         .inline_light_reads = true};
    dispatch_init(&self->dispatch, &limits, 77);
    assert_int_equal(dispatch_register(&self->dispatch, &counter_type, NULL, &self->counter, NULL),
                     STATED_OK);
    assert_int_equal(gate_new(&options, &dispatch_gate_ops, &self->dispatch, &self->gate),
                     STATED_OK);
    dispatch_attach(&self->dispatch, self->gate, NULL);
    frames_init(&self->frames, &self->dispatch);
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    struct harness *self = *state;
    assert_true(gate_wait_idle(self->gate, 60000));
    frames_deinit(&self->frames);
    gate_free(self->gate);
    dispatch_deinit(&self->dispatch);
    free(self);
    return 0;
}

static struct frames_call read_call(const char *method, Stated__V1__ReadRequest *request)
{
    return (struct frames_call){.method = method, .request = &request->base};
}

static struct frames_call write_call(Stated__V1__WriteRequest *request)
{
    return (struct frames_call){.method = "test.Counter/Write", .request = &request->base};
}

static void assert_refused(const Stated__V1__Reply *reply, enum stated_code code, const char *text)
{
    assert_non_null(reply->status);
    assert_int_equal(reply->status->code, code);
    if (strstr(reply->status->message, text) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", text, reply->status->message);
    }
    assert_int_equal(reply->payload.len, 0);
}

static void assert_frame_refused(struct harness *self, const void *body, size_t length,
                                 enum stated_code code, const char *text)
{
    Stated__V1__ReplyFrame *reply = frames_send(&self->frames, body, length);
    assert_non_null(reply);
    assert_int_equal(reply->n_replies, 1);
    assert_refused(reply->replies[0], code, text);
    stated__v1__reply_frame__free_unpacked(reply, NULL);
}

static void test_a_bad_frame_gets_one_reply_that_says_why(void **state)
{
    struct harness *self = *state;
    uint8_t large[MAX_MESSAGE + 1] = {0};
    assert_frame_refused(self, "\xff\xff\xff", 3, STATED_INVALID_ARGUMENT, "RequestFrame");
    assert_frame_refused(self, "", 0, STATED_INVALID_ARGUMENT, "without a call");
    assert_frame_refused(self, large, sizeof(large), STATED_INVALID_ARGUMENT, "8193 bytes");
}

static void test_too_many_calls_are_refused_with_their_number(void **state)
{
    struct harness *self = *state;
    uint8_t body[2 * (MAX_CALLS + 1)];
    for (size_t i = 0; i < sizeof(body); i += 2) {
        memcpy(body + i, "\x1a\x00", 2); /* field 3, an empty Call */
    }
    assert_frame_refused(self, body, sizeof(body), STATED_RESOURCE_EXHAUSTED, "9");
}

static void test_each_bad_call_is_refused_in_its_place(void **state)
{
    struct harness *self = *state;
    Stated__V1__ReadRequest read = STATED__V1__READ_REQUEST__INIT;
    Stated__V1__WriteRequest write = STATED__V1__WRITE_REQUEST__INIT;
    Stated__V1__Mutation mutation = STATED__V1__MUTATION__INIT;
    Stated__V1__Mutation *mutations[] = {&mutation};
    Stated__V1__WriteRequest no_read = STATED__V1__WRITE_REQUEST__INIT;
    no_read.n_mutations = 1; /* field 2, which is a number in a ReadRequest */
    no_read.mutations = mutations;
    struct frames_call calls[] = {
        read_call("test.Counter/Read", &read),      read_call("no\nsuch", &read),
        read_call("test.Counter/Read", &read),      write_call(&write),
        read_call("test.Counter/Mute", &read),      read_call("test.Counter/Closed", &read),
        {"test.Counter/Read", &no_read.base, 0, 0}, write_call(&write),
    };
    calls[2].timeout_ms = MAX_TIMEOUT_MS + 1;
    calls[3].sequence = 5;
    Stated__V1__ReplyFrame *reply = frames_call(&self->frames, calls, 8);
    assert_int_equal(reply->n_replies, 8);
    assert_int_equal(reply->epoch, 77);
    assert_null(reply->replies[0]->status);
    assert_refused(reply->replies[1], STATED_UNIMPLEMENTED, "\"no\\x0asuch\"");
    assert_refused(reply->replies[2], STATED_INVALID_ARGUMENT, "60001");
    assert_refused(reply->replies[3], STATED_UNIMPLEMENTED, "sequence 5");
    assert_refused(reply->replies[4], STATED_INTERNAL, "no reason");
    assert_refused(reply->replies[5], STATED_PERMISSION_DENIED, "no reason");
    assert_refused(reply->replies[6], STATED_INVALID_ARGUMENT, "ReadRequest");
    assert_null(reply->replies[7]->status);
    assert_int_equal(self->counter.writes, 1);
    for (size_t i = 1; i < 7; i++) {
        assert_true(reply->replies[i]->order == NULL || reply->replies[i]->order->ticket == 0);
    }
    stated__v1__reply_frame__free_unpacked(reply, NULL);
}

static void test_a_frame_has_consecutive_tickets_and_sees_its_own_order(void **state)
{
    struct harness *self = *state;
    Stated__V1__ReadRequest read = STATED__V1__READ_REQUEST__INIT;
    Stated__V1__ReadRequest committed = STATED__V1__READ_REQUEST__INIT;
    committed.consistency = STATED__V1__CONSISTENCY__CONSISTENCY_COMMITTED;
    Stated__V1__WriteRequest write = STATED__V1__WRITE_REQUEST__INIT;
    const struct frames_call calls[] = {
        read_call("test.Counter/Read", &read),
        write_call(&write),
        read_call("test.Counter/Peek", &read),
        read_call("test.Counter/Read", &committed),
        write_call(&write),
        read_call("test.Counter/Read", &read),
    };
    uint64_t first = 0;
    for (uint64_t round = 0; round < 200; round++) {
        Stated__V1__ReplyFrame *reply = frames_call(&self->frames, calls, 6);
        assert_int_equal(reply->n_replies, 6);
        first = first == 0 ? reply->replies[0]->order->ticket : first + 4;
        const uint64_t tickets[] = {first, first + 1, 0, 0, first + 2, first + 3};
        for (size_t i = 0; i < 6; i++) {
            const Stated__V1__Order *order = reply->replies[i]->order;
            assert_int_equal(order == NULL ? 0 : order->ticket, tickets[i]);
        }
        Stated__V1__ReadResponse *last = stated__v1__read_response__unpack(
            NULL, reply->replies[5]->payload.len, reply->replies[5]->payload.data);
        assert_int_equal(last->count, 2 * (round + 1));
        stated__v1__read_response__free_unpacked(last, NULL);
        stated__v1__reply_frame__free_unpacked(reply, NULL);
    }
    assert_int_equal(self->frames.answers, 200);
}

static void test_a_failed_handler_fails_alone_and_keeps_its_ticket(void **state)
{
    struct harness *self = *state;
    Stated__V1__WriteRequest write = STATED__V1__WRITE_REQUEST__INIT;
    Stated__V1__WriteRequest failing = STATED__V1__WRITE_REQUEST__INIT;
    failing.return_previous = true;
    const struct frames_call calls[] = {write_call(&write), write_call(&failing),
                                        write_call(&write)};
    Stated__V1__ReplyFrame *reply = frames_call(&self->frames, calls, 3);
    assert_null(reply->replies[0]->status);
    assert_refused(reply->replies[1], STATED_ABORTED, "asked to fail");
    assert_null(reply->replies[2]->status);
    assert_int_equal(reply->replies[1]->order->ticket, reply->replies[0]->order->ticket + 1);
    assert_int_equal(self->counter.writes, 2);
    stated__v1__reply_frame__free_unpacked(reply, NULL);
}

static void test_a_read_too_large_for_the_frame_is_refused_and_the_rest_is_kept(void **state)
{
    struct harness *self = *state;
    Stated__V1__ReadRequest half = STATED__V1__READ_REQUEST__INIT;
    half.limit = MAX_MESSAGE / 2;
    Stated__V1__WriteRequest write = STATED__V1__WRITE_REQUEST__INIT;
    const struct frames_call calls[] = {read_call("test.Counter/Read", &half),
                                        read_call("test.Counter/Read", &half), write_call(&write)};
    Stated__V1__ReplyFrame *reply = frames_call(&self->frames, calls, 3);
    assert_null(reply->replies[0]->status);
    assert_refused(reply->replies[1], STATED_RESOURCE_EXHAUSTED, "does not fit the frame");
    assert_null(reply->replies[2]->status);
    assert_true(stated__v1__reply_frame__get_packed_size(reply) <= MAX_MESSAGE);
    stated__v1__reply_frame__free_unpacked(reply, NULL);
}

static void test_a_large_answer_of_a_call_without_ticket_crowds_out_no_write(void **state)
{
    struct harness *self = *state;
    Stated__V1__ReadRequest large = STATED__V1__READ_REQUEST__INIT;
    large.limit = MAX_MESSAGE;
    Stated__V1__ReadRequest full = STATED__V1__READ_REQUEST__INIT;
    full.limit = MAX_MESSAGE - 256;
    Stated__V1__Guard guard = STATED__V1__GUARD__INIT;
    guard.must_case = STATED__V1__GUARD__MUST_VERSION;
    guard.version = MAX_MESSAGE / 4;
    Stated__V1__Guard *guards[] = {&guard};
    Stated__V1__WriteRequest write = STATED__V1__WRITE_REQUEST__INIT;
    write.n_guards = 1;
    write.guards = guards;
    const struct frames_call calls[] = {read_call("test.Counter/Peek", &large),
                                        read_call("test.Counter/Peek", &full), write_call(&write)};
    Stated__V1__ReplyFrame *reply = frames_call(&self->frames, calls, 3);
    assert_refused(reply->replies[0], STATED_RESOURCE_EXHAUSTED, "does not fit the frame");
    assert_refused(reply->replies[1], STATED_RESOURCE_EXHAUSTED, "does not fit the frame");
    assert_null(reply->replies[2]->status);
    assert_true(reply->replies[2]->payload.len > MAX_MESSAGE / 4);
    assert_true(stated__v1__reply_frame__get_packed_size(reply) <= MAX_MESSAGE);
    stated__v1__reply_frame__free_unpacked(reply, NULL);
}

static void test_a_write_with_too_large_a_reply_says_that_it_took_effect(void **state)
{
    struct harness *self = *state;
    Stated__V1__Guard guard = STATED__V1__GUARD__INIT;
    guard.must_case = STATED__V1__GUARD__MUST_VERSION;
    guard.version = MAX_MESSAGE;
    Stated__V1__Guard *guards[] = {&guard};
    Stated__V1__WriteRequest write = STATED__V1__WRITE_REQUEST__INIT;
    write.n_guards = 1;
    write.guards = guards;
    const struct frames_call call = write_call(&write);
    Stated__V1__ReplyFrame *reply = frames_call(&self->frames, &call, 1);
    assert_refused(reply->replies[0], STATED_INTERNAL, "took effect");
    assert_int_equal(self->counter.writes, 1);
    stated__v1__reply_frame__free_unpacked(reply, NULL);
}

static void assert_poisoned_write(struct harness *self, uint64_t ticket)
{
    char named[40];
    snprintf(named, sizeof(named), "by ticket %llu (test.Counter/Tear)",
             (unsigned long long)ticket);
    Stated__V1__WriteRequest write = STATED__V1__WRITE_REQUEST__INIT;
    const struct frames_call call = write_call(&write);
    Stated__V1__ReplyFrame *reply = frames_call(&self->frames, &call, 1);
    assert_refused(reply->replies[0], STATED_FAILED_PRECONDITION, named);
    stated__v1__reply_frame__free_unpacked(reply, NULL);
}

static void test_a_torn_state_executes_nothing_until_it_is_cleared(void **state)
{
    struct harness *self = *state;
    Stated__V1__ReadRequest read = STATED__V1__READ_REQUEST__INIT;
    Stated__V1__WriteRequest write = STATED__V1__WRITE_REQUEST__INIT;
    const struct frames_call calls[] = {write_call(&write),
                                        {"test.Counter/Tear", &write.base, 0, 0},
                                        write_call(&write),
                                        read_call("test.Counter/Read", &read)};
    Stated__V1__ReplyFrame *reply = frames_call(&self->frames, calls, 4);
    uint64_t torn = reply->replies[1]->order->ticket;
    assert_null(reply->replies[0]->status);
    assert_refused(reply->replies[1], STATED_INTERNAL, "lost count at 1000");
    assert_refused(reply->replies[2], STATED_FAILED_PRECONDITION, "poisoned by ticket");
    assert_refused(reply->replies[3], STATED_FAILED_PRECONDITION, "poisoned by ticket");
    assert_int_equal(self->counter.writes, 1001);
    stated__v1__reply_frame__free_unpacked(reply, NULL);

    assert_poisoned_write(self, torn);
    assert_int_equal(self->counter.writes, 1001);
    assert_true(gate_clear_poison(self->gate, torn));
    const struct frames_call one = write_call(&write);
    reply = frames_call(&self->frames, &one, 1);
    assert_null(reply->replies[0]->status);
    assert_int_equal(self->counter.writes, 1002);
    stated__v1__reply_frame__free_unpacked(reply, NULL);
}

static void test_a_draining_gate_refuses_but_still_answers_none_methods(void **state)
{
    struct harness *self = *state;
    Stated__V1__ReadRequest read = STATED__V1__READ_REQUEST__INIT;
    const struct frames_call calls[] = {read_call("test.Counter/Read", &read),
                                        read_call("test.Counter/Peek", &read)};
    gate_drain(self->gate);
    Stated__V1__ReplyFrame *reply = frames_call(&self->frames, calls, 2);
    assert_refused(reply->replies[0], STATED_UNAVAILABLE, "stopping");
    assert_null(reply->replies[1]->status);
    stated__v1__reply_frame__free_unpacked(reply, NULL);
}

static void test_a_frame_over_its_share_is_refused_but_for_what_takes_no_turn(void **state)
{
    struct harness *self = *state;
    Stated__V1__ReadRequest read = STATED__V1__READ_REQUEST__INIT;
    Stated__V1__WriteRequest write = STATED__V1__WRITE_REQUEST__INIT;
    const struct frames_call calls[] = {write_call(&write), read_call("test.Counter/Peek", &read)};
    self->frames.exchange.over_share = true;
    Stated__V1__ReplyFrame *reply = frames_call(&self->frames, calls, 2);
    assert_refused(reply->replies[0], STATED_RESOURCE_EXHAUSTED, "share of calls in flight");
    assert_int_not_equal(reply->replies[0]->status->retry_after_ms, 0);
    assert_null(reply->replies[1]->status);
    stated__v1__reply_frame__free_unpacked(reply, NULL);
    reply = frames_call(&self->frames, calls, 1); /* the next frame is a new one */
    assert_null(reply->replies[0]->status);
    assert_int_equal(self->counter.writes, 1);
    stated__v1__reply_frame__free_unpacked(reply, NULL);
}

static void test_a_name_is_registered_once(void **state)
{
    struct harness *self = *state;
    struct stated_status status;
    assert_int_equal(dispatch_register(&self->dispatch, &counter_type, NULL, NULL, &status),
                     STATED_ALREADY_EXISTS);
    assert_non_null(strstr(status.message, "test.Counter"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_bad_frame_gets_one_reply_that_says_why),
        CASE(test_too_many_calls_are_refused_with_their_number),
        CASE(test_each_bad_call_is_refused_in_its_place),
        CASE(test_a_frame_has_consecutive_tickets_and_sees_its_own_order),
        CASE(test_a_failed_handler_fails_alone_and_keeps_its_ticket),
        CASE(test_a_read_too_large_for_the_frame_is_refused_and_the_rest_is_kept),
        CASE(test_a_large_answer_of_a_call_without_ticket_crowds_out_no_write),
        CASE(test_a_write_with_too_large_a_reply_says_that_it_took_effect),
        CASE(test_a_torn_state_executes_nothing_until_it_is_cleared),
        CASE(test_a_draining_gate_refuses_but_still_answers_none_methods),
        CASE(test_a_frame_over_its_share_is_refused_but_for_what_takes_no_turn),
        CASE(test_a_name_is_registered_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
