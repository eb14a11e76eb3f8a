/* Do slots carry every frame to exactly one reply, grow with the load, and let go of peers that do
   not take theirs? */
#include "test.h"

#include "echo_exchange.h"
#include "transport_fixture.h"

#include <nng/protocol/reqrep0/req.h>
#include <nng/supplemental/util/platform.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Many requests at a time over one connection, each on a context of its own; as often as asked. */
enum { MOST_IN_FLIGHT = 600 };

struct asker {
    struct load *load;
    nng_ctx context;
    nng_aio *aio;
    unsigned number;
    unsigned round;
    bool receiving;
};

struct load {
    nng_socket socket;
    unsigned rounds;
    char kind;
    struct asker askers[MOST_IN_FLIGHT];
    unsigned n;
    atomic_uint done;
    atomic_uint wrong;
};

static void ask(struct asker *self)
{
    nng_msg *message;
    char body[32];
    int length =
        snprintf(body, sizeof(body), "%c %u %u", self->load->kind, self->number, self->round);
    assert_int_equal(nng_msg_alloc(&message, 0), 0);
    assert_int_equal(nng_msg_append(message, body, (size_t)length), 0);
    self->receiving = false;
    nng_aio_set_msg(self->aio, message);
    nng_ctx_send(self->context, self->aio);
}

static bool is_own_reply(const struct asker *self, nng_msg *reply)
{
    char body[32];
    int length =
        snprintf(body, sizeof(body), "%c %u %u", self->load->kind, self->number, self->round);
    return nng_msg_len(reply) == (size_t)length &&
           memcmp(nng_msg_body(reply), body, (size_t)length) == 0;
}

static void asker_event(void *argument)
{
    struct asker *self = argument;
    if (nng_aio_result(self->aio) != 0) {
        if (!self->receiving) {
            nng_msg_free(nng_aio_get_msg(self->aio));
        }
        atomic_fetch_add(&self->load->wrong, 1);
        atomic_fetch_add(&self->load->done, 1);
        return;
    }
    if (!self->receiving) {
        self->receiving = true;
        nng_ctx_recv(self->context, self->aio);
        return;
    }
    nng_msg *reply = nng_aio_get_msg(self->aio);
    nng_aio_set_msg(self->aio, NULL);
    atomic_fetch_add(&self->load->wrong, is_own_reply(self, reply) ? 0 : 1);
    nng_msg_free(reply);
    if (++self->round < self->load->rounds) {
        ask(self);
    } else {
        atomic_fetch_add(&self->load->done, 1);
    }
}

static struct load *load_start(const char *url, char kind, unsigned n, unsigned rounds)
{
    struct load *self = calloc(1, sizeof(*self));
    assert_non_null(self);
    self->kind = kind;
    self->n = n;
    self->rounds = rounds;
    assert_int_equal(nng_req0_open(&self->socket), 0);
    nng_socket_set_ms(self->socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE);
    assert_int_equal(nng_dial(self->socket, url, NULL, 0), 0);
    for (unsigned i = 0; i < n; i++) {
        struct asker *asker = &self->askers[i];
        *asker = (struct asker){.load = self, .number = i};
        assert_int_equal(nng_aio_alloc(&asker->aio, asker_event, asker), 0);
        assert_int_equal(nng_ctx_open(&asker->context, self->socket), 0);
        ask(asker);
    }
    return self;
}

/* Waits for the last reply; every reply was the right one, or `wrong` of them were not. */
static void load_finish(struct load *self, unsigned wrong)
{
    uint64_t until_ns = fixture_deadline_ns();
    while (atomic_load(&self->done) < self->n) {
        fixture_pause(until_ns, "every request to be answered");
    }
    assert_int_equal(atomic_load(&self->wrong), wrong);
    nng_close(self->socket);
    for (unsigned i = 0; i < self->n; i++) {
        nng_aio_free(self->askers[i].aio);
    }
    free(self);
}

static void test_every_frame_is_answered_once(void **state)
{
    (void)state;
    struct fixture fixture;
    struct transport_options options = fixture_options(&fixture);
    fixture_start(&fixture, &options);
    static const char kinds[] = {ECHO_AT_ONCE, ECHO_BY_WORKER};
    for (size_t i = 0; i < sizeof(kinds); i++) {
        struct load *over_tcp = load_start(fixture.tcp, kinds[i], 64, 40);
        struct load *over_ipc = load_start(fixture.ipc, kinds[i], 64, 40);
        load_finish(over_tcp, 0);
        load_finish(over_ipc, 0);
    }
    FIXTURE_WAIT(&fixture, figures.frames == 0);
    fixture_stop(&fixture);
}

static void test_slots_grow_with_the_load_up_to_the_limit(void **state)
{
    (void)state;
    struct fixture fixture;
    struct transport_options options = fixture_options(&fixture);
    options.max_frames = 512; /* and 128 to spare */
    fixture_start(&fixture, &options);
    assert_int_equal(fixture_figures(&fixture).slots, 0);
    struct load *held = load_start(fixture.tcp, ECHO_WHEN_TOLD, 600, 1);
    echo_wait_held(600);
    assert_int_equal(fixture_figures(&fixture).slots, 600);
    fixture_assert_echo(fixture.ipc, "e there is one to refuse with");
    echo_answer_held();
    load_finish(held, 0);
    FIXTURE_WAIT(&fixture, figures.frames == 0 && figures.slots <= 64);

    held = load_start(fixture.ipc, ECHO_WHEN_TOLD, 600, 1);
    echo_wait_held(600);
    assert_int_equal(fixture_figures(&fixture).slots, 600);
    echo_answer_held();
    load_finish(held, 0);
    fixture_stop(&fixture);
}

static void test_more_frames_than_slots_wait_their_turn(void **state)
{
    (void)state;
    struct fixture fixture;
    struct transport_options options = fixture_options(&fixture);
    options.max_frames = 1; /* 65 slots */
    fixture_start(&fixture, &options);
    struct load *load = load_start(fixture.tcp, ECHO_WHEN_TOLD, 200, 1);
    echo_wait_held(65);
    uint64_t until_ns = fixture_deadline_ns();
    while (atomic_load(&load->done) < 200) {
        echo_answer_held();
        fixture_pause(until_ns, "all to be answered");
    }
    load_finish(load, 0);
    fixture_stop(&fixture);
}

/* Far more than there are slots for frames, and than a connection's share. */
static void test_frames_set_aside_take_no_place(void **state)
{
    (void)state;
    enum { PARKED = 500 };
    struct fixture fixture;
    struct transport_options options = fixture_options(&fixture);
    options.max_frames = 1; /* 65 slots */
    options.max_frames_per_connection = 8;
    fixture_start(&fixture, &options);
    int parking = raw_connect(fixture.tcp);
    for (uint32_t i = 1; i <= PARKED; i++) {
        raw_send(parking, fixture.tcp, i, "p", 1);
    }
    echo_wait_held(PARKED);
    FIXTURE_WAIT(&fixture, figures.frames == PARKED && figures.slots >= PARKED);
    raw_send(parking, fixture.tcp, PARKED + 1, "e the same connection", 21);
    char reply[32];
    assert_int_equal(raw_receive(parking, fixture.tcp, reply, sizeof(reply)), 21);
    struct load *load = load_start(fixture.tcp, ECHO_BY_WORKER, 100, 5);
    load_finish(load, 0);
    echo_answer_held();
    for (uint32_t i = 1; i <= PARKED; i++) {
        assert_int_equal(raw_receive(parking, fixture.tcp, reply, sizeof(reply)), 1);
    }
    /* What they needed is gone, and the connection goes on as before. */
    FIXTURE_WAIT(&fixture, figures.frames == 0 && figures.slots <= 65);
    raw_send(parking, fixture.tcp, PARKED + 2, "e", 1);
    assert_int_equal(raw_receive(parking, fixture.tcp, reply, sizeof(reply)), 1);
    close(parking);
    fixture_stop(&fixture);
}

static void test_frames_set_aside_are_left_behind(void **state)
{
    (void)state;
    struct fixture fixture;
    struct transport_options options = fixture_options(&fixture);
    fixture_start(&fixture, &options);
    int parking = raw_connect(fixture.ipc);
    for (uint32_t i = 1; i <= 3; i++) {
        raw_send(parking, fixture.ipc, i, "p", 1);
    }
    echo_wait_held(3);
    close(parking);
    FIXTURE_WAIT(&fixture, atomic_load(&fixture.parties_gone) == 1 && figures.connections == 0);
    echo_answer_held();
    FIXTURE_WAIT(&fixture, figures.frames == 0 && figures.slots == 0);
    fixture_stop(&fixture);
}

static void test_slow_reader_is_cut_off(void **state)
{
    (void)state;
    struct fixture fixture;
    struct transport_options options = fixture_options(&fixture);
    options.reply_timeout_ms = 1000;
    fixture_start(&fixture, &options);
    int slow = raw_connect(fixture.tcp);
    for (uint32_t i = 1; i <= 40; i++) { /* 20 MiB: more than the buffers on the way hold */
        raw_send(slow, fixture.tcp, i, "l", 1);
    }
    FIXTURE_WAIT(&fixture, figures.frames > 2); /* replies that wait for the one before */
    fixture_assert_echo(fixture.tcp, "e others do not notice");
    FIXTURE_WAIT(&fixture, figures.closed_slow >= 1 && figures.connections == 0);
    FIXTURE_WAIT(&fixture, figures.frames == 0);
    raw_wait_closed(slow);
    close(slow);
    fixture_stop(&fixture);
}

static void test_slow_reader_is_cut_off_sooner_when_others_need_its_slots(void **state)
{
    (void)state;
    enum { SLOTS = 65 };
    struct fixture fixture;
    struct transport_options options = fixture_options(&fixture);
    options.max_frames = 1; /* 65 slots */
    options.reply_timeout_ms = 3600 * 1000;
    options.idle_timeout_ms = 4000; /* which it is not; looked at every half second */
    fixture_start(&fixture, &options);
    int slow = raw_connect(fixture.tcp);
    for (uint32_t i = 1; i <= 2 * SLOTS; i++) {
        raw_send(slow, fixture.tcp, i, "l", 1);
    }
    FIXTURE_WAIT(&fixture, figures.frames == SLOTS);
    fixture_assert_echo(fixture.tcp, "e of another");
    FIXTURE_WAIT(&fixture, figures.closed_slow == 1);
    raw_wait_closed(slow);
    close(slow);
    fixture_stop(&fixture);
}

static void test_connection_is_not_read_on_beyond_its_share(void **state)
{
    (void)state;
    enum { SHARE = 8, FRAMES = 20 };
    struct fixture fixture;
    struct transport_options options = fixture_options(&fixture);
    options.max_frames_per_connection = SHARE;
    fixture_start(&fixture, &options);
    int greedy = raw_connect(fixture.ipc);
    for (uint32_t i = 1; i <= FRAMES; i++) {
        raw_send(greedy, fixture.ipc, i, "h", 1);
    }
    echo_wait_held(SHARE);
    fixture_assert_echo(fixture.ipc, "e others do not notice");
    assert_int_equal(echo_held(), SHARE);
    char reply[8];
    for (uint32_t left = FRAMES; left > 0;) {
        /* It is read on at half its share, so that is what comes at least. */
        echo_wait_at_least(left < SHARE / 2 + 1 ? left : SHARE / 2 + 1);
        size_t answered = echo_answer_held();
        assert_in_range(answered, 1, SHARE);
        for (size_t i = 0; i < answered; i++, left--) {
            assert_int_equal(raw_receive(greedy, fixture.ipc, reply, sizeof(reply)), 1);
        }
    }
    FIXTURE_WAIT(&fixture, figures.frames == 0); /* counted after the reply has gone */
    for (uint32_t i = 1; i <= FRAMES; i++) {
        raw_send(greedy, fixture.ipc, FRAMES + i, "h", 1);
    }
    echo_wait_held(SHARE);
    close(greedy); /* while it is not read on: found when the replies are sent */
    echo_answer_held();
    FIXTURE_WAIT(&fixture, figures.connections == 0 && figures.frames == echo_held());
    fixture_stop(&fixture);
}

/* Frames of many calls: all that come while nobody else asks, and one at a time beside others. */
static void test_connection_in_company_has_a_smaller_share(void **state)
{
    (void)state;
    enum { FRAMES = 3 };
    struct fixture fixture;
    struct transport_options options = fixture_options(&fixture);
    fixture_start(&fixture, &options);
    int greedy = raw_connect(fixture.ipc);
    char reply[8];
    for (uint32_t i = 1; i <= FRAMES; i++) {
        raw_send(greedy, fixture.ipc, i, "m", 1);
    }
    echo_wait_held(FRAMES);
    echo_answer_held();
    for (uint32_t i = 1; i <= FRAMES; i++) {
        assert_int_equal(raw_receive(greedy, fixture.ipc, reply, sizeof(reply)), 1);
    }
    FIXTURE_WAIT(&fixture, figures.frames == 0);
    fixture_assert_echo(fixture.ipc, "e of another");
    for (uint32_t i = 1; i <= FRAMES; i++) {
        raw_send(greedy, fixture.ipc, i, "m", 1);
    }
    for (uint32_t i = 1; i <= FRAMES; i++) {
        echo_wait_held(1);
        fixture_assert_echo(fixture.ipc, "e comes through");
        assert_int_equal(echo_held(), 1);
        echo_answer_held();
        assert_int_equal(raw_receive(greedy, fixture.ipc, reply, sizeof(reply)), 1);
    }
    close(greedy);
    fixture_stop(&fixture);
}

static void long_wait(void *context, struct share_outlook *outlook)
{
    (void)context;
    outlook->is_long = true;
}

/* Where answers take long, what is beyond the share is refused at once, and the rest is served. */
static void test_connection_beyond_its_share_is_refused_when_it_would_wait(void **state)
{
    (void)state;
    struct fixture fixture;
    struct transport_options options = fixture_options(&fixture);
    options.max_frames_per_connection = 8;
    options.look = long_wait;
    fixture_start(&fixture, &options);
    int greedy = raw_connect(fixture.ipc);
    char reply[8];
    for (int round = 0; round < 3; round++) {
        for (uint32_t i = 1; i <= 60; i++) {
            raw_send(greedy, fixture.ipc, i, "h", 1);
        }
        for (uint32_t i = 9; i <= 60; i++) {
            assert_int_equal(raw_receive(greedy, fixture.ipc, reply, sizeof(reply)), 1);
            assert_memory_equal(reply, ECHO_REFUSED, 1);
        }
        echo_wait_held(8);
        echo_answer_held();
        for (uint32_t i = 1; i <= 8; i++) {
            assert_int_equal(raw_receive(greedy, fixture.ipc, reply, sizeof(reply)), 1);
            assert_memory_equal(reply, "h", 1);
        }
        FIXTURE_WAIT(&fixture, figures.frames == 0);
    }
    close(greedy);
    fixture_stop(&fixture);
}

/* One that does not even take its refusals is not read on, so it holds twice its share at most. */
static void test_refusals_that_are_not_taken_are_bounded(void **state)
{
    (void)state;
    enum { SHARE = 4 };
    struct fixture fixture;
    struct transport_options options = fixture_options(&fixture);
    options.max_frames_per_connection = SHARE;
    options.look = long_wait;
    options.reply_timeout_ms = 300;
    fixture_start(&fixture, &options);
    int greedy = raw_connect(fixture.ipc);
    struct timeval wait = {.tv_usec = 100000};
    assert_int_equal(setsockopt(greedy, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)), 0);
    uint32_t sent = 0;
    while (raw_try_send(greedy, fixture.ipc, sent + 1, "l", 1) && sent < 1000000) {
        sent++;
        assert_true(fixture_figures(&fixture).frames <= 2 * SHARE);
    }
    assert_in_range(sent, 1, 999999);
    FIXTURE_WAIT(&fixture, figures.connections == 0 && figures.closed_slow == 1);
    close(greedy);
    fixture_stop(&fixture);
}

static void test_large_replies_and_requests(void **state)
{
    (void)state;
    struct fixture fixture;
    struct transport_options options = fixture_options(&fixture);
    fixture_start(&fixture, &options);
    static const size_t sizes[] = {1, 1000, 1024, 4096, 16384, 16385, 100000, 1u << 20};
    char *body = malloc(1u << 20);
    char *reply = malloc(1u << 20);
    int fd = raw_connect(fixture.tcp);
    uint32_t id = 1;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (size_t at = 0; at < sizes[i]; at++) {
            body[at] = (char)(at * 31 + i);
        }
        body[0] = i % 2 == 0 ? ECHO_AT_ONCE : ECHO_BY_WORKER;
        raw_send(fd, fixture.tcp, id++, body, sizes[i]);
        assert_int_equal(raw_receive(fd, fixture.tcp, reply, 1u << 20), sizes[i]);
        assert_memory_equal(reply, body, sizes[i]);
        body[0] = ECHO_LARGE; /* a reply much larger than the request it answers */
        raw_send(fd, fixture.tcp, id++, body, 10);
        assert_int_equal(raw_receive(fd, fixture.tcp, reply, 1u << 20), ECHO_LARGE_BYTES);
        assert_memory_equal(reply, body, 10);
    }
    close(fd);
    free(reply);
    free(body);
    fixture_stop(&fixture);
}

/* Keeps a connection full of requests until it is closed. */
static void *keep_asking(void *argument)
{
    const char *url = argument;
    int fd = raw_connect(url);
    char reply[8];
    uint32_t id = 0;
    while (id < 50) {
        raw_send(fd, url, ++id, "w", 1);
    }
    while (raw_receive(fd, url, reply, sizeof(reply)) == 1) {
        if (!raw_try_send(fd, url, ++id, "w", 1)) {
            break;
        }
    }
    close(fd);
    return NULL;
}

static void test_stop_under_load(void **state)
{
    (void)state;
    enum { ASKERS = 8 };
    for (int i = 0; i < 5; i++) {
        struct fixture fixture;
        struct transport_options options = fixture_options(&fixture);
        fixture_start(&fixture, &options);
        char tcp[64];
        snprintf(tcp, sizeof(tcp), "%s", fixture.tcp);
        pthread_t threads[ASKERS];
        for (int k = 0; k < ASKERS; k++) {
            void *url = k % 2 == 0 ? tcp : fixture.ipc;
            assert_int_equal(pthread_create(&threads[k], NULL, keep_asking, url), 0);
        }
        FIXTURE_WAIT(&fixture, figures.connections == ASKERS && figures.frames > 20);
        fixture_stop(&fixture);
        for (int k = 0; k < ASKERS; k++) {
            pthread_join(threads[k], NULL);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_frame_is_answered_once),
        cmocka_unit_test(test_slots_grow_with_the_load_up_to_the_limit),
        cmocka_unit_test(test_more_frames_than_slots_wait_their_turn),
        cmocka_unit_test(test_frames_set_aside_take_no_place),
        cmocka_unit_test(test_frames_set_aside_are_left_behind),
        cmocka_unit_test(test_slow_reader_is_cut_off),
        cmocka_unit_test(test_slow_reader_is_cut_off_sooner_when_others_need_its_slots),
        cmocka_unit_test(test_connection_is_not_read_on_beyond_its_share),
        cmocka_unit_test(test_connection_in_company_has_a_smaller_share),
        cmocka_unit_test(test_connection_beyond_its_share_is_refused_when_it_would_wait),
        cmocka_unit_test(test_refusals_that_are_not_taken_are_bounded),
        cmocka_unit_test(test_large_replies_and_requests),
        cmocka_unit_test(test_stop_under_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
