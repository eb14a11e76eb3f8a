/* Is every asynchronous call told about exactly once, on the library's thread, whatever happens? */
#include "test.h"

#include "client_methods.h"
#include "rep_double.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LONG_MS 60000
#define PATIENCE_S 60
#define MAX_CALLS 4096

/* What the double shall do, by the number of the request it gets. */
enum act { ACT_ECHO, ACT_HOLD, ACT_SOMETIMES_HANG_UP };

struct scene {
    struct rep_double *server;
    struct stated_client *client;
    atomic_int act;
    unsigned requests; /* the double's */
    uint32_t seen[MAX_CALLS];
    uint32_t timeouts_ms[MAX_CALLS];

    pthread_t caller;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned outcomes;
    unsigned twice;     /* calls told about again */
    unsigned own_stack; /* callbacks on the caller's thread */
    enum stated_code codes[MAX_CALLS];
    bool told[MAX_CALLS];
    char last_message[STATED_MESSAGE_BYTES];
    uint64_t last_count;
    unsigned chain; /* further calls to make from a callback */
};

/* One call's place in its scene. */
struct ticket {
    struct scene *scene;
    uint32_t number;
};

static struct ticket tickets[MAX_CALLS];

static void handle(void *argument, const Stated__V1__RequestFrame *frame, struct rep_answer *answer)
{
    struct scene *scene = argument;
    Stated__V1__Call *call = frame->calls[0];
    Stated__V1__ReadRequest *request =
        stated__v1__read_request__unpack(NULL, call->payload.len, call->payload.data);
    uint32_t number = request->limit;
    stated__v1__read_request__free_unpacked(request, NULL);
    unsigned place = scene->requests++;
    if (place < MAX_CALLS) {
        scene->seen[place] = number;
        scene->timeouts_ms[place] = call->timeout_ms;
    }
    int act = atomic_load(&scene->act);
    if (act == ACT_HOLD) {
        answer->kind = REP_HOLD;
        return;
    }
    if (act == ACT_SOMETIMES_HANG_UP && place % 37 == 36) {
        answer->kind = REP_HANG_UP;
        return;
    }
    Stated__V1__ReadResponse response = STATED__V1__READ_RESPONSE__INIT;
    response.count = number;
    rep_answer_ok(answer, &response.base);
}

static void open_scene(struct scene *scene, enum act act, uint32_t max_calls)
{
    memset(scene, 0, sizeof(*scene));
    scene->act = act;
    scene->caller = pthread_self();
    pthread_mutex_init(&scene->lock, NULL);
    pthread_cond_init(&scene->changed, NULL);
    scene->server = rep_double_start(handle, scene);
    struct stated_client_options options = STATED_CLIENT_OPTIONS_INIT;
    options.endpoint = rep_double_url(scene->server);
    options.connect_timeout_ms = LONG_MS;
    options.timeout_ms = LONG_MS;
    options.max_calls = max_calls;
    options.coalesce = false; /* the double looks at one call of a frame */
    options.retry = false;
    struct stated_status status;
    if (stated_client_open(&options, &scene->client, &status) != STATED_OK) {
        fail_msg("%s", status.message);
    }
}

static void close_scene(struct scene *scene)
{
    stated_client_close(scene->client);
    rep_double_stop(scene->server);
    pthread_cond_destroy(&scene->changed);
    pthread_mutex_destroy(&scene->lock);
    assert_int_equal(scene->twice, 0);
    assert_int_equal(scene->own_stack, 0);
}

static enum stated_code start_call(struct scene *scene, uint32_t number, uint32_t timeout_ms);

static void on_outcome(stated_callback callback, void *argument, const struct stated_status *status,
                       ProtobufCMessage *response)
{
    struct ticket *ticket = argument;
    struct scene *scene = ticket->scene;
    assert_true(callback == NULL);
    assert_true((status->code == STATED_OK) == (response != NULL));
    uint64_t count = response == NULL ? 0 : ((Stated__V1__ReadResponse *)response)->count;
    if (response != NULL) {
        protobuf_c_message_free_unpacked(response, NULL);
    }
    pthread_mutex_lock(&scene->lock);
    bool go_on = scene->chain > 0;
    scene->chain -= go_on;
    pthread_mutex_unlock(&scene->lock);
    if (go_on) {
        assert_int_equal(start_call(scene, ticket->number + 1, 0), STATED_OK);
    }
    pthread_mutex_lock(&scene->lock);
    scene->outcomes++;
    scene->twice += scene->told[ticket->number];
    scene->told[ticket->number] = true;
    scene->codes[ticket->number] = status->code;
    scene->own_stack += pthread_equal(pthread_self(), scene->caller) != 0;
    scene->last_count = count;
    memcpy(scene->last_message, status->message, sizeof(scene->last_message));
    pthread_cond_broadcast(&scene->changed);
    pthread_mutex_unlock(&scene->lock);
}

static enum stated_code start_call(struct scene *scene, uint32_t number, uint32_t timeout_ms)
{
    struct stated_call_options options = {.timeout_ms = timeout_ms};
    Stated__V1__ReadRequest request = STATED__V1__READ_REQUEST__INIT;
    request.limit = number;
    tickets[number] = (struct ticket){.scene = scene, .number = number};
    return stated_client_call_async(scene->client, &read_method, &options, &request.base,
                                    on_outcome, NULL, &tickets[number], NULL);
}

static void start_calls(struct scene *scene, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(start_call(scene, i, 0), STATED_OK);
    }
}

static void wait_outcomes(struct scene *scene, unsigned count)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&scene->lock);
    while (scene->outcomes < count) {
        if (pthread_cond_timedwait(&scene->changed, &scene->lock, &until) != 0) {
            fail_msg("%u of %u outcomes came", scene->outcomes, count);
        }
    }
    pthread_mutex_unlock(&scene->lock);
}

static void assert_codes(const struct scene *scene, uint32_t first, uint32_t end,
                         enum stated_code code)
{
    for (uint32_t i = first; i < end; i++) {
        if (!scene->told[i] || scene->codes[i] != code) {
            fail_msg("call %u: %s, not %s", i, stated_code_name(scene->codes[i]),
                     stated_code_name(code));
        }
    }
}

static void test_one_call(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene, ACT_ECHO, 16);
    assert_int_equal(start_call(&scene, 42, 0), STATED_OK);
    wait_outcomes(&scene, 1);
    assert_int_equal(scene.codes[42], STATED_OK);
    assert_int_equal(scene.last_count, 42);
    close_scene(&scene);
    assert_int_equal(scene.outcomes, 1);
}

static void test_many_calls_at_a_time(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene, ACT_ECHO, 32);
    start_calls(&scene, MAX_CALLS);
    wait_outcomes(&scene, MAX_CALLS);
    assert_codes(&scene, 0, MAX_CALLS, STATED_OK);
    close_scene(&scene);
}

static void test_the_line_is_first_come_first_served(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene, ACT_HOLD, 1);
    start_calls(&scene, 20);
    rep_double_wait(scene.server, 1);
    scene.act = ACT_ECHO;
    rep_double_release(scene.server);
    wait_outcomes(&scene, 20);
    assert_codes(&scene, 0, 20, STATED_OK);
    assert_int_equal(scene.seen[0], 0);
    for (uint32_t i = 0; i < 20; i++) {
        assert_int_equal(scene.seen[i + 1], i); /* the first is asked for again on release */
    }
    close_scene(&scene);
}

static void wait_until(uint64_t time_ns)
{
    struct timespec until = {.tv_sec = (time_t)(time_ns / CLOCK_NS_PER_S),
                             .tv_nsec = (long)(time_ns % CLOCK_NS_PER_S)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0) {
    }
}

static void test_time_in_the_line_is_taken_off_the_budget(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene, ACT_HOLD, 1);
    assert_int_equal(start_call(&scene, 0, 0), STATED_OK);
    rep_double_wait(scene.server, 1);
    uint64_t before = clock_now_ns();
    assert_int_equal(start_call(&scene, 1, LONG_MS), STATED_OK);
    wait_until(before + 30 * CLOCK_NS_PER_MS);
    scene.act = ACT_ECHO;
    rep_double_release(scene.server);
    wait_outcomes(&scene, 2);
    assert_int_equal(scene.seen[2], 1);
    assert_in_range(scene.timeouts_ms[2], 1, LONG_MS - 30);
    close_scene(&scene);
}

static void test_a_call_expires_in_the_line(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene, ACT_HOLD, 1);
    assert_int_equal(start_call(&scene, 0, 0), STATED_OK);
    rep_double_wait(scene.server, 1);
    assert_int_equal(start_call(&scene, 1, LONG_MS), STATED_OK);
    assert_int_equal(start_call(&scene, 2, 20), STATED_OK); /* behind one that may wait longer */
    wait_outcomes(&scene, 1);
    assert_codes(&scene, 2, 3, STATED_DEADLINE_EXCEEDED);
    assert_non_null(strstr(scene.last_message, "was not sent within 20 ms"));
    assert_int_equal(start_call(&scene, 3, 20), STATED_OK);
    wait_outcomes(&scene, 2);
    assert_codes(&scene, 3, 4, STATED_DEADLINE_EXCEEDED);
    assert_int_equal(scene.requests, 1);
    scene.act = ACT_ECHO;
    rep_double_release(scene.server);
    wait_outcomes(&scene, 4);
    assert_codes(&scene, 0, 2, STATED_OK);
    close_scene(&scene);
}

static void test_close_ends_what_is_in_flight_and_in_line(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene, ACT_HOLD, 4);
    start_calls(&scene, 20);
    rep_double_wait(scene.server, 4);
    stated_client_close(scene.client);
    scene.client = NULL;
    assert_int_equal(scene.outcomes, 20);
    assert_codes(&scene, 0, 20, STATED_CANCELLED);
    close_scene(&scene);
}

static void test_close_at_any_moment(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct scene scene;
        open_scene(&scene, ACT_ECHO, 8);
        start_calls(&scene, 100);
        wait_outcomes(&scene, (unsigned)round * 5);
        stated_client_close(scene.client);
        scene.client = NULL;
        assert_int_equal(scene.outcomes, 100);
        for (uint32_t i = 0; i < 100; i++) {
            assert_true(scene.codes[i] == STATED_OK || scene.codes[i] == STATED_CANCELLED);
        }
        close_scene(&scene);
    }
}

static void test_a_callback_may_call_on(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene, ACT_ECHO, 1);
    scene.chain = 200;
    assert_int_equal(start_call(&scene, 0, 0), STATED_OK);
    wait_outcomes(&scene, 201);
    assert_codes(&scene, 0, 201, STATED_OK);
    close_scene(&scene);
}

struct patient {
    struct scene *scene;
    enum stated_code code;
    atomic_bool done;
};

static void wait_in_callback(stated_callback callback, void *argument,
                             const struct stated_status *status, ProtobufCMessage *response)
{
    struct patient *patient = argument;
    (void)callback;
    (void)status;
    Stated__V1__ReadRequest request = STATED__V1__READ_REQUEST__INIT;
    ProtobufCMessage *none;
    protobuf_c_message_free_unpacked(response, NULL);
    patient->code =
        stated_client_call(patient->scene->client, &read_method, NULL, &request.base, &none, NULL);
    atomic_store(&patient->done, true);
}

static void test_a_callback_must_not_wait(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene, ACT_ECHO, 4);
    struct patient patient = {.scene = &scene};
    Stated__V1__ReadRequest request = STATED__V1__READ_REQUEST__INIT;
    assert_int_equal(stated_client_call_async(scene.client, &read_method, NULL, &request.base,
                                              wait_in_callback, NULL, &patient, NULL),
                     STATED_OK);
    stated_client_close(scene.client); /* waits for the callback */
    scene.client = NULL;
    assert_true(atomic_load(&patient.done));
    assert_int_equal(patient.code, STATED_FAILED_PRECONDITION);
    close_scene(&scene);
}

static void test_a_request_over_the_limit_does_not_start(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene, ACT_HOLD, 1);
    static uint8_t large[2 << 20];
    Stated__V1__ReadRequest request = STATED__V1__READ_REQUEST__INIT;
    request.after = (ProtobufCBinaryData){.len = sizeof(large), .data = large};
    struct stated_status status;
    for (int i = 0; i < 2; i++) { /* with a free slot, and with none */
        assert_int_equal(stated_client_call_async(scene.client, &read_method, NULL, &request.base,
                                                  on_outcome, NULL, &tickets[0], &status),
                         STATED_INVALID_ARGUMENT);
        assert_non_null(strstr(status.message, "a message may have 1048576"));
        if (i == 0) {
            assert_int_equal(start_call(&scene, 1, 0), STATED_OK);
            rep_double_wait(scene.server, 1);
        }
    }
    close_scene(&scene);
    assert_int_equal(scene.outcomes, 1);
    assert_codes(&scene, 1, 2, STATED_CANCELLED);
}

static void *call_synchronously(void *argument)
{
    struct scene *scene = argument;
    Stated__V1__ReadRequest request = STATED__V1__READ_REQUEST__INIT;
    ProtobufCMessage *response;
    struct stated_status status;
    enum stated_code code =
        stated_client_call(scene->client, &read_method, NULL, &request.base, &response, &status);
    if (response != NULL) {
        protobuf_c_message_free_unpacked(response, NULL);
    }
    pthread_mutex_lock(&scene->lock);
    scene->codes[0] = code;
    scene->outcomes++;
    pthread_cond_broadcast(&scene->changed);
    pthread_mutex_unlock(&scene->lock);
    return NULL;
}

static void test_a_thread_waits_in_the_line_too(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene, ACT_HOLD, 1);
    assert_int_equal(start_call(&scene, 1, 0), STATED_OK);
    rep_double_wait(scene.server, 1);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, call_synchronously, &scene), 0);
    scene.act = ACT_ECHO;
    rep_double_release(scene.server);
    wait_outcomes(&scene, 2);
    pthread_join(thread, NULL);
    assert_codes(&scene, 1, 2, STATED_OK);
    assert_int_equal(scene.codes[0], STATED_OK);
    close_scene(&scene);
}

static void test_a_thread_expires_in_the_line(void **state)
{
    (void)state;
    struct scene scene;
    open_scene(&scene, ACT_HOLD, 1);
    assert_int_equal(start_call(&scene, 1, 0), STATED_OK);
    rep_double_wait(scene.server, 1);
    struct stated_call_options options = {.timeout_ms = 30};
    Stated__V1__ReadRequest request = STATED__V1__READ_REQUEST__INIT;
    ProtobufCMessage *response;
    struct stated_status status;
    assert_int_equal(
        stated_client_call(scene.client, &read_method, &options, &request.base, &response, &status),
        STATED_DEADLINE_EXCEEDED);
    assert_non_null(strstr(status.message, "was not sent within 30 ms"));
    close_scene(&scene);
}

/* Threads that start calls while the server keeps hanging up. */
struct starter {
    struct scene *scene;
    uint32_t first;
    uint32_t end;
};

static void *start_range(void *argument)
{
    struct starter *starter = argument;
    for (uint32_t i = starter->first; i < starter->end; i++) {
        if (start_call(starter->scene, i, 0) != STATED_OK) {
            return argument;
        }
    }
    return NULL;
}

static void test_no_call_is_without_an_outcome_when_connections_break(void **state)
{
    (void)state;
    enum { THREADS = 4, EACH = 500 };
    struct scene scene;
    open_scene(&scene, ACT_SOMETIMES_HANG_UP, 16);
    pthread_t threads[THREADS];
    struct starter starters[THREADS];
    for (uint32_t i = 0; i < THREADS; i++) {
        starters[i] = (struct starter){&scene, i * EACH, (i + 1) * EACH};
        assert_int_equal(pthread_create(&threads[i], NULL, start_range, &starters[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    wait_outcomes(&scene, THREADS * EACH);
    unsigned lost = 0;
    for (uint32_t i = 0; i < THREADS * EACH; i++) {
        assert_true(scene.codes[i] == STATED_OK || scene.codes[i] == STATED_UNAVAILABLE);
        lost += scene.codes[i] == STATED_UNAVAILABLE;
    }
    assert_in_range(lost, 1, THREADS * EACH - 1);
    close_scene(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_call),
        cmocka_unit_test(test_many_calls_at_a_time),
        cmocka_unit_test(test_the_line_is_first_come_first_served),
        cmocka_unit_test(test_time_in_the_line_is_taken_off_the_budget),
        cmocka_unit_test(test_a_call_expires_in_the_line),
        cmocka_unit_test(test_close_ends_what_is_in_flight_and_in_line),
        cmocka_unit_test(test_close_at_any_moment),
        cmocka_unit_test(test_a_callback_may_call_on),
        cmocka_unit_test(test_a_callback_must_not_wait),
        cmocka_unit_test(test_a_request_over_the_limit_does_not_start),
        cmocka_unit_test(test_a_thread_waits_in_the_line_too),
        cmocka_unit_test(test_a_thread_expires_in_the_line),
        cmocka_unit_test(test_no_call_is_without_an_outcome_when_connections_break),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
