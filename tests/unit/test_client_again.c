/* Are calls sent again so that each write happens once, and is the caller told the truth when that
   cannot be known? */
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
#define PATIENCE_S 100

enum { MAX_SEQUENCES = 20000, WRITES = 1200, THREADS = 4 };

enum act {
    ACT_SERVE,
    ACT_LOSE,         /* executes, and hangs up instead of answering */
    ACT_SILENT,       /* executes, never answers */
    ACT_BUSY,         /* refuses with an advice, twice; then serves */
    ACT_BUSY_ALWAYS,  /* refuses */
    ACT_NO_RECORD,    /* knows no sequences */
    ACT_UNKNOWN_CALL, /* does not know the method */
    ACT_SOMETIMES,    /* now and then as ACT_LOSE */
    ACT_LOSE_ALL,     /* loses the first, and refuses from then on */
    ACT_UNSURE,       /* executes the first and cannot tell, and refuses from then on */
};

/* A server that keeps a record of the writes of one client, and counts. */
struct scene {
    struct rep_double *server;
    struct stated_client *client;
    atomic_int act;
    unsigned frames;
    unsigned calls;
    bool has_id;
    uint8_t id[16];
    uint64_t floor; /* acked_below */
    bool applied[MAX_SEQUENCES];
    uint32_t limit[MAX_SEQUENCES]; /* of the request that has the sequence */
    unsigned executions[WRITES];   /* by the request's limit */
    unsigned unnumbered;
    uint64_t widest; /* between the floor and a sequence */
};

static uint32_t limit_of(const Stated__V1__Call *call)
{
    Stated__V1__ReadRequest *request =
        stated__v1__read_request__unpack(NULL, call->payload.len, call->payload.data);
    uint32_t limit = request->limit;
    stated__v1__read_request__free_unpacked(request, NULL);
    return limit;
}

/* Executes a write; true when it was so before. */
static bool execute(struct scene *scene, const Stated__V1__RequestFrame *frame,
                    const Stated__V1__Call *call)
{
    uint32_t limit = limit_of(call);
    if (call->sequence == 0) {
        scene->unnumbered++;
        scene->executions[limit % WRITES]++;
        return false;
    }
    assert_int_equal(frame->client_id.len, 16);
    if (!scene->has_id) {
        memcpy(scene->id, frame->client_id.data, 16);
        scene->has_id = true;
    }
    assert_memory_equal(scene->id, frame->client_id.data, 16);
    scene->floor = frame->acked_below > scene->floor ? frame->acked_below : scene->floor;
    assert_true(call->sequence < MAX_SEQUENCES);
    assert_true(call->sequence >= frame->acked_below);
    if (call->sequence - scene->floor > scene->widest && call->sequence > scene->floor) {
        scene->widest = call->sequence - scene->floor;
    }
    if (scene->applied[call->sequence]) {
        assert_int_equal(scene->limit[call->sequence], limit);
        return true;
    }
    scene->applied[call->sequence] = true;
    scene->limit[call->sequence] = limit;
    scene->executions[limit % WRITES]++;
    return false;
}

static struct rep_reply answer_call(struct scene *scene, int act,
                                    const Stated__V1__RequestFrame *frame,
                                    const Stated__V1__Call *call)
{
    static const Stated__V1__ReadResponse response = STATED__V1__READ_RESPONSE__INIT;
    struct rep_reply reply = {.payload = &response.base};
    bool writes = strcmp(call->method, write_method.name) == 0;
    scene->calls++;
    if (act == ACT_UNSURE && scene->calls == 1) {
        execute(scene, frame, call);
        return (struct rep_reply){.code = STATED__V1__CODE__CODE_UNKNOWN,
                                  .message = "the disk failed while it was written"};
    }
    if (act == ACT_BUSY_ALWAYS || act == ACT_UNSURE || (act == ACT_BUSY && scene->calls <= 2)) {
        return (struct rep_reply){.code = STATED__V1__CODE__CODE_RESOURCE_EXHAUSTED,
                                  .message = "the queue is full",
                                  .retry_after_ms = 5};
    }
    if (act == ACT_UNKNOWN_CALL || (act == ACT_NO_RECORD && call->sequence != 0)) {
        return (struct rep_reply){.code = STATED__V1__CODE__CODE_UNIMPLEMENTED,
                                  .message = act == ACT_UNKNOWN_CALL ? "unknown method"
                                                                     : "no record of sequences"};
    }
    reply.replayed = writes && execute(scene, frame, call);
    return reply;
}

static void handle(void *argument, const Stated__V1__RequestFrame *frame, struct rep_answer *answer)
{
    static struct rep_reply replies[REP_REPLIES];
    struct scene *scene = argument;
    int act = atomic_load(&scene->act);
    unsigned number = scene->frames++;
    for (size_t i = 0; i < frame->n_calls; i++) {
        replies[i] = answer_call(scene, act, frame, frame->calls[i]);
    }
    if (act == ACT_LOSE || act == ACT_LOSE_ALL || (act == ACT_SOMETIMES && number % 10 == 9)) {
        answer->kind = REP_HANG_UP;
        if (act != ACT_SOMETIMES) {
            atomic_store(&scene->act, act == ACT_LOSE ? ACT_SERVE : ACT_BUSY_ALWAYS);
        }
    } else if (act == ACT_SILENT) {
        answer->kind = REP_DROP;
    } else {
        rep_answer_replies(answer, replies, frame->n_calls);
    }
}

static struct stated_client_options defaults(void)
{
    struct stated_client_options options = STATED_CLIENT_OPTIONS_INIT;
    return options;
}

static void open_scene(struct scene *scene, enum act act,
                       const struct stated_client_options *wanted)
{
    memset(scene, 0, sizeof(*scene));
    scene->act = act;
    scene->floor = 1;
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
}

/* What the double has written so far can be read. */
static void look(struct scene *scene)
{
    rep_double_wait(scene->server, 0);
}

static enum stated_code call(struct scene *scene, const struct stated_client_method *method,
                             const struct stated_call_options *options, uint32_t limit,
                             struct stated_status *status)
{
    Stated__V1__ReadRequest request = STATED__V1__READ_REQUEST__INIT;
    ProtobufCMessage *response;
    request.limit = limit;
    enum stated_code code =
        stated_client_call(scene->client, method, options, &request.base, &response, status);
    if (response != NULL) {
        protobuf_c_message_free_unpacked(response, NULL);
    }
    return code;
}

static void test_a_write_whose_reply_is_lost_is_asked_for_again(void **state)
{
    (void)state;
    struct scene scene;
    struct stated_client_options options = defaults();
    struct stated_call_info info = STATED_CALL_INFO_INIT;
    struct stated_call_options call_options = STATED_CALL_OPTIONS_INIT;
    struct stated_status status;
    call_options.info = &info;
    open_scene(&scene, ACT_LOSE, &options);
    assert_int_equal(call(&scene, &write_method, &call_options, 1, &status), STATED_OK);
    assert_true(status.order.replayed);
    look(&scene);
    assert_int_equal(scene.executions[1], 1);
    assert_int_equal(info.tries, 2);
    assert_int_equal(info.sequence, 1);
    assert_int_equal(call(&scene, &write_method, &call_options, 2, &status), STATED_OK);
    assert_false(status.order.replayed);
    assert_int_equal(info.tries, 1);
    assert_int_equal(info.sequence, 2);
    look(&scene);
    assert_int_equal(scene.floor, 2);
    close_scene(&scene);
}

static void test_a_read_is_asked_again(void **state)
{
    (void)state;
    struct scene scene;
    struct stated_client_options options = defaults();
    struct stated_status status;
    open_scene(&scene, ACT_LOSE, &options);
    assert_int_equal(call(&scene, &read_method, NULL, 1, &status), STATED_OK);
    look(&scene);
    assert_false(scene.has_id); /* a read needs no number */
    close_scene(&scene);
}

static void test_what_is_not_sent_again(void **state)
{
    (void)state;
    struct stated_call_options once = STATED_CALL_OPTIONS_INIT;
    once.once = true;
    struct {
        const struct stated_client_method *method;
        const struct stated_call_options *call_options;
        bool number_writes;
        bool retry;
        enum stated_code code;
    } rows[] = {
        {&write_method, NULL, false, true, STATED_UNKNOWN},
        {&write_method, NULL, true, false, STATED_UNKNOWN},
        {&write_method, &once, true, true, STATED_UNKNOWN},
        {&read_method, &once, true, true, STATED_UNAVAILABLE},
        {&park_method, NULL, true, true, STATED_UNAVAILABLE},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct scene scene;
        struct stated_client_options options = defaults();
        struct stated_status status;
        options.number_writes = rows[i].number_writes;
        options.retry = rows[i].retry;
        open_scene(&scene, ACT_LOSE, &options);
        assert_int_equal(call(&scene, rows[i].method, rows[i].call_options, 1, &status),
                         rows[i].code);
        assert_non_null(strstr(status.message, "was lost before the reply"));
        look(&scene);
        assert_int_equal(scene.frames, 1);
        close_scene(&scene);
    }
}

static void test_a_busy_server_is_asked_again(void **state)
{
    (void)state;
    struct scene scene;
    struct stated_client_options options = defaults();
    struct stated_status status;
    options.max_tries = 5; /* rather than a time, which a slow machine may not have */
    open_scene(&scene, ACT_BUSY, &options);
    assert_int_equal(call(&scene, &write_method, NULL, 1, &status), STATED_OK);
    look(&scene);
    assert_int_equal(scene.calls, 3);
    atomic_store(&scene.act, ACT_BUSY_ALWAYS);
    assert_int_equal(call(&scene, &write_method, NULL, 2, &status), STATED_RESOURCE_EXHAUSTED);
    assert_string_equal(status.message, "the queue is full");
    look(&scene);
    assert_int_equal(scene.calls, 3 + 5);
    assert_int_equal(scene.executions[2], 0);
    close_scene(&scene);
}

static void test_a_number_of_tries(void **state)
{
    (void)state;
    struct scene scene;
    struct stated_client_options options = defaults();
    struct stated_status status;
    options.max_tries = 3;
    open_scene(&scene, ACT_BUSY_ALWAYS, &options);
    assert_int_equal(call(&scene, &read_method, NULL, 1, &status), STATED_RESOURCE_EXHAUSTED);
    look(&scene);
    assert_int_equal(scene.calls, 3);
    close_scene(&scene);
}

static void test_a_server_without_a_record(void **state)
{
    (void)state;
    struct scene scene;
    struct stated_client_options options = defaults();
    struct stated_status status;
    open_scene(&scene, ACT_NO_RECORD, &options);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(call(&scene, &write_method, NULL, i, &status), STATED_OK);
    }
    look(&scene);
    assert_int_equal(scene.calls, 6); /* it was asked once with a number */
    assert_int_equal(scene.unnumbered, 5);
    atomic_store(&scene.act, ACT_LOSE);
    assert_int_equal(call(&scene, &write_method, NULL, 7, &status), STATED_UNKNOWN);
    close_scene(&scene);
}

static void test_a_method_that_the_server_does_not_know(void **state)
{
    (void)state;
    struct scene scene;
    struct stated_client_options options = defaults();
    struct stated_status status;
    open_scene(&scene, ACT_UNKNOWN_CALL, &options);
    assert_int_equal(call(&scene, &write_method, NULL, 1, &status), STATED_UNIMPLEMENTED);
    assert_string_equal(status.message, "unknown method");
    atomic_store(&scene.act, ACT_SERVE); /* it has not been taken for one without a record */
    assert_int_equal(call(&scene, &write_method, NULL, 2, &status), STATED_OK);
    look(&scene);
    assert_true(scene.has_id);
    close_scene(&scene);
}

static void test_a_try_that_takes_too_long(void **state)
{
    (void)state;
    struct scene scene;
    struct stated_client_options options = defaults();
    struct stated_call_options call_options = {.timeout_ms = 1500};
    struct stated_status status;
    options.try_timeout_ms = 20;
    open_scene(&scene, ACT_SILENT, &options);
    assert_int_equal(call(&scene, &write_method, &call_options, 1, &status),
                     STATED_DEADLINE_EXCEEDED);
    assert_non_null(strstr(status.message, "whether the write happened is unknown"));
    look(&scene);
    assert_true(scene.frames > 2);
    assert_int_equal(scene.executions[1], 1);
    atomic_store(&scene.act, ACT_SERVE);
    assert_int_equal(call(&scene, &write_method, NULL, 2, &status), STATED_OK);
    close_scene(&scene);
}

static void *stop_after_the_first(void *argument)
{
    struct scene *scene = argument;
    rep_double_wait(scene->server, 1);
    rep_double_stop(scene->server);
    return NULL;
}

static void test_the_server_takes_the_outcome_with_it(void **state)
{
    (void)state;
    static const struct {
        const struct stated_client_method *method;
        enum stated_code code;
    } rows[] = {{&write_method, STATED_UNKNOWN}, {&read_method, STATED_UNAVAILABLE}};
    for (size_t i = 0; i < 2; i++) {
        struct scene scene;
        struct stated_client_options options = defaults();
        struct stated_call_options call_options = {.timeout_ms = 1500};
        struct stated_status status;
        pthread_t thread;
        open_scene(&scene, ACT_SILENT, &options);
        assert_int_equal(pthread_create(&thread, NULL, stop_after_the_first, &scene), 0);
        assert_int_equal(call(&scene, rows[i].method, &call_options, 1, &status), rows[i].code);
        assert_non_null(strstr(status.message, "there was none again within 1500 ms"));
        pthread_join(thread, NULL);
        stated_client_close(scene.client);
    }
}

static void test_a_refusal_does_not_hide_an_earlier_try(void **state)
{
    (void)state;
    static const enum act acts[] = {ACT_LOSE_ALL, ACT_UNSURE};
    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
        struct scene scene;
        struct stated_client_options options = defaults();
        struct stated_status status;
        options.max_tries = 4;
        open_scene(&scene, acts[i], &options);
        assert_int_equal(call(&scene, &write_method, NULL, 1, &status), STATED_UNKNOWN);
        assert_non_null(
            strstr(status.message, "refused with RESOURCE_EXHAUSTED: the queue is full"));
        look(&scene);
        assert_int_equal(scene.calls, 4);
        assert_int_equal(scene.executions[1], 1);
        close_scene(&scene);
    }
}

struct worker {
    struct scene *scene;
    uint32_t first;
    unsigned failed;
};

static void *write_many(void *argument)
{
    struct worker *worker = argument;
    for (uint32_t i = 0; i < WRITES / THREADS; i++) {
        struct stated_status status;
        if (call(worker->scene, &write_method, NULL, worker->first + i, &status) != STATED_OK) {
            fprintf(stderr, "%s\n", status.message);
            worker->failed++;
        }
    }
    return NULL;
}

static unsigned run_workers(struct scene *scene)
{
    pthread_t threads[THREADS];
    struct worker workers[THREADS];
    unsigned failed = 0;
    for (uint32_t i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.scene = scene, .first = i * (WRITES / THREADS)};
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, &workers[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        failed += workers[i].failed;
    }
    return failed;
}

static void test_connections_break_and_every_write_happens_once(void **state)
{
    (void)state;
    static struct scene scene;
    struct stated_client_options options = defaults();
    open_scene(&scene, ACT_SOMETIMES, &options);
    assert_int_equal(run_workers(&scene), 0);
    look(&scene);
    for (int i = 0; i < WRITES; i++) {
        assert_int_equal(scene.executions[i], 1);
    }
    printf("%d writes in %u frames, every tenth reply lost: 0 applied twice, 0 lost\n", WRITES,
           scene.frames);
    close_scene(&scene);
}

/* One write is kept waiting while others go on: no more than a server remembers. */
static void test_the_window(void **state)
{
    (void)state;
    static struct scene scene;
    struct stated_client_options options = defaults();
    options.max_frames = 1;
    open_scene(&scene, ACT_SERVE, &options);
    assert_int_equal(run_workers(&scene), 0);
    look(&scene);
    assert_in_range(scene.widest, 0, 1000);
    close_scene(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_write_whose_reply_is_lost_is_asked_for_again),
        cmocka_unit_test(test_a_read_is_asked_again),
        cmocka_unit_test(test_what_is_not_sent_again),
        cmocka_unit_test(test_a_busy_server_is_asked_again),
        cmocka_unit_test(test_a_number_of_tries),
        cmocka_unit_test(test_a_server_without_a_record),
        cmocka_unit_test(test_a_method_that_the_server_does_not_know),
        cmocka_unit_test(test_a_try_that_takes_too_long),
        cmocka_unit_test(test_the_server_takes_the_outcome_with_it),
        cmocka_unit_test(test_a_refusal_does_not_hide_an_earlier_try),
        cmocka_unit_test(test_connections_break_and_every_write_happens_once),
        cmocka_unit_test(test_the_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
