/* Does a synchronous call tell the truth about what became of it? */
#include "test.h"

#include "client_methods.h"
#include "rep_double.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define LONG_MS 60000

/* A double, a client of it, and what the double shall do. */
struct scene {
    struct rep_double *server;
    struct stated_client *client;
    void (*_Atomic act)(struct scene *scene, const Stated__V1__Call *call,
                        struct rep_answer *answer);
    atomic_uint timeout_ms; /* of the last call that came */
    atomic_bool released;
};

static void handle(void *argument, const Stated__V1__RequestFrame *frame, struct rep_answer *answer)
{
    struct scene *scene = argument;
    atomic_store(&scene->timeout_ms, frame->n_calls == 1 ? frame->calls[0]->timeout_ms : 0);
    atomic_load (&scene->act)(scene, frame->n_calls == 1 ? frame->calls[0] : NULL, answer);
}

static void open_scene(struct scene *scene,
                       void (*act)(struct scene *, const Stated__V1__Call *, struct rep_answer *))
{
    *scene = (struct scene){.act = act};
    scene->server = rep_double_start(handle, scene);
    struct stated_client_options options = STATED_CLIENT_OPTIONS_INIT;
    options.endpoint = rep_double_url(scene->server);
    options.connect_timeout_ms = LONG_MS;
    options.timeout_ms = LONG_MS;
    options.retry = false; /* each loss and refusal is the outcome; test_client_retry goes on */
    options.number_writes = false;
    options.coalesce = false; /* the double looks at one call of a frame */
    struct stated_status status;
    if (stated_client_open(&options, &scene->client, &status) != STATED_OK) {
        fail_msg("%s", status.message);
    }
}

static void close_scene(struct scene *scene)
{
    stated_client_close(scene->client);
    rep_double_stop(scene->server);
}

/* Calls with a request that has `limit`, and gives the count of the response. */
static enum stated_code call_method(struct scene *scene, const struct stated_client_method *method,
                                    uint32_t timeout_ms, uint64_t *count,
                                    struct stated_status *status)
{
    struct stated_call_options options = {.timeout_ms = timeout_ms};
    Stated__V1__ReadRequest request = STATED__V1__READ_REQUEST__INIT;
    request.limit = 7;
    ProtobufCMessage *response;
    enum stated_code code =
        stated_client_call(scene->client, method, &options, &request.base, &response, status);
    assert_true((code == STATED_OK) == (response != NULL));
    assert_true(status == NULL || status->code == code);
    if (response != NULL) {
        *count = ((Stated__V1__ReadResponse *)response)->count;
        protobuf_c_message_free_unpacked(response, NULL);
    }
    return code;
}

static void assert_outcome(struct scene *scene, const struct stated_client_method *method,
                           uint32_t timeout_ms, enum stated_code code, const char *text)
{
    uint64_t count;
    struct stated_status status;
    call_method(scene, method, timeout_ms, &count, &status);
    if (status.code != code || strstr(status.message, text) == NULL) {
        fail_msg("%s, not %s: %s", stated_code_name(status.code), stated_code_name(code),
                 status.message);
    }
}

/* The limit of the request comes back as the count of the response. */
static void act_echo(struct scene *scene, const Stated__V1__Call *call, struct rep_answer *answer)
{
    (void)scene;
    assert_string_equal(call->method, "test.Double/Read");
    Stated__V1__ReadRequest *request =
        stated__v1__read_request__unpack(NULL, call->payload.len, call->payload.data);
    Stated__V1__ReadResponse response = STATED__V1__READ_RESPONSE__INIT;
    response.count = request->limit;
    stated__v1__read_request__free_unpacked(request, NULL);
    rep_answer_ok(answer, &response.base);
}

static void test_a_reply(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene, act_echo);
    uint64_t count = 0;
    struct stated_status status;
    assert_int_equal(call_method(&scene, &read_method, 0, &count, &status), STATED_OK);
    assert_int_equal(count, 7);
    assert_string_equal(status.message, "");
    /* What is left of the time: less than all of it once some has passed. */
    assert_in_range(scene.timeout_ms, LONG_MS / 2, LONG_MS);
    assert_int_equal(call_method(&scene, &read_method, 1234, &count, NULL), STATED_OK);
    assert_in_range(scene.timeout_ms, 1, 1234);
    close_scene(&scene);
}

static void act_refuse(struct scene *scene, const Stated__V1__Call *call, struct rep_answer *answer)
{
    (void)scene;
    (void)call;
    char message[] = "the queue is full";
    Stated__V1__Status status = STATED__V1__STATUS__INIT;
    status.code = STATED__V1__CODE__CODE_RESOURCE_EXHAUSTED;
    status.message = message;
    status.retry_after_ms = 17;
    Stated__V1__Order order = STATED__V1__ORDER__INIT;
    order.ticket = 99;
    order.queued_ahead = 3;
    Stated__V1__Reply reply = STATED__V1__REPLY__INIT;
    reply.status = &status;
    reply.order = &order;
    Stated__V1__Reply *replies[] = {&reply};
    Stated__V1__ReplyFrame frame = STATED__V1__REPLY_FRAME__INIT;
    frame.epoch = 5;
    frame.n_replies = 1;
    frame.replies = replies;
    rep_answer_frame(answer, &frame);
}

static void test_a_refusal_arrives_as_it_was_said(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene, act_refuse);
    struct stated_status status;
    uint64_t count;
    assert_int_equal(call_method(&scene, &write_method, 0, &count, &status),
                     STATED_RESOURCE_EXHAUSTED);
    assert_string_equal(status.message, "the queue is full");
    assert_int_equal(status.retry_after_ms, 17);
    assert_int_equal(status.order.epoch, 5);
    assert_int_equal(status.order.ticket, 99);
    assert_int_equal(status.order.queued_ahead, 3);
    close_scene(&scene);
}

static void act_garbage(struct scene *scene, const Stated__V1__Call *call,
                        struct rep_answer *answer)
{
    (void)scene;
    (void)call;
    rep_answer_bytes(answer, "\xff\xff\xff", 3);
}

static void act_nothing(struct scene *scene, const Stated__V1__Call *call,
                        struct rep_answer *answer)
{
    (void)scene;
    (void)call;
    rep_answer_bytes(answer, "", 0);
}

static void act_two_replies(struct scene *scene, const Stated__V1__Call *call,
                            struct rep_answer *answer)
{
    (void)scene;
    (void)call;
    Stated__V1__Reply reply = STATED__V1__REPLY__INIT;
    Stated__V1__Reply *replies[] = {&reply, &reply};
    Stated__V1__ReplyFrame frame = STATED__V1__REPLY_FRAME__INIT;
    frame.n_replies = 2;
    frame.replies = replies;
    rep_answer_frame(answer, &frame);
}

static void act_wrong_payload(struct scene *scene, const Stated__V1__Call *call,
                              struct rep_answer *answer)
{
    (void)scene;
    (void)call;
    uint8_t no_message[] = {0xff, 0xff, 0xff};
    Stated__V1__Reply reply = STATED__V1__REPLY__INIT;
    reply.payload = (ProtobufCBinaryData){.len = sizeof(no_message), .data = no_message};
    Stated__V1__Reply *replies[] = {&reply};
    Stated__V1__ReplyFrame frame = STATED__V1__REPLY_FRAME__INIT;
    frame.n_replies = 1;
    frame.replies = replies;
    rep_answer_frame(answer, &frame);
}

static void test_replies_that_are_none(void **state)
{
    (void)state;
    static const struct {
        void (*act)(struct scene *, const Stated__V1__Call *, struct rep_answer *);
        const char *text;
    } rows[] = {
        {act_garbage, "no reply frame"},
        {act_nothing, "a frame without a reply"},
        {act_two_replies, "more replies than there were calls"},
        {act_wrong_payload, "not its response message"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct scene scene;
        open_scene(&scene, rows[i].act);
        assert_outcome(&scene, &read_method, 0, STATED_INTERNAL, rows[i].text);
        assert_outcome(&scene, &write_method, 0, STATED_UNKNOWN, rows[i].text);
        close_scene(&scene);
    }
}

static void act_hang_up(struct scene *scene, const Stated__V1__Call *call,
                        struct rep_answer *answer)
{
    (void)scene;
    (void)call;
    answer->kind = REP_HANG_UP;
}

static void test_a_connection_lost_in_the_middle(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene, act_hang_up);
    assert_outcome(&scene, &read_method, 0, STATED_UNAVAILABLE, "was lost before the reply");
    assert_outcome(&scene, &write_method, 0, STATED_UNKNOWN, "whether the write happened");
    assert_outcome(&scene, &park_method, 0, STATED_UNAVAILABLE, "was lost before the reply");
    close_scene(&scene);
}

static void test_a_lost_connection_harms_no_later_call(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene, act_hang_up);
    assert_outcome(&scene, &read_method, 0, STATED_UNAVAILABLE, "lost");
    atomic_store(&scene.act, act_echo);
    assert_outcome(&scene, &read_method, 0, STATED_OK, "");
    close_scene(&scene);
}

static void act_drop(struct scene *scene, const Stated__V1__Call *call, struct rep_answer *answer)
{
    (void)scene;
    (void)call;
    answer->kind = REP_DROP;
}

static void test_no_reply_until_the_deadline(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene, act_drop);
    uint64_t before = clock_now_ns();
    assert_outcome(&scene, &read_method, 50, STATED_DEADLINE_EXCEEDED, "within 50 ms");
    assert_true(clock_now_ns() - before >= 50 * CLOCK_NS_PER_MS);
    assert_outcome(&scene, &write_method, 50, STATED_DEADLINE_EXCEEDED,
                   "whether the write happened is unknown");
    close_scene(&scene);
}

static void act_late(struct scene *scene, const Stated__V1__Call *call, struct rep_answer *answer)
{
    if (atomic_load(&scene->released)) {
        act_echo(scene, call, answer);
    } else {
        answer->kind = REP_HOLD;
    }
}

static void test_a_late_reply_is_not_taken_for_the_next_one(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene, act_late);
    assert_outcome(&scene, &read_method, 50, STATED_DEADLINE_EXCEEDED, "within 50 ms");
    scene.released = true;
    rep_double_release(scene.server);
    assert_outcome(&scene, &read_method, 0, STATED_OK, "");
    close_scene(&scene);
}

/* Answers a parked call once its time is over, as a server does. */
static void act_park(struct scene *scene, const Stated__V1__Call *call, struct rep_answer *answer)
{
    if (!atomic_exchange(&scene->released, true)) {
        answer->kind = REP_HOLD;
        return;
    }
    (void)call;
    Stated__V1__ReadResponse response = STATED__V1__READ_RESPONSE__INIT;
    rep_answer_ok(answer, &response.base);
}

static void *release_after_deadline(void *argument)
{
    struct scene *scene = argument;
    rep_double_wait(scene->server, 1);
    uint64_t deadline_ns = clock_now_ns() + (atomic_load(&scene->timeout_ms) + 2) * CLOCK_NS_PER_MS;
    while (clock_now_ns() < deadline_ns) {
        struct timespec until = {.tv_sec = (time_t)(deadline_ns / CLOCK_NS_PER_S),
                                 .tv_nsec = (long)(deadline_ns % CLOCK_NS_PER_S)};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    }
    rep_double_release(scene->server);
    return NULL;
}

static void test_a_parked_call_may_be_answered_at_its_deadline(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene, act_park);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, release_after_deadline, &scene), 0);
    assert_outcome(&scene, &park_method, 30, STATED_OK, "");
    pthread_join(thread, NULL);
    close_scene(&scene);
}

static void test_a_request_over_the_limit(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene, act_drop);
    static uint8_t large[2 << 20];
    Stated__V1__ReadRequest request = STATED__V1__READ_REQUEST__INIT;
    request.after = (ProtobufCBinaryData){.len = sizeof(large), .data = large};
    ProtobufCMessage *response;
    struct stated_status status;
    struct stated_call_info info = STATED_CALL_INFO_INIT;
    struct stated_call_options options = STATED_CALL_OPTIONS_INIT;
    options.info = &info;
    info.tries = 7; /* of the call before */
    info.sequence = 7;
    assert_int_equal(stated_client_call(scene.client, &write_method, &options, &request.base,
                                        &response, &status),
                     STATED_INVALID_ARGUMENT);
    assert_null(response);
    assert_int_equal(info.tries, 0);
    assert_int_equal(info.sequence, 0);
    assert_non_null(strstr(status.message, "a message may have 1048576"));
    close_scene(&scene);
}

/* The value of a response fills the largest message a client takes. */
static void act_large(struct scene *scene, const Stated__V1__Call *call, struct rep_answer *answer)
{
    (void)scene;
    (void)call;
    static uint8_t large[(1 << 20) - 100];
    Stated__V1__Entry entry = STATED__V1__ENTRY__INIT;
    entry.value = (ProtobufCBinaryData){.len = sizeof(large), .data = large};
    Stated__V1__Entry *entries[] = {&entry};
    Stated__V1__ReadResponse response = STATED__V1__READ_RESPONSE__INIT;
    response.n_entries = 1;
    response.entries = entries;
    response.count = 1;
    rep_answer_ok(answer, &response.base);
}

static void test_a_reply_as_large_as_the_limit(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene, act_large);
    uint64_t count = 0;
    struct stated_status status;
    assert_int_equal(call_method(&scene, &read_method, 0, &count, &status), STATED_OK);
    assert_int_equal(count, 1);
    close_scene(&scene);
}

/* More than a client takes; the calls of others on the connection are lost with it. */
static void act_too_large(struct scene *scene, const Stated__V1__Call *call,
                          struct rep_answer *answer)
{
    (void)scene;
    (void)call;
    static const uint8_t large[(1 << 20) + 1];
    rep_answer_bytes(answer, large, sizeof(large));
}

static void test_a_reply_over_the_limit(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene, act_too_large);
    assert_outcome(&scene, &read_method, 0, STATED_RESOURCE_EXHAUSTED, "has 1048577 bytes");
    assert_outcome(&scene, &write_method, 0, STATED_UNKNOWN, "whether the write happened");
    atomic_store(&scene.act, act_echo);
    /* The connection with the rest of that reply is given up, maybe only under the next call. */
    uint64_t count;
    struct stated_status status;
    for (int i = 0; i < 100; i++) {
        if (call_method(&scene, &read_method, 0, &count, &status) != STATED_UNAVAILABLE) {
            break;
        }
    }
    assert_string_equal(status.message, "");
    assert_int_equal(status.code, STATED_OK);
    close_scene(&scene);
}

/* Hangs up within a message: in its header, in its id, in its body. */
static void act_cut(struct scene *scene, const Stated__V1__Call *call, struct rep_answer *answer)
{
    static const size_t kept[] = {0, 5, 11, 20};
    static atomic_uint next;
    (void)scene;
    (void)call;
    uint8_t body[100] = {0};
    rep_answer_bytes(answer, body, sizeof(body));
    answer->cut = 9 + 4 + sizeof(body) - kept[atomic_fetch_add(&next, 1) % 4];
}

static void test_a_message_cut_short(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene, act_cut);
    for (int i = 0; i < 4; i++) {
        assert_outcome(&scene, &read_method, 0, STATED_UNAVAILABLE, "was lost before the reply");
    }
    close_scene(&scene);
}

static void test_a_large_request_and_small_ones_after_it(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene, act_echo);
    static uint8_t large[900 << 10];
    Stated__V1__ReadRequest request = STATED__V1__READ_REQUEST__INIT;
    request.limit = 7;
    request.after = (ProtobufCBinaryData){.len = sizeof(large), .data = large};
    for (int i = 0; i < 3; i++) {
        ProtobufCMessage *response;
        assert_int_equal(
            stated_client_call(scene.client, &read_method, NULL, &request.base, &response, NULL),
            STATED_OK);
        protobuf_c_message_free_unpacked(response, NULL);
        assert_outcome(&scene, &read_method, 0, STATED_OK, "");
    }
    close_scene(&scene);
}

static void *call_many(void *argument)
{
    struct scene *scene = argument;
    for (int i = 0; i < 200; i++) {
        uint64_t count = 0;
        if (call_method(scene, &read_method, 0, &count, NULL) != STATED_OK || count != 7) {
            return argument;
        }
    }
    return NULL;
}

static void test_many_threads(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene, act_echo);
    pthread_t threads[8];
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, call_many, &scene), 0);
    }
    for (size_t i = 0; i < 8; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    close_scene(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_reply),
        cmocka_unit_test(test_a_refusal_arrives_as_it_was_said),
        cmocka_unit_test(test_replies_that_are_none),
        cmocka_unit_test(test_a_connection_lost_in_the_middle),
        cmocka_unit_test(test_a_lost_connection_harms_no_later_call),
        cmocka_unit_test(test_no_reply_until_the_deadline),
        cmocka_unit_test(test_a_late_reply_is_not_taken_for_the_next_one),
        cmocka_unit_test(test_a_parked_call_may_be_answered_at_its_deadline),
        cmocka_unit_test(test_a_request_over_the_limit),
        cmocka_unit_test(test_a_reply_as_large_as_the_limit),
        cmocka_unit_test(test_a_reply_over_the_limit),
        cmocka_unit_test(test_a_message_cut_short),
        cmocka_unit_test(test_a_large_request_and_small_ones_after_it),
        cmocka_unit_test(test_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
