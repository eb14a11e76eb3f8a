/* Do calls share frames as promised: in order, within bounds, without waiting, each with its own
   reply? */
#include "test.h"

#include "client_methods.h"
#include "rep_double.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LONG_MS 60000
#define PATIENCE_S 60

enum { MAX_FRAMES = 4096, MAX_CALLS = 4096 };

enum act { ACT_ECHO, ACT_HOLD, ACT_REFUSE_SHARED, ACT_NO_ROOM, ACT_TOO_FEW };

struct scene {
    struct rep_double *server;
    struct stated_client *client;
    atomic_int act;
    /* What came, under the double's lock. */
    unsigned n_frames;
    size_t calls_of[MAX_FRAMES];
    bool parked[MAX_FRAMES];
    unsigned n_seen;
    uint32_t seen[MAX_CALLS * 2];

    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned ended;
    uint64_t counts[MAX_CALLS];
    enum stated_code codes[MAX_CALLS];
};

struct ticket {
    struct scene *scene;
    uint32_t number;
};

static struct ticket tickets[MAX_CALLS];

static uint32_t number_of(const Stated__V1__Call *call)
{
    Stated__V1__ReadRequest *request =
        stated__v1__read_request__unpack(NULL, call->payload.len, call->payload.data);
    uint32_t number = request->limit;
    stated__v1__read_request__free_unpacked(request, NULL);
    return number;
}

static void note(struct scene *scene, const Stated__V1__RequestFrame *frame)
{
    assert_true(scene->n_frames < MAX_FRAMES);
    scene->calls_of[scene->n_frames] = frame->n_calls;
    scene->parked[scene->n_frames] = strcmp(frame->calls[0]->method, park_method.name) == 0;
    scene->n_frames++;
    for (size_t i = 0; i < frame->n_calls; i++) {
        assert_true(scene->n_seen < MAX_CALLS * 2);
        scene->seen[scene->n_seen++] = number_of(frame->calls[i]);
    }
}

static void handle(void *argument, const Stated__V1__RequestFrame *frame, struct rep_answer *answer)
{
    static struct rep_reply replies[REP_REPLIES];
    static Stated__V1__ReadResponse responses[REP_REPLIES];
    struct scene *scene = argument;
    int act = atomic_load(&scene->act);
    size_t n = frame->n_calls;
    if (act == ACT_HOLD) {
        answer->kind = REP_HOLD;
        return;
    }
    note(scene, frame);
    for (size_t i = 0; i < n; i++) {
        responses[i] = (Stated__V1__ReadResponse)STATED__V1__READ_RESPONSE__INIT;
        responses[i].count = number_of(frame->calls[i]);
        replies[i] = (struct rep_reply){.payload = &responses[i].base};
        if (act == ACT_NO_ROOM && n > 1 && responses[i].count % 3 == 0) {
            replies[i] = (struct rep_reply){.code = STATED__V1__CODE__CODE_RESOURCE_EXHAUSTED};
        }
    }
    if (act == ACT_REFUSE_SHARED && n > 1) {
        n = 1;
        replies[0] = (struct rep_reply){.code = STATED__V1__CODE__CODE_RESOURCE_EXHAUSTED};
    }
    rep_answer_replies(answer, replies, act == ACT_TOO_FEW && n > 2 ? n - 1 : n);
}

static void open_scene(struct scene *scene, enum act act,
                       const struct stated_client_options *wanted)
{
    memset(scene, 0, sizeof(*scene));
    scene->act = act;
    pthread_mutex_init(&scene->lock, NULL);
    pthread_cond_init(&scene->changed, NULL);
    scene->server = rep_double_start(handle, scene);
    struct stated_client_options options = *wanted;
    options.endpoint = rep_double_url(scene->server);
    options.connect_timeout_ms = LONG_MS;
    options.timeout_ms = LONG_MS;
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
}

static struct stated_client_options one_frame(void)
{
    struct stated_client_options options = STATED_CLIENT_OPTIONS_INIT;
    options.max_frames = 1;
    return options;
}

static void on_outcome(stated_callback callback, void *argument, const struct stated_status *status,
                       ProtobufCMessage *response)
{
    struct ticket *ticket = argument;
    struct scene *scene = ticket->scene;
    (void)callback;
    pthread_mutex_lock(&scene->lock);
    scene->codes[ticket->number] = status->code;
    scene->counts[ticket->number] =
        response == NULL ? 0 : ((Stated__V1__ReadResponse *)response)->count;
    scene->ended++;
    pthread_cond_broadcast(&scene->changed);
    pthread_mutex_unlock(&scene->lock);
    if (response != NULL) {
        protobuf_c_message_free_unpacked(response, NULL);
    }
}

static void start(struct scene *scene, const struct stated_client_method *method, uint32_t number)
{
    Stated__V1__ReadRequest request = STATED__V1__READ_REQUEST__INIT;
    request.limit = number;
    tickets[number] = (struct ticket){.scene = scene, .number = number};
    assert_int_equal(stated_client_call_async(scene->client, method, NULL, &request.base,
                                              on_outcome, NULL, &tickets[number], NULL),
                     STATED_OK);
}

static void start_range(struct scene *scene, uint32_t first, uint32_t end)
{
    for (uint32_t i = first; i < end; i++) {
        start(scene, i % 2 ? &read_method : &write_method, i);
    }
}

static void wait_ended(struct scene *scene, unsigned count)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&scene->lock);
    while (scene->ended < count) {
        if (pthread_cond_timedwait(&scene->changed, &scene->lock, &until) != 0) {
            fail_msg("%u of %u calls ended", scene->ended, count);
        }
    }
    pthread_mutex_unlock(&scene->lock);
    rep_double_wait(scene->server, 0); /* what the double has written can be read */
}

/* Every call has its own reply. */
static void assert_own_replies(const struct scene *scene, uint32_t first, uint32_t end)
{
    for (uint32_t i = first; i < end; i++) {
        assert_int_equal(scene->codes[i], STATED_OK);
        assert_int_equal(scene->counts[i], i);
    }
}

static void assert_issue_order(const struct scene *scene, uint32_t n)
{
    assert_int_equal(scene->n_seen, n);
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(scene->seen[i], i);
    }
}

static void test_calls_share_the_frame_after_the_one_in_flight(void **state)
{
    (void)state;
    struct scene scene;
    struct stated_client_options options = one_frame();
    open_scene(&scene, ACT_HOLD, &options);
    start_range(&scene, 0, 1); /* leaves at once */
    rep_double_wait(scene.server, 1);
    start_range(&scene, 1, 100);
    scene.act = ACT_ECHO;
    rep_double_release(scene.server);
    wait_ended(&scene, 100);
    assert_int_equal(scene.n_frames, 2);
    assert_int_equal(scene.calls_of[0], 1);
    assert_int_equal(scene.calls_of[1], 99);
    assert_issue_order(&scene, 100);
    assert_own_replies(&scene, 0, 100);
    close_scene(&scene);
}

static void test_bounds(void **state)
{
    (void)state;
    struct scene scene;
    struct stated_client_options options = one_frame();
    options.max_frame_calls = 10;
    open_scene(&scene, ACT_HOLD, &options);
    start_range(&scene, 0, 1);
    rep_double_wait(scene.server, 1);
    start_range(&scene, 1, 36);
    scene.act = ACT_ECHO;
    rep_double_release(scene.server);
    wait_ended(&scene, 36);
    for (unsigned i = 0; i < scene.n_frames; i++) {
        assert_in_range(scene.calls_of[i], 1, 10);
    }
    assert_int_equal(scene.n_frames, 5);
    assert_issue_order(&scene, 36);
    close_scene(&scene);
}

static void test_parked_calls_are_alone_and_in_nobodys_way(void **state)
{
    (void)state;
    struct scene scene;
    struct stated_client_options options = one_frame();
    open_scene(&scene, ACT_HOLD, &options);
    start_range(&scene, 0, 1);
    rep_double_wait(scene.server, 1);
    start(&scene, &park_method, 1);
    rep_double_wait(scene.server, 2); /* beside the frame in flight */
    start_range(&scene, 2, 5);
    start(&scene, &park_method, 5);
    start_range(&scene, 6, 9);
    scene.act = ACT_ECHO;
    rep_double_release(scene.server);
    wait_ended(&scene, 9);
    for (unsigned i = 0; i < scene.n_frames; i++) {
        assert_true(!scene.parked[i] || scene.calls_of[i] == 1);
    }
    assert_issue_order(&scene, 9);
    assert_own_replies(&scene, 0, 9);
    close_scene(&scene);
}

static void test_switched_off(void **state)
{
    (void)state;
    struct scene scene;
    struct stated_client_options options = one_frame();
    options.coalesce = false;
    open_scene(&scene, ACT_HOLD, &options);
    start_range(&scene, 0, 100);
    rep_double_wait(scene.server, 64); /* as many as a server takes of a connection */
    scene.act = ACT_ECHO;
    rep_double_release(scene.server);
    wait_ended(&scene, 100);
    assert_int_equal(scene.n_frames, 100);
    assert_issue_order(&scene, 100);
    assert_own_replies(&scene, 0, 100);
    close_scene(&scene);
}

static void test_a_frame_that_is_refused_is_split(void **state)
{
    (void)state;
    struct scene scene;
    struct stated_client_options options = one_frame();
    options.retry = false; /* it is no retry: nothing was executed */
    open_scene(&scene, ACT_HOLD, &options);
    start_range(&scene, 0, 50);
    rep_double_wait(scene.server, 1);
    scene.act = ACT_REFUSE_SHARED;
    rep_double_release(scene.server);
    wait_ended(&scene, 50);
    assert_own_replies(&scene, 0, 50);
    close_scene(&scene);
}

static void test_a_reply_that_has_no_room_is_asked_for_alone(void **state)
{
    (void)state;
    struct scene scene;
    struct stated_client_options options = one_frame();
    options.retry = false;
    open_scene(&scene, ACT_HOLD, &options);
    start_range(&scene, 0, 50);
    rep_double_wait(scene.server, 1);
    scene.act = ACT_NO_ROOM;
    rep_double_release(scene.server);
    wait_ended(&scene, 50);
    assert_own_replies(&scene, 0, 50);
    close_scene(&scene);
}

static void test_fewer_replies_than_calls(void **state)
{
    (void)state;
    struct scene scene;
    struct stated_client_options options = one_frame();
    open_scene(&scene, ACT_HOLD, &options);
    start_range(&scene, 0, 10);
    rep_double_wait(scene.server, 1);
    scene.act = ACT_TOO_FEW;
    rep_double_release(scene.server);
    wait_ended(&scene, 10);
    for (uint32_t i = 1; i < 10; i++) {
        assert_int_equal(scene.codes[i], i % 2 ? STATED_INTERNAL : STATED_UNKNOWN);
    }
    close_scene(&scene);
}

static void *call_many(void *argument)
{
    struct ticket *ticket = argument;
    for (int i = 0; i < 300; i++) {
        Stated__V1__ReadRequest request = STATED__V1__READ_REQUEST__INIT;
        ProtobufCMessage *response;
        request.limit = ticket->number;
        if (stated_client_call(ticket->scene->client, i % 4 ? &read_method : &write_method, NULL,
                               &request.base, &response, NULL) != STATED_OK) {
            return argument;
        }
        bool own = ((Stated__V1__ReadResponse *)response)->count == ticket->number;
        protobuf_c_message_free_unpacked(response, NULL);
        if (!own) {
            return argument;
        }
    }
    return NULL;
}

static void test_threads_share_without_knowing(void **state)
{
    (void)state;
    enum { THREADS = 12 };
    struct scene scene;
    struct stated_client_options options = one_frame();
    open_scene(&scene, ACT_ECHO, &options);
    pthread_t threads[THREADS];
    for (uint32_t i = 0; i < THREADS; i++) {
        tickets[i] = (struct ticket){.scene = &scene, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, call_many, &tickets[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    rep_double_wait(scene.server, 0);
    assert_int_equal(scene.n_seen, THREADS * 300);
    assert_true(scene.n_frames < scene.n_seen);
    close_scene(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_share_the_frame_after_the_one_in_flight),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_parked_calls_are_alone_and_in_nobodys_way),
        cmocka_unit_test(test_switched_off),
        cmocka_unit_test(test_a_frame_that_is_refused_is_split),
        cmocka_unit_test(test_a_reply_that_has_no_room_is_asked_for_alone),
        cmocka_unit_test(test_fewer_replies_than_calls),
        cmocka_unit_test(test_threads_share_without_knowing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
