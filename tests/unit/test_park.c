/* Does every parked call end exactly once: answered, in time, on a stop, or with its caller gone?
 */
#include "rpc/park.h"

#include "base/clock.h"
#include "rpc/dispatch.h"

#include "frames.h"
#include "test.h"

#include "stated/v1/state.pb-c.h"

#include <stdlib.h>
#include <string.h>

/* What the handler of Listen does, by WatchRequest.limit; the key is what it remembers, and
   from_revision how often it stays when it is woken. */
enum { PARKS, ANSWERS, PARKS_AND_FAILS, PARKS_AND_WAKES, PARKS_TWICE, FAILS_LATER };

struct listener {
    struct list_node node;
    struct stated_parked *parked;
    uint64_t stays;
    uint32_t kind;
    char name[16];
};

struct bell {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct list listeners;
    unsigned n_listening;
    unsigned resumed[STATED_WAKE_STOPPING + 1];
    unsigned ended;
};

/* The answer says why it came: next_revision is the reason, the event's key what was remembered. */
static enum stated_code resume(struct stated_call *call, enum stated_wake why, void *memory,
                               ProtobufCMessage *message)
{
    struct listener *self = memory;
    struct bell *bell = stated_call_state(call);
    Stated__V1__WatchResponse *response = (Stated__V1__WatchResponse *)message;
    assert_int_equal(response->n_events, 0);
    assert_int_equal(response->next_revision, 0);
    pthread_mutex_lock(&bell->mutex);
    bell->resumed[why]++;
    pthread_cond_broadcast(&bell->changed);
    pthread_mutex_unlock(&bell->mutex);
    response->next_revision = 100 + why;
    if (why == STATED_WAKE_CALLED && self->stays > 0) {
        self->stays--;
        return stated_call_stay(call);
    }
    if (self->kind == FAILS_LATER) {
        return stated_call_fail(call, STATED_ABORTED, "%s was woken", self->name);
    }
    response->events = stated_call_alloc(call, sizeof(*response->events));
    Stated__V1__Event *event = stated_call_alloc(call, sizeof(*event));
    Stated__V1__Entry *entry = stated_call_alloc(call, sizeof(*entry));
    stated__v1__event__init(event);
    stated__v1__entry__init(entry);
    entry->key.data = (uint8_t *)self->name;
    entry->key.len = strlen(self->name);
    event->entry = entry;
    response->events[0] = event;
    response->n_events = 1;
    return STATED_OK;
}

static void end(struct stated_call *call, void *memory)
{
    struct listener *self = memory;
    struct bell *bell = stated_call_state(call);
    pthread_mutex_lock(&bell->mutex);
    bell->n_listening -= list_node_is_linked(&self->node);
    list_remove(&self->node);
    bell->ended++;
    pthread_cond_broadcast(&bell->changed);
    pthread_mutex_unlock(&bell->mutex);
}

static const struct stated_park_ops ops = {.resume = resume, .end = end};

static enum stated_code listen(const void *handlers, struct stated_call *call,
                               const ProtobufCMessage *request, ProtobufCMessage *response)
{
    (void)handlers, (void)response;
    const Stated__V1__WatchRequest *wanted = (const void *)request;
    struct bell *bell = stated_call_state(call);
    struct stated_parked *parked;
    if (wanted->limit == ANSWERS) {
        return STATED_OK;
    }
    enum stated_code code = stated_call_park(call, &ops, sizeof(struct listener), &parked);
    if (code != STATED_OK) {
        return code;
    }
    struct listener *self = stated_parked_memory(parked);
    assert_int_equal(self->stays, 0);
    self->parked = parked;
    self->kind = wanted->limit;
    self->stays = wanted->from_revision;
    memcpy(self->name, wanted->select->key.data, wanted->select->key.len);
    list_node_init(&self->node);
    if (self->kind == PARKS_TWICE) {
        assert_int_equal(stated_call_park(call, &ops, 1, &parked), STATED_INTERNAL);
        return STATED_INTERNAL;
    }
    pthread_mutex_lock(&bell->mutex);
    list_push_back(&bell->listeners, &self->node);
    bell->n_listening++;
    pthread_cond_broadcast(&bell->changed);
    pthread_mutex_unlock(&bell->mutex);
    if (self->kind == PARKS_AND_WAKES) {
        stated_parked_wake(parked);
        stated_parked_wake(parked);
    }
    return self->kind == PARKS_AND_FAILS ? stated_call_fail(call, STATED_ABORTED, "on purpose")
                                         : STATED_OK;
}

static enum stated_code admit_all(const void *handlers, struct stated_call *call,
                                  const ProtobufCMessage *request,
                                  struct stated_admission *admission)
{
    (void)handlers, (void)call, (void)request, (void)admission;
    return STATED_OK;
}

#define TYPES &stated__v1__watch_request__descriptor, &stated__v1__watch_response__descriptor

static const struct stated_method methods[] = {
    {"test.Bell/Listen", STATED_ACCESS_PARK, TYPES, listen, admit_all},
    {"test.Bell/Nothing", STATED_ACCESS_NONE, TYPES, listen, admit_all},
    {"test.Bell/Read", STATED_ACCESS_READ, TYPES, listen, admit_all},
};

static const struct stated_service_type bell_type = {"test.Bell", methods,
                                                     sizeof(methods) / sizeof(methods[0])};

enum { MAX_PARKED = 40, MAX_PARTY = 20, MAX_HELD = 3, LONG_MS = 60000 };

struct harness {
    struct dispatch dispatch;
    struct gate *gate;
    struct park *park;
    struct bell bell;
    struct frames frames;
};

static int set_up(void **state)
{
    struct harness *self = calloc(1, sizeof(*self));
    const struct dispatch_limits limits = {.max_message_bytes = 8192,
                                           .max_calls_per_frame = 64,
                                           .default_timeout_ms = LONG_MS,
                                           .max_timeout_ms = LONG_MS};
    const struct gate_options options = {.workers = 2,
                                         .max_queued_calls = 64,
                                         .max_queued_bytes = 1 << 20,
                                         .max_party_calls = 64,
                                         .max_run_calls = 64,
                                         .max_run_bytes = 1 << 20};
    const struct park_options park = {
        .max_calls = MAX_PARKED, .max_party_calls = MAX_PARTY, .max_held_frames = MAX_HELD};
    pthread_mutex_init(&self->bell.mutex, NULL);
    pthread_cond_init(&self->bell.changed, NULL);
    list_init(&self->bell.listeners);
    dispatch_init(&self->dispatch, &limits, 77);
    assert_int_equal(dispatch_register(&self->dispatch, &bell_type, NULL, &self->bell, NULL),
                     STATED_OK);
    assert_int_equal(gate_new(&options, &dispatch_gate_ops, &self->dispatch, &self->gate),
                     STATED_OK);
    assert_int_equal(park_new(&park, &self->park), STATED_OK);
    dispatch_attach(&self->dispatch, self->gate, NULL);
    dispatch_attach_park(&self->dispatch, self->park);
    frames_init(&self->frames, &self->dispatch);
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    struct harness *self = *state;
    park_drain(self->park);
    assert_true(park_wait_idle(self->park, LONG_MS));
    assert_true(gate_wait_idle(self->gate, LONG_MS));
    assert_int_equal(self->bell.n_listening, 0);
    frames_deinit(&self->frames);
    park_free(self->park);
    gate_free(self->gate);
    dispatch_deinit(&self->dispatch);
    pthread_cond_destroy(&self->bell.changed);
    pthread_mutex_destroy(&self->bell.mutex);
    free(self);
    return 0;
}

/* A request and the messages that it consists of. */
struct wanted {
    Stated__V1__WatchRequest request;
    Stated__V1__Selector select;
};

static struct frames_call call_of(struct wanted *self, uint32_t kind, const char *name,
                                  uint64_t stays, uint32_t timeout_ms)
{
    stated__v1__watch_request__init(&self->request);
    stated__v1__selector__init(&self->select);
    self->select.kind_case = STATED__V1__SELECTOR__KIND_KEY;
    self->select.key.data = (uint8_t *)(uintptr_t)name;
    self->select.key.len = strlen(name);
    self->request.select = &self->select;
    self->request.limit = kind;
    self->request.from_revision = stays;
    return (struct frames_call){
        .method = "test.Bell/Listen", .request = &self->request.base, .timeout_ms = timeout_ms};
}

static void begin(struct frames *frames, uint32_t kind, const char *name, uint64_t stays,
                  uint32_t timeout_ms)
{
    struct wanted wanted;
    struct frames_call call = call_of(&wanted, kind, name, stays, timeout_ms);
    frames_begin_calls(frames, &call, 1);
}

static void wake_all(struct bell *bell)
{
    pthread_mutex_lock(&bell->mutex);
    for (struct list_node *node = list_first(&bell->listeners); node != NULL;
         node = list_after(&bell->listeners, node)) {
        stated_parked_wake(CONTAINER_OF(node, struct listener, node)->parked);
    }
    pthread_mutex_unlock(&bell->mutex);
}

/* Until so many have been resumed because they were woken. */
static void wait_resumed(struct bell *bell, unsigned n)
{
    struct timespec until;
    int error = 0;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    pthread_mutex_lock(&bell->mutex);
    while (bell->resumed[STATED_WAKE_CALLED] < n && error == 0) {
        error = pthread_cond_timedwait(&bell->changed, &bell->mutex, &until);
    }
    unsigned resumed = bell->resumed[STATED_WAKE_CALLED];
    pthread_mutex_unlock(&bell->mutex);
    assert_int_equal(resumed, n);
}

static void assert_answer(const Stated__V1__Reply *reply, enum stated_wake why, const char *name)
{
    assert_null(reply->status);
    assert_true(reply->order == NULL || reply->order->ticket == 0);
    Stated__V1__WatchResponse *response =
        stated__v1__watch_response__unpack(NULL, reply->payload.len, reply->payload.data);
    assert_non_null(response);
    assert_int_equal(response->next_revision, 100 + why);
    assert_int_equal(response->n_events, 1);
    assert_int_equal(response->events[0]->entry->key.len, strlen(name));
    assert_memory_equal(response->events[0]->entry->key.data, name, strlen(name));
    stated__v1__watch_response__free_unpacked(response, NULL);
}

static void assert_answered(struct frames *frames, enum stated_wake why, const char *name)
{
    Stated__V1__ReplyFrame *reply = frames_wait(frames);
    assert_int_equal(reply->n_replies, 1);
    assert_answer(reply->replies[0], why, name);
    stated__v1__reply_frame__free_unpacked(reply, NULL);
}

static void assert_refused(struct frames *frames, enum stated_code code, const char *text)
{
    Stated__V1__ReplyFrame *reply = frames_wait(frames);
    assert_int_equal(reply->n_replies, 1);
    assert_non_null(reply->replies[0]->status);
    assert_int_equal(reply->replies[0]->status->code, code);
    if (strstr(reply->replies[0]->status->message, text) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", text, reply->replies[0]->status->message);
    }
    stated__v1__reply_frame__free_unpacked(reply, NULL);
}

static void test_a_call_may_be_answered_at_once(void **state)
{
    struct harness *self = *state;
    begin(&self->frames, ANSWERS, "", 0, 0);
    Stated__V1__ReplyFrame *reply = frames_wait(&self->frames);
    assert_null(reply->replies[0]->status);
    stated__v1__reply_frame__free_unpacked(reply, NULL);
    assert_int_equal(self->bell.ended, 0);
    assert_int_equal(park_count(self->park), 0);
}

static void test_a_woken_call_answers_from_what_it_kept(void **state)
{
    struct harness *self = *state;
    begin(&self->frames, PARKS, "kept", 0, 0);
    assert_int_equal(park_count(self->park), 1);
    assert_false(self->frames.answered);
    wake_all(&self->bell);
    assert_answered(&self->frames, STATED_WAKE_CALLED, "kept");
    assert_int_equal(self->bell.ended, 1);
    assert_int_equal(park_count(self->park), 0);
}

static void test_a_parked_frame_gives_its_memory_back(void **state)
{
    struct harness *self = *state;
    begin(&self->frames, PARKS, "kept", 1, 0);
    assert_null(self->frames.exchange.arena.chunks);
    wake_all(&self->bell);
    wait_resumed(&self->bell, 1);
    wake_all(&self->bell);
    assert_answered(&self->frames, STATED_WAKE_CALLED, "kept");
}

static void test_it_stays_as_often_as_it_wants(void **state)
{
    struct harness *self = *state;
    begin(&self->frames, PARKS, "stays", 3, 0);
    for (unsigned i = 1; i <= 3; i++) {
        wake_all(&self->bell);
        wait_resumed(&self->bell, i);
        assert_false(self->frames.answered);
    }
    wake_all(&self->bell);
    assert_answered(&self->frames, STATED_WAKE_CALLED, "stays");
    assert_int_equal(self->bell.resumed[STATED_WAKE_CALLED], 4);
    assert_int_equal(self->bell.ended, 1);
}

static void test_a_wake_before_the_handler_returns_counts(void **state)
{
    struct harness *self = *state;
    begin(&self->frames, PARKS_AND_WAKES, "early", 0, 0);
    assert_answered(&self->frames, STATED_WAKE_CALLED, "early");
    assert_int_equal(self->bell.resumed[STATED_WAKE_CALLED], 1);
}

static void test_when_the_time_is_over_the_handler_says_what(void **state)
{
    struct harness *self = *state;
    uint64_t start_ns = clock_now_ns();
    begin(&self->frames, PARKS, "late", 99, 200);
    assert_answered(&self->frames, STATED_WAKE_TIMEOUT, "late");
    assert_true(clock_now_ns() - start_ns >= 180 * CLOCK_NS_PER_MS); /* a tenth is the way back's */
    assert_int_equal(self->bell.ended, 1);
    begin(&self->frames, PARKS, "short", 99, 1);
    assert_answered(&self->frames, STATED_WAKE_TIMEOUT, "short");
}

static void test_an_error_is_an_answer(void **state)
{
    struct harness *self = *state;
    begin(&self->frames, FAILS_LATER, "who", 0, 0);
    wake_all(&self->bell);
    assert_refused(&self->frames, STATED_ABORTED, "who was woken");
    assert_int_equal(self->bell.ended, 1);
}

static void test_a_call_that_fails_after_all_was_never_parked(void **state)
{
    struct harness *self = *state;
    begin(&self->frames, PARKS_AND_FAILS, "x", 0, 0);
    assert_refused(&self->frames, STATED_ABORTED, "on purpose");
    assert_int_equal(self->bell.ended, 1);
    assert_int_equal(park_count(self->park), 0);
    begin(&self->frames, PARKS_TWICE, "x", 0, 0);
    assert_refused(&self->frames, STATED_INTERNAL, "cannot be parked");
    assert_int_equal(self->bell.ended, 2);
    assert_int_equal(park_count(self->park), 0);
}

static void test_only_park_methods_park_and_only_where_there_is_a_park(void **state)
{
    struct harness *self = *state;
    struct wanted wanted;
    struct frames_call call = call_of(&wanted, PARKS, "x", 0, 0);
    call.method = "test.Bell/Nothing";
    frames_begin_calls(&self->frames, &call, 1);
    assert_refused(&self->frames, STATED_INTERNAL, "test.Bell/Nothing");
    dispatch_attach_park(&self->dispatch, NULL);
    begin(&self->frames, PARKS, "x", 0, 0);
    assert_refused(&self->frames, STATED_UNIMPLEMENTED, "cannot be parked here");
}

static void test_a_drain_answers_all_and_parks_no_more(void **state)
{
    struct harness *self = *state;
    begin(&self->frames, PARKS, "drained", 99, 0);
    park_drain(self->park);
    assert_answered(&self->frames, STATED_WAKE_STOPPING, "drained");
    assert_true(park_wait_idle(self->park, LONG_MS));
    begin(&self->frames, PARKS, "x", 0, 0);
    assert_refused(&self->frames, STATED_UNAVAILABLE, "stopping");
    assert_int_equal(self->bell.ended, 1);
}

static void test_waiting_for_a_parked_call_has_a_bound(void **state)
{
    struct harness *self = *state;
    begin(&self->frames, PARKS, "x", 0, 0);
    assert_false(park_wait_idle(self->park, 1));
    wake_all(&self->bell);
    assert_answered(&self->frames, STATED_WAKE_CALLED, "x");
    assert_true(park_wait_idle(self->park, LONG_MS));
}

static void test_a_party_that_goes_takes_its_calls_along(void **state)
{
    struct harness *self = *state;
    struct frames other;
    frames_init(&other, &self->dispatch);
    begin(&self->frames, PARKS, "gone", 0, 0);
    begin(&other, PARKS, "other", 0, 0);
    park_cancel_party(self->park, &self->frames.party);
    assert_refused(&self->frames, STATED_CANCELLED, "cancelled");
    assert_int_equal(self->bell.resumed[STATED_WAKE_CALLED], 0);
    assert_int_equal(self->bell.ended, 1);
    /* What it still parks later as well. */
    begin(&self->frames, PARKS, "gone", 0, 0);
    assert_refused(&self->frames, STATED_CANCELLED, "cancelled");
    wake_all(&self->bell);
    assert_answered(&other, STATED_WAKE_CALLED, "other");
    frames_deinit(&other);
}

static unsigned set_aside_calls;

static bool count_set_aside(struct exchange *exchange)
{
    (void)exchange;
    set_aside_calls++;
    return true;
}

static bool find_gone(struct exchange *exchange)
{
    (void)exchange;
    return false;
}

static void test_the_transport_hears_of_a_parked_frame_once(void **state)
{
    struct harness *self = *state;
    struct wanted wanted[3];
    const struct frames_call calls[] = {call_of(&wanted[0], ANSWERS, "", 0, 0),
                                        call_of(&wanted[1], PARKS, "a", 0, 0),
                                        call_of(&wanted[2], PARKS, "b", 0, 0)};
    self->frames.exchange.set_aside = count_set_aside;
    set_aside_calls = 0;
    frames_begin_calls(&self->frames, calls, 1);
    stated__v1__reply_frame__free_unpacked(frames_wait(&self->frames), NULL);
    assert_int_equal(set_aside_calls, 0);
    frames_begin_calls(&self->frames, calls, 3);
    assert_int_equal(set_aside_calls, 1);
    wake_all(&self->bell);
    stated__v1__reply_frame__free_unpacked(frames_wait(&self->frames), NULL);

    self->frames.exchange.set_aside = find_gone;
    begin(&self->frames, PARKS, "x", 0, 0);
    assert_refused(&self->frames, STATED_CANCELLED, "cancelled");
}

static void test_a_frame_is_answered_with_its_last_call(void **state)
{
    struct harness *self = *state;
    struct wanted wanted[4];
    struct frames_call calls[] = {
        call_of(&wanted[0], PARKS, "a", 0, 0), call_of(&wanted[1], ANSWERS, "", 0, 0),
        call_of(&wanted[2], PARKS, "b", 200, 0), call_of(&wanted[3], ANSWERS, "", 0, 0)};
    calls[1].method = "test.Bell/Read";
    calls[3].method = "test.Bell/Read";
    frames_begin_calls(&self->frames, calls, 4);
    /* Far more often than the frame has memory for, if a resume kept any. */
    for (unsigned i = 1; i <= 201; i++) {
        wake_all(&self->bell);
        wait_resumed(&self->bell, i == 1 ? 2 : i + 1);
    }
    Stated__V1__ReplyFrame *reply = frames_wait(&self->frames);
    assert_int_equal(reply->n_replies, 4);
    assert_answer(reply->replies[0], STATED_WAKE_CALLED, "a");
    assert_null(reply->replies[1]->status);
    assert_answer(reply->replies[2], STATED_WAKE_CALLED, "b");
    assert_null(reply->replies[3]->status);
    stated__v1__reply_frame__free_unpacked(reply, NULL);
    assert_int_equal(self->bell.ended, 2);
}

static void test_frames_that_keep_their_memory_are_few(void **state)
{
    struct harness *self = *state;
    struct frames held[MAX_HELD];
    struct wanted wanted[3];
    struct frames_call calls[] = {call_of(&wanted[0], PARKS, "a", 0, 0),
                                  call_of(&wanted[1], ANSWERS, "", 0, 0),
                                  call_of(&wanted[2], PARKS, "b", 0, 0)};
    calls[1].method = "test.Bell/Read";
    for (unsigned round = 1; round <= 2; round++) {
        for (size_t i = 0; i < MAX_HELD; i++) {
            frames_init(&held[i], &self->dispatch);
            frames_begin_calls(&held[i], calls, i % 2 == 0 ? 3 : 2);
        }
        assert_int_equal(park_count(self->park), 5);
        /* One more is answered at once, its other call as always. */
        Stated__V1__ReplyFrame *reply = frames_call(&self->frames, calls, 3);
        for (size_t i = 0; i < 3; i += 2) {
            const Stated__V1__Status *status = reply->replies[i]->status;
            assert_int_equal(status->code, STATED_RESOURCE_EXHAUSTED);
            assert_non_null(strstr(status->message, "3 frames of several calls"));
            assert_true(status->retry_after_ms > 0);
        }
        assert_null(reply->replies[1]->status);
        stated__v1__reply_frame__free_unpacked(reply, NULL);
        assert_int_equal(park_count(self->park), 5);
        assert_int_equal(self->bell.ended, round * 8 - 6);
        /* A call with a frame of its own is parked all the same. */
        begin(&self->frames, PARKS, "alone", 0, 0);
        assert_int_equal(park_count(self->park), 6);
        wake_all(&self->bell);
        assert_answered(&self->frames, STATED_WAKE_CALLED, "alone");
        for (size_t i = 0; i < MAX_HELD; i++) {
            stated__v1__reply_frame__free_unpacked(frames_wait(&held[i]), NULL);
            frames_deinit(&held[i]);
        }
    }
}

static void test_there_are_as_many_as_may_be(void **state)
{
    struct harness *self = *state;
    struct frames *frames = calloc(MAX_PARKED, sizeof(*frames));
    struct frames third;
    frames_init(&third, &self->dispatch);
    for (size_t i = 0; i < MAX_PARKED; i++) {
        frames_init(&frames[i], &self->dispatch);
    }
    struct wanted wanted[MAX_PARTY + 1];
    struct frames_call calls[MAX_PARTY + 1];
    for (size_t i = 0; i <= MAX_PARTY; i++) {
        calls[i] = call_of(&wanted[i], PARKS, "x", 0, 0);
    }
    /* The last one of the first frame is over the party's share. */
    frames_begin_calls(&self->frames, calls, MAX_PARTY + 1);
    for (size_t i = MAX_PARTY; i < MAX_PARKED; i++) {
        begin(&frames[i], PARKS, "x", 0, 0);
    }
    assert_int_equal(park_count(self->park), MAX_PARKED);
    begin(&third, PARKS, "x", 0, 0);
    assert_refused(&third, STATED_RESOURCE_EXHAUSTED, "40 calls are parked");
    wake_all(&self->bell);
    Stated__V1__ReplyFrame *reply = frames_wait(&self->frames);
    assert_int_equal(reply->replies[MAX_PARTY]->status->code, STATED_RESOURCE_EXHAUSTED);
    assert_true(reply->replies[MAX_PARTY]->status->retry_after_ms > 0);
    assert_non_null(strstr(reply->replies[MAX_PARTY]->status->message, "has parked 20 calls"));
    assert_answer(reply->replies[0], STATED_WAKE_CALLED, "x");
    stated__v1__reply_frame__free_unpacked(reply, NULL);
    for (size_t i = 0; i < MAX_PARKED; i++) {
        if (i >= MAX_PARTY) {
            assert_answered(&frames[i], STATED_WAKE_CALLED, "x");
        }
        frames_deinit(&frames[i]);
    }
    begin(&third, PARKS_AND_WAKES, "y", 0, 0);
    assert_answered(&third, STATED_WAKE_CALLED, "y");
    frames_deinit(&third);
    free(frames);
}

enum { RACERS = 24, ROUNDS = 40 };

struct race {
    struct harness *harness;
    atomic_bool over;
};

static void *keep_waking(void *argument)
{
    struct race *self = argument;
    while (!atomic_load(&self->over)) {
        wake_all(&self->harness->bell);
        sched_yield();
    }
    return NULL;
}

/* Wakes, short times and parties that go, all at once: each frame has one answer all the same. */
static void test_whatever_meets_each_call_ends_once(void **state)
{
    struct harness *self = *state;
    struct race race = {.harness = self};
    struct frames *frames = calloc(RACERS, sizeof(*frames));
    pthread_t waker;
    for (size_t i = 0; i < RACERS; i++) {
        frames_init(&frames[i], &self->dispatch);
    }
    assert_int_equal(pthread_create(&waker, NULL, keep_waking, &race), 0);
    unsigned begun = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < RACERS; i++) {
            begin(&frames[i], PARKS, "race", (round + i) % 4, 1 + (round + i) % 3);
            begun++;
        }
        for (size_t i = 0; i < RACERS; i += 3) {
            park_cancel_party(self->park, &frames[i].party);
        }
        for (size_t i = 0; i < RACERS; i++) {
            stated__v1__reply_frame__free_unpacked(frames_wait(&frames[i]), NULL);
            frames[i].party.is_gone = false;
        }
    }
    atomic_store(&race.over, true);
    pthread_join(waker, NULL);
    assert_int_equal(self->bell.ended, begun);
    for (size_t i = 0; i < RACERS; i++) {
        assert_int_equal(frames[i].answers, ROUNDS);
        frames_deinit(&frames[i]);
    }
    free(frames);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_call_may_be_answered_at_once),
        TEST(test_a_woken_call_answers_from_what_it_kept),
        TEST(test_a_parked_frame_gives_its_memory_back),
        TEST(test_it_stays_as_often_as_it_wants),
        TEST(test_a_wake_before_the_handler_returns_counts),
        TEST(test_when_the_time_is_over_the_handler_says_what),
        TEST(test_an_error_is_an_answer),
        TEST(test_a_call_that_fails_after_all_was_never_parked),
        TEST(test_only_park_methods_park_and_only_where_there_is_a_park),
        TEST(test_a_drain_answers_all_and_parks_no_more),
        TEST(test_waiting_for_a_parked_call_has_a_bound),
        TEST(test_a_party_that_goes_takes_its_calls_along),
        TEST(test_the_transport_hears_of_a_parked_frame_once),
        TEST(test_a_frame_is_answered_with_its_last_call),
        TEST(test_frames_that_keep_their_memory_are_few),
        TEST(test_there_are_as_many_as_may_be),
        TEST(test_whatever_meets_each_call_ends_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
