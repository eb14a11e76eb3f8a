/* Does a connection take every request and give every reply, however the bytes come and go, and
   does it end cleanly whatever its peer does? */
#include "test.h"

#include "echo_exchange.h"
#include "transport_fixture.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void send_all(int fd, const void *data, size_t length)
{
    assert_int_equal(send(fd, data, length, MSG_NOSIGNAL), length);
}

static void test_requests_byte_by_byte(void **state)
{
    (void)state;
    struct fixture fixture;
    struct transport_options options = fixture_options(&fixture);
    fixture_start(&fixture, &options);
    static const char bytes[] = "\0SP\0\0\x30\0\0"
                                "\0\0\0\0\0\0\0\x6\x80\0\0\1e1"
                                "\0\0\0\0\0\0\0\x6\x80\0\0\2w2";
    int fd = raw_open(fixture.tcp);
    for (size_t i = 0; i < sizeof(bytes) - 1; i++) {
        send_all(fd, bytes + i, 1);
    }
    char reply[8];
    assert_int_equal(recv(fd, reply, 8, MSG_WAITALL), 8);
    assert_int_equal(raw_receive(fd, fixture.tcp, reply, sizeof(reply)), 2);
    assert_memory_equal(reply, "e1", 2);
    assert_int_equal(raw_receive(fd, fixture.tcp, reply, sizeof(reply)), 2);
    assert_memory_equal(reply, "w2", 2);
    close(fd);
    fixture_stop(&fixture);
}

static void test_many_requests_in_one_write(void **state)
{
    (void)state;
    struct fixture fixture;
    struct transport_options options = fixture_options(&fixture);
    fixture_start(&fixture, &options);
    enum { REQUESTS = 5000 };
    static char bytes[REQUESTS * 18 + 1]; /* and snprintf's NUL */
    char *at = bytes;
    for (unsigned i = 0; i < REQUESTS; i++) {
        memcpy(at, "\1\0\0\0\0\0\0\0\x9\x80\0\0\0e", 14);
        snprintf(at + 14, 5, "%04u", i);
        at += 18;
    }
    int fd = raw_connect(fixture.ipc);
    /* Replies have to be taken meanwhile, or both sides would wait for each other. */
    size_t sent = 0;
    for (unsigned i = 0; i < REQUESTS; i++) {
        while (sent < REQUESTS * 18 && i >= sent / 18 / 2) {
            size_t part = REQUESTS * 18 - sent < 1800 ? REQUESTS * 18 - sent : 1800;
            send_all(fd, bytes + sent, part);
            sent += part;
        }
        char reply[8];
        char expected[8];
        snprintf(expected, sizeof(expected), "e%04u", i);
        assert_int_equal(raw_receive(fd, fixture.ipc, reply, sizeof(reply)), 5);
        assert_memory_equal(reply, expected, 5);
    }
    close(fd);
    fixture_stop(&fixture);
}

static void test_path_of_a_device_is_given_back(void **state)
{
    (void)state;
    struct fixture fixture;
    struct transport_options options = fixture_options(&fixture);
    fixture_start(&fixture, &options);
    int fd = raw_connect(fixture.tcp);
    send_all(fd, "\0\0\0\0\0\0\0\x9\0\1\2\3\x84\5\6\7e", 17);
    char reply[17];
    assert_int_equal(recv(fd, reply, sizeof(reply), MSG_WAITALL), sizeof(reply));
    assert_memory_equal(reply, "\0\0\0\0\0\0\0\x9\0\1\2\3\x84\5\6\7e", 17);
    close(fd);
    fixture_stop(&fixture);
}

static void test_what_does_not_speak_the_protocol_is_closed(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
    } cases[] = {
        {"GET / HTTP/1.1\r\n\r\n", 18},
        {"\0SP\0\0\x31\0\0", 8},                                      /* another REP peer */
        {"\0SP\0\0\x30\0\0\0\0\0\0\0\0\0\1\x80", 17},                 /* no request id */
        {"\0SP\0\0\x30\0\0\xff\xff\xff\xff\xff\xff\xff\xff\x80", 17}, /* endless */
        {"\0SP\0\0\x30\0\0\0\0\0\0\0\0\0\x8\0\0\0\0\0\0\0\0", 24},    /* an id without its bit */
    };
    struct fixture fixture;
    struct transport_options options = fixture_options(&fixture);
    fixture_start(&fixture, &options);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int fd = raw_open(fixture.tcp);
        send_all(fd, cases[i].bytes, cases[i].length);
        struct timeval wait = {.tv_sec = FIXTURE_WAIT_MS / 1000};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
        raw_wait_closed(fd);
        close(fd);
    }
    FIXTURE_WAIT(&fixture, figures.connections == 0);
    fixture_assert_echo(fixture.tcp, "e others do not notice");
    fixture_stop(&fixture);
}

static size_t resident_bytes(void)
{
    unsigned long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    assert_non_null(statm);
    assert_int_equal(fscanf(statm, "%*u %lu", &pages), 1);
    fclose(statm);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void test_announcements_cost_nothing(void **state)
{
    (void)state;
    struct fixture fixture;
    struct transport_options options = fixture_options(&fixture);
    options.max_message_bytes = 64u << 20;
    fixture_start(&fixture, &options);
    enum { PEERS = 100 };
    int fds[PEERS];
    size_t before = resident_bytes();
    for (int i = 0; i < PEERS; i++) {
        fds[i] = raw_connect(fixture.tcp);
        raw_announce(fds[i], fixture.tcp, 1, 64u << 20); /* 6.4 GB in all */
        send_all(fds[i], "e and no more", 13);
    }
    FIXTURE_WAIT(&fixture, figures.connections == PEERS);
    fixture_assert_echo(fixture.tcp, "e others do not notice");
    assert_true(resident_bytes() < before + ((size_t)32 << 20));
    for (int i = 0; i < PEERS; i++) {
        close(fds[i]);
    }
    fixture_stop(&fixture);
}

static void test_stalled_frame_is_closed(void **state)
{
    (void)state;
    struct fixture fixture;
    struct transport_options options = fixture_options(&fixture);
    options.idle_timeout_ms = 1000;
    fixture_start(&fixture, &options);
    int fd = raw_connect(fixture.tcp);
    raw_send(fd, fixture.tcp, 1, "h", 1); /* in flight: not idle, but stalled all the same */
    echo_wait_held(1);
    raw_announce(fd, fixture.tcp, 2, 100);
    raw_wait_closed(fd);
    FIXTURE_WAIT(&fixture, figures.closed_idle == 1);
    close(fd);
    fixture_stop(&fixture);
}

/* Peers that die while requests come in, replies go out, or both. */
enum { CHURNERS = 4 };

struct churn {
    const struct fixture *fixture;
    pthread_t thread;
    unsigned seed;
    unsigned rounds;
    char kinds[4];
};

/* A few requests, cut anywhere, some replies, and gone. */
static void churn_once(struct churn *self)
{
    const char *url = rand_r(&self->seed) % 2 == 0 ? self->fixture->ipc : self->fixture->tcp;
    int fd = raw_open(url);
    char bytes[512];
    size_t length = 8;
    memcpy(bytes, "\0SP\0\0\x30\0\0", 8);
    unsigned requests = 1 + (unsigned)rand_r(&self->seed) % 15;
    for (unsigned i = 0; i < requests; i++) {
        static const char request[] = "\1\0\0\0\0\0\0\0\x10\x80\0\0\1";
        size_t skipped = url == self->fixture->ipc ? 0 : 1;
        memcpy(bytes + length, request + skipped, 13 - skipped);
        length += 13 - skipped;
        memset(bytes + length, self->kinds[(unsigned)rand_r(&self->seed) % 4], 12);
        length += 12;
    }
    size_t cut =
        (unsigned)rand_r(&self->seed) % 3 == 0 ? (unsigned)rand_r(&self->seed) % length : length;
    size_t half = cut / 2;
    if (send(fd, bytes, half, MSG_NOSIGNAL) > 0) {
        send(fd, bytes + half, cut - half, MSG_NOSIGNAL);
    }
    struct timeval patience = {.tv_usec = 2000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    int reads = rand_r(&self->seed) % 3;
    for (int i = 0; i < reads; i++) {
        char rubbish[20000];
        recv(fd, rubbish, sizeof(rubbish), 0);
    }
    struct linger reset = {.l_onoff = rand_r(&self->seed) % 2, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(fd);
}

static void *churn(void *argument)
{
    struct churn *self = argument;
    for (unsigned i = 0; i < self->rounds; i++) {
        churn_once(self);
    }
    return NULL;
}

static void run_churn(const char *kinds, unsigned rounds)
{
    unsigned seed = 7420;
    print_message("seed %u\n", seed);
    struct fixture fixture;
    struct transport_options options = fixture_options(&fixture);
    fixture_start(&fixture, &options);
    struct churn churns[CHURNERS];
    for (unsigned i = 0; i < CHURNERS; i++) {
        churns[i] = (struct churn){.fixture = &fixture, .seed = seed + i, .rounds = rounds};
        memcpy(churns[i].kinds, kinds, sizeof(churns[i].kinds));
        assert_int_equal(pthread_create(&churns[i].thread, NULL, churn, &churns[i]), 0);
    }
    for (unsigned i = 0; i < CHURNERS; i++) {
        pthread_join(churns[i].thread, NULL);
    }
    /* Every connection goes away, with everything it had: nothing hangs on to it. */
    FIXTURE_WAIT(&fixture, figures.connections == 0 && figures.frames == echo_held());
    assert_int_equal(fixture_figures(&fixture).refused, 0);
    fixture_assert_echo(fixture.ipc, "e");
    fixture_stop(&fixture);
}

static void test_peers_that_die_under_small_frames(void **state)
{
    (void)state;
    run_churn("ewew", 1000);
}

static void test_peers_that_die_under_large_replies(void **state)
{
    (void)state;
    run_churn("lllw", 250);
}

static void test_peers_that_die_while_their_frames_wait(void **state)
{
    (void)state;
    run_churn("ehwl", 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_byte_by_byte),
        cmocka_unit_test(test_many_requests_in_one_write),
        cmocka_unit_test(test_path_of_a_device_is_given_back),
        cmocka_unit_test(test_what_does_not_speak_the_protocol_is_closed),
        cmocka_unit_test(test_announcements_cost_nothing),
        cmocka_unit_test(test_stalled_frame_is_closed),
        cmocka_unit_test(test_peers_that_die_under_small_frames),
        cmocka_unit_test(test_peers_that_die_under_large_replies),
        cmocka_unit_test(test_peers_that_die_while_their_frames_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
