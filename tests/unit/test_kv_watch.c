/* Does a watch tell every change once, in order, whatever happens to its connection? */
#include "test.h"

#include "rep_double.h"
#include "served.h"

#include "stated/kv.h"
#include "stated/v1/admin.stated-client.h"
#include "stated/v1/state.pb-c.h"

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST = 4096, PATIENCE_S = 60 };

static struct served served;
static struct stated_client *client;
static struct stated_status status;

/* What a watch has told. */
struct ear {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct stated_kv_watch *watch;
    bool stops_itself;
    unsigned n;
    unsigned calls;
    char said[MOST][64];
    uint64_t revisions[MOST];
    bool ended;
    struct stated_status why;
};

static void ear_init(struct ear *ear)
{
    memset(ear, 0, sizeof(*ear));
    pthread_mutex_init(&ear->lock, NULL);
    pthread_cond_init(&ear->changed, NULL);
}

static struct ear *ear_new(void)
{
    struct ear *ear = malloc(sizeof(*ear));
    assert_non_null(ear);
    ear_init(ear);
    return ear;
}

static void ear_free(struct ear *ear)
{
    stated_kv_watch_stop(ear->watch);
    pthread_mutex_destroy(&ear->lock);
    pthread_cond_destroy(&ear->changed);
    free(ear);
}

/* "key=value" and, when there was one, " was value"; a deletion is "key gone". */
static void hear_event(struct ear *ear, const struct stated_kv_event *event)
{
    char *said = ear->said[ear->n];
    const char *key = event->entry->key.data;
    int length = event->deleted
                     ? snprintf(said, 64, "%s gone", key)
                     : snprintf(said, 64, "%s=%s", key, (const char *)event->entry->value.data);
    if (event->previous != NULL) {
        snprintf(said + length, 64 - (size_t)length, " was %s",
                 (const char *)event->previous->value.data);
    }
    ear->revisions[ear->n++] = event->entry->mod_revision;
}

static void hear(void *argument, const struct stated_kv_event *events, size_t n)
{
    struct ear *ear = argument;
    pthread_mutex_lock(&ear->lock);
    ear->calls++;
    for (size_t i = 0; i < n && ear->n < MOST; i++) {
        hear_event(ear, &events[i]);
    }
    struct stated_kv_watch *to_stop = ear->stops_itself ? ear->watch : NULL;
    pthread_cond_broadcast(&ear->changed);
    pthread_mutex_unlock(&ear->lock);
    stated_kv_watch_stop(to_stop);
}

static void hear_end(void *argument, const struct stated_status *why)
{
    struct ear *ear = argument;
    pthread_mutex_lock(&ear->lock);
    ear->ended = true;
    ear->why = *why;
    pthread_cond_broadcast(&ear->changed);
    pthread_mutex_unlock(&ear->lock);
}

static void ear_wait(struct ear *ear, unsigned events, bool end)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&ear->lock);
    while (ear->n < events || (end && !ear->ended)) {
        if (pthread_cond_timedwait(&ear->changed, &ear->lock, &until) != 0) {
            fail_msg("%u of %u events were told", ear->n, events);
        }
    }
    pthread_mutex_unlock(&ear->lock);
}

static void start(struct ear *ear, struct stated_client *whose, const struct stated_kv_range *range,
                  uint64_t from_revision)
{
    struct stated_kv_watch_options options = STATED_KV_WATCH_OPTIONS_INIT;
    options.from_revision = from_revision;
    options.on_end = hear_end;
    assert_int_equal(stated_kv_watch_start(whose, range, &options, hear, ear, &ear->watch, &status),
                     STATED_OK);
}

static uint64_t put(const char *key, const char *value)
{
    uint64_t revision;
    assert_int_equal(
        stated_kv_put(client, stated_text(key), stated_text(value), NULL, &revision, &status),
        STATED_OK);
    return revision;
}

static int set_up(void **state)
{
    (void)state;
    served_start(&served);
    client = served_client(&served);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    stated_client_close(client);
    served_stop(&served);
    return 0;
}

static void test_what_happens_after_the_start(void **state)
{
    (void)state;
    struct ear *ear = ear_new();
    struct stated_kv_range range = stated_kv_prefix("a/");
    put("a/1", "before");
    start(ear, client, &range, 0);
    put("a/1", "after");
    put("b/1", "not watched");
    put("a/2", "new");
    uint64_t gone;
    assert_int_equal(stated_kv_delete(client, stated_text("a/1"), NULL, &gone, NULL), STATED_OK);
    ear_wait(ear, 3, false);
    assert_string_equal(ear->said[0], "a/1=after was before");
    assert_string_equal(ear->said[1], "a/2=new");
    assert_string_equal(ear->said[2], "a/1 gone was after");
    assert_int_equal(ear->revisions[2], gone);
    ear_free(ear);
}

static void test_from_a_revision(void **state)
{
    (void)state;
    struct ear *ear = ear_new();
    struct stated_kv_range range = stated_kv_prefix("old/");
    uint64_t first = put("old/1", "1");
    put("old/1", "2");
    uint64_t third = put("old/1", "3");
    start(ear, client, &range, first);
    ear_wait(ear, 3, false);
    assert_string_equal(ear->said[0], "old/1=1");
    assert_string_equal(ear->said[2], "old/1=3 was 2");
    put("old/1", "4");
    ear_wait(ear, 4, false);
    assert_true(stated_kv_watch_revision(ear->watch) > third);
    ear_free(ear);
}

static void test_what_a_revision_changed_comes_together(void **state)
{
    (void)state;
    struct ear *ear = ear_new();
    struct stated_kv_range range = {.start = stated_text("r/2"), .end = stated_text("r/4")};
    struct stated_kv_batch *batch = stated_kv_batch_new();
    for (const char *digit = "12345"; *digit != '\0'; digit++) {
        char key[] = {'r', '/', *digit, '\0'};
        stated_kv_batch_put(batch, stated_text(key), stated_text(""));
    }
    start(ear, client, &range, 0);
    assert_int_equal(stated_kv_batch_write(client, batch, NULL, NULL, &status), STATED_OK);
    ear_wait(ear, 2, false);
    assert_int_equal(ear->calls, 1);
    assert_string_equal(ear->said[0], "r/2=");
    assert_string_equal(ear->said[1], "r/3=");
    assert_int_equal(ear->revisions[0], ear->revisions[1]);
    stated_kv_batch_free(batch);
    ear_free(ear);
}

/* The server is killed while there is something to tell, again and again. */
static void test_nothing_is_lost_when_the_server_restarts(void **state)
{
    (void)state;
    enum { KILLS = 4, WRITES = 20 };
    struct ear *ear = ear_new();
    struct stated_kv_range range = stated_kv_prefix("kill/");
    unsigned written = 0;
    start(ear, client, &range, 0);
    for (int round = 0; round <= KILLS; round++) {
        for (int i = 0; i < WRITES; i++) {
            char value[16];
            snprintf(value, sizeof(value), "%u", written++);
            put("kill/k", value);
        }
        if (round < KILLS) {
            served_kill(&served);
            served_restart(&served);
        }
    }
    ear_wait(ear, written, false);
    for (unsigned i = 0; i < written; i++) {
        char expected[64];
        snprintf(expected, sizeof(expected), i == 0 ? "kill/k=0" : "kill/k=%u was %u", i, i - 1);
        assert_string_equal(ear->said[i], expected);
        assert_true(i == 0 || ear->revisions[i] > ear->revisions[i - 1]);
    }
    assert_int_equal(ear->n, written);
    ear_free(ear);
}

static void test_stopped_from_its_callback(void **state)
{
    (void)state;
    struct ear *ear = ear_new();
    struct ear *other = ear_new();
    struct stated_kv_range range = stated_kv_prefix("s/");
    start(ear, client, &range, 0);
    start(other, client, &range, 0);
    pthread_mutex_lock(&ear->lock);
    ear->stops_itself = true;
    pthread_mutex_unlock(&ear->lock);
    put("s/1", "told");
    put("s/2", "told to one");
    ear_wait(other, 2, false);
    ear_wait(ear, 1, false);
    ear->watch = NULL;
    unsigned told = ear->n;
    put("s/3", "not told");
    ear_wait(other, 3, false);
    assert_int_equal(ear->n, told);
    ear_free(other);
    ear_free(ear);
}

static void test_stopped_while_it_waits_or_pauses(void **state)
{
    (void)state;
    struct ear *waits = ear_new();
    struct ear *pauses = ear_new();
    struct stated_client *own = served_client(&served);
    start(waits, own, NULL, 0);
    start(pauses, own, NULL, 0);
    ear_free(waits);
    served_kill(&served);
    ear_free(pauses);
    stated_client_close(own);
    served_restart(&served);
}

/* Parked calls that the server holds. */
static uint32_t parked(void)
{
    Stated__V1__StatusRequest request = STATED__V1__STATUS_REQUEST__INIT;
    Stated__V1__StatusResponse *response;
    assert_int_equal(stated_v1_admin_service_status(client, NULL, &request, &response, &status),
                     STATED_OK);
    uint32_t calls = response->queue->parked_calls;
    stated__v1__status_response__free_unpacked(response, NULL);
    return calls;
}

/* The client lets go of the call at once; that the server does is seen when the connection ends. */
static void test_a_stopped_watch_is_gone(void **state)
{
    (void)state;
    struct ear *ear = ear_new();
    struct stated_client *own = served_client(&served);
    uint32_t before = parked();
    start(ear, own, NULL, 0);
    for (int waited_ms = 0; parked() != before + 1; waited_ms++) {
        assert_true(waited_ms < PATIENCE_S * 1000);
        poll(NULL, 0, 1);
    }
    ear_free(ear);
    stated_client_close(own);
    for (int waited_ms = 0; parked() != before; waited_ms++) {
        assert_true(waited_ms < PATIENCE_S * 1000);
        poll(NULL, 0, 1);
    }
}

static void test_a_revision_that_is_not_there(void **state)
{
    (void)state;
    struct ear *ear = ear_new();
    start(ear, client, NULL, 1000000);
    ear_wait(ear, 0, true);
    assert_int_equal(ear->why.code, STATED_OUT_OF_RANGE);
    assert_int_equal(ear->n, 0);
    ear_free(ear);
}

static void test_bad_arguments(void **state)
{
    (void)state;
    struct stated_kv_watch *watch;
    struct stated_kv_range both = {.prefix = stated_text("a"), .end = stated_text("b")};
    struct stated_kv_range backwards = {.start = stated_text("b"), .end = stated_text("a")};
    assert_int_equal(stated_kv_watch_start(NULL, NULL, NULL, hear, NULL, &watch, &status),
                     STATED_INVALID_ARGUMENT);
    assert_int_equal(stated_kv_watch_start(client, NULL, NULL, NULL, NULL, &watch, &status),
                     STATED_INVALID_ARGUMENT);
    assert_string_equal(status.message, "on_events is NULL");
    assert_int_equal(stated_kv_watch_start(client, NULL, NULL, hear, NULL, NULL, &status),
                     STATED_INVALID_ARGUMENT);
    assert_int_equal(stated_kv_watch_start(client, &both, NULL, hear, NULL, &watch, &status),
                     STATED_INVALID_ARGUMENT);
    assert_null(watch);
    stated_kv_watch_stop(NULL);
    assert_int_equal(stated_kv_watch_revision(NULL), 0);
    struct ear *ear = ear_new();
    start(ear, client, &backwards, 0);
    ear_wait(ear, 0, true);
    assert_int_equal(ear->why.code, STATED_INVALID_ARGUMENT);
    ear_free(ear);
}

/* A server that fails in every way that passes before it tells, and notes what it is asked for. */
struct moody {
    pthread_mutex_t lock;
    unsigned polls;
    uint32_t limits[64];
    uint64_t froms[64];
};

static const int moods[] = {STATED_UNAVAILABLE,
                            STATED_RESOURCE_EXHAUSTED,
                            STATED_RESOURCE_EXHAUSTED,
                            STATED_INTERNAL,
                            STATED_OK,
                            -1,
                            STATED_OK,
                            STATED_PERMISSION_DENIED};

static void answer_moodily(void *argument, const Stated__V1__RequestFrame *frame,
                           struct rep_answer *answer)
{
    struct moody *moody = argument;
    const Stated__V1__Call *call = frame->calls[0];
    Stated__V1__WatchRequest *request =
        stated__v1__watch_request__unpack(NULL, call->payload.len, call->payload.data);
    unsigned poll = moody->polls++;
    int mood = moods[poll];
    moody->limits[poll] = request->limit;
    moody->froms[poll] = request->from_revision;
    stated__v1__watch_request__free_unpacked(request, NULL);
    if (mood == -1) {
        answer->kind = REP_HANG_UP;
        return;
    }
    if (mood != STATED_OK) {
        Stated__V1__Status refusal;
        Stated__V1__Reply reply = STATED__V1__REPLY__INIT;
        Stated__V1__Reply *replies[] = {&reply};
        Stated__V1__ReplyFrame replied = STATED__V1__REPLY_FRAME__INIT;
        stated__v1__status__init(&refusal);
        refusal.code = (Stated__V1__Code)mood;
        static char message[] = "in a mood";
        refusal.message = message;
        reply.status = &refusal;
        replied.replies = replies;
        replied.n_replies = 1;
        rep_answer_frame(answer, &replied);
        return;
    }
    Stated__V1__Entry entry = STATED__V1__ENTRY__INIT;
    Stated__V1__Event event = STATED__V1__EVENT__INIT;
    Stated__V1__Event *events[] = {&event};
    Stated__V1__WatchResponse response = STATED__V1__WATCH_RESPONSE__INIT;
    static uint8_t key[] = "k";
    entry.key = (ProtobufCBinaryData){.len = 1, .data = key};
    entry.mod_revision = moody->froms[poll];
    event.entry = &entry;
    response.events = events;
    response.n_events = 1;
    response.next_revision = moody->froms[poll] + 1;
    rep_answer_ok(answer, &response.base);
}

static void test_what_passes_is_waited_out(void **state)
{
    (void)state;
    struct moody moody = {.polls = 0};
    struct rep_double *server = rep_double_start(answer_moodily, &moody);
    struct stated_client_options options = STATED_CLIENT_OPTIONS_INIT;
    struct stated_client *other;
    struct ear *ear = ear_new();
    options.endpoint = rep_double_url(server);
    options.retry = false;
    assert_int_equal(stated_client_open(&options, &other, &status), STATED_OK);
    start(ear, other, NULL, 7);
    ear_wait(ear, 2, true);
    assert_int_equal(ear->why.code, STATED_PERMISSION_DENIED);
    assert_string_equal(ear->said[0], "k=");
    assert_int_equal(ear->revisions[0], 7);
    assert_int_equal(ear->revisions[1], 8);
    assert_int_equal(moody.limits[1], 0);
    assert_int_equal(moody.limits[2], 64);
    assert_int_equal(moody.limits[3], 8);
    assert_int_equal(moody.limits[4], 8);
    assert_int_equal(moody.limits[5], 64);
    assert_int_equal(moody.limits[7], 0);
    ear_free(ear);
    stated_client_close(other);
    rep_double_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_happens_after_the_start),
        cmocka_unit_test(test_from_a_revision),
        cmocka_unit_test(test_what_a_revision_changed_comes_together),
        cmocka_unit_test(test_nothing_is_lost_when_the_server_restarts),
        cmocka_unit_test(test_stopped_from_its_callback),
        cmocka_unit_test(test_stopped_while_it_waits_or_pauses),
        cmocka_unit_test(test_a_stopped_watch_is_gone),
        cmocka_unit_test(test_a_revision_that_is_not_there),
        cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_what_passes_is_waited_out),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
