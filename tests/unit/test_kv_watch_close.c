/* May a watch outlive its client, whatever it is doing, and is its end told then? */
#include "test.h"

#include "client_methods.h"
#include "rep_double.h"
#include "slot.h"

#include "stated/kv.h"

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE_MS = 60000, LONG_MS = 60000 };

/* A server that refuses watches for now, or leaves them waiting, and never answers another call. */
static atomic_bool refuses;
static atomic_uint polls;

static void handle(void *argument, const Stated__V1__RequestFrame *frame, struct rep_answer *answer)
{
    static const struct rep_reply refusal = {.code = STATED__V1__CODE__CODE_UNAVAILABLE,
                                             .message = "not now"};
    (void)argument;
    bool is_watch = strcmp(frame->calls[0]->method, read_method.name) != 0;
    answer->kind = REP_DROP;
    if (is_watch && atomic_load(&refuses)) {
        rep_answer_replies(answer, &refusal, 1);
    }
    if (is_watch) {
        atomic_fetch_add(&polls, 1);
    }
}

/* The client's memory, counted; a thread that is not the test's can be held up when it takes some
   for a call, which it does without the channel's lock. */
static atomic_int live;
static atomic_bool armed;
static sem_t caught;
static sem_t let_go;
static pthread_t tester;

static void *take(void *data, size_t size)
{
    (void)data;
    bool is_armed = true;
    if (size == sizeof(struct slot) && !pthread_equal(pthread_self(), tester) &&
        atomic_compare_exchange_strong(&armed, &is_armed, false)) {
        sem_post(&caught);
        sem_wait(&let_go);
    }
    void *memory = malloc(size);
    atomic_fetch_add(&live, memory != NULL);
    return memory;
}

static void give(void *data, void *memory)
{
    (void)data;
    atomic_fetch_sub(&live, memory != NULL);
    free(memory);
}

static ProtobufCAllocator allocator = {.alloc = take, .free = give};

struct scene {
    struct rep_double *server;
    struct stated_client *client;
    struct stated_kv_watch *watch;
    bool stops_at_end;
    atomic_uint ends;
    enum stated_code why;
};

static void on_events(void *argument, const struct stated_kv_event *events, size_t n)
{
    (void)argument;
    (void)events;
    (void)n;
}

static void on_end(void *argument, const struct stated_status *status)
{
    struct scene *scene = argument;
    struct stated_status refusal;
    /* It is a callback like any other. */
    assert_int_equal(stated_kv_get(scene->client, stated_text("k"), NULL, NULL, &refusal),
                     STATED_FAILED_PRECONDITION);
    scene->why = status->code;
    if (scene->stops_at_end) {
        stated_kv_watch_stop(scene->watch);
    }
    atomic_fetch_add(&scene->ends, 1);
}

static void open_scene(struct scene *scene, bool server_refuses, bool dispatch)
{
    struct stated_client_options options = STATED_CLIENT_OPTIONS_INIT;
    struct stated_kv_watch_options watch_options = STATED_KV_WATCH_OPTIONS_INIT;
    struct stated_status status;
    *scene = (struct scene){.server = rep_double_start(handle, NULL)};
    tester = pthread_self();
    atomic_store(&refuses, server_refuses);
    atomic_store(&polls, 0);
    options.endpoint = rep_double_url(scene->server);
    options.connect_timeout_ms = LONG_MS;
    options.timeout_ms = LONG_MS;
    options.retry = false;
    options.dispatch = dispatch;
    options.max_calls = 16;
    options.allocator = &allocator;
    assert_int_equal(stated_client_open(&options, &scene->client, &status), STATED_OK);
    watch_options.from_revision = 7;
    watch_options.on_end = on_end;
    assert_int_equal(stated_kv_watch_start(scene->client, NULL, &watch_options, on_events, scene,
                                           &scene->watch, &status),
                     STATED_OK);
}

static void wait_polls(struct scene *scene, unsigned count)
{
    for (int waited_ms = 0; atomic_load(&polls) < count; waited_ms++) {
        assert_true(waited_ms < PATIENCE_MS);
        stated_client_dispatch(scene->client, 0);
        poll(NULL, 0, 1);
    }
}

static void check_no_memory_is_left(struct scene *scene)
{
    rep_double_stop(scene->server);
    assert_int_equal(atomic_load(&live), 0);
}

static void test_closed_while_a_watch_goes_on(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        struct scene scene;
        bool pauses = (i & 1) != 0;
        open_scene(&scene, pauses, (i & 2) != 0);
        scene.stops_at_end = (i & 4) != 0;
        wait_polls(&scene, pauses ? 4 : 1);
        stated_client_close(scene.client);
        assert_int_equal(atomic_load(&scene.ends), 1);
        assert_int_equal(scene.why, STATED_CANCELLED);
        if (!scene.stops_at_end) {
            assert_int_equal(stated_kv_watch_revision(scene.watch), 7);
            stated_kv_watch_stop(scene.watch);
        }
        check_no_memory_is_left(&scene);
    }
}

static void never(stated_callback callback, void *argument, const struct stated_status *status,
                  ProtobufCMessage *response)
{
    (void)callback;
    (void)argument;
    (void)response;
    assert_int_equal(status->code, STATED_CANCELLED);
}

/* Its pause is over, and the alarm's thread is just about to poll. */
static void test_stopped_when_the_next_poll_is_about_to_begin(void **state)
{
    (void)state;
    Stated__V1__ReadRequest request = STATED__V1__READ_REQUEST__INIT;
    struct stated_status status;
    struct scene scene;
    open_scene(&scene, true, false);
    wait_polls(&scene, 5); /* the pauses have become long */
    /* A call that stays takes what the next poll would use, so that it has to take memory. */
    for (int calls = 0; calls == 0 || atomic_exchange(&armed, false); calls++) {
        assert_true(calls < 15);
        unsigned before = atomic_load(&polls);
        assert_int_equal(stated_client_call_async(scene.client, &read_method, NULL, &request.base,
                                                  never, NULL, NULL, &status),
                         STATED_OK);
        atomic_store(&armed, true);
        while (atomic_load(&armed) && atomic_load(&polls) == before) {
            poll(NULL, 0, 1);
        }
    }
    sem_wait(&caught);
    stated_kv_watch_stop(scene.watch);
    sem_post(&let_go);
    stated_client_close(scene.client);
    assert_int_equal(atomic_load(&scene.ends), 0);
    check_no_memory_is_left(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_closed_while_a_watch_goes_on),
        cmocka_unit_test(test_stopped_when_the_next_poll_is_about_to_begin),
    };
    sem_init(&caught, 0, 0);
    sem_init(&let_go, 0, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
