/* Does the transport serve, bound and close connections as its header says, over real sockets? */
#include "test.h"

#include "echo_exchange.h"
#include "transport_fixture.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_serves_ipc_and_tcp(void **state)
{
    (void)state;
    struct fixture fixture;
    struct transport_options options = fixture_options(&fixture);
    fixture_start(&fixture, &options);
    assert_string_equal(transport_endpoint(fixture.transport, 0), fixture.ipc);
    assert_int_equal(strncmp(fixture.tcp, "tcp://127.0.0.1:", 16), 0);
    assert_int_not_equal(atoi(fixture.tcp + 16), 0);
    assert_null(transport_endpoint(fixture.transport, 2));
    for (int i = 0; i < 3; i++) {
        fixture_assert_echo(fixture.ipc, "e over ipc");
        fixture_assert_echo(fixture.tcp, "e over tcp");
        fixture_assert_echo(fixture.tcp, "w by a worker");
        fixture_assert_echo(fixture.ipc, "");
    }
    FIXTURE_WAIT(&fixture, figures.connections == 0 && figures.frames == 0);
    assert_int_equal(fixture_figures(&fixture).accepted, 12);
    fixture_stop(&fixture);
}

static void test_socket_is_the_users_alone(void **state)
{
    (void)state;
    struct fixture fixture;
    struct transport_options options = fixture_options(&fixture);
    fixture_start(&fixture, &options);
    struct stat found;
    assert_int_equal(stat(fixture.ipc + 6, &found), 0);
    assert_int_equal(found.st_mode & 07777, 0600);
    fixture_stop(&fixture);
}

static void assert_refused(struct transport *transport, const char *url, enum stated_code code,
                           const char *reason)
{
    struct stated_status status;
    assert_int_equal(transport_listen(transport, url, &status), code);
    if (strstr(status.message, reason) == NULL || strstr(status.message, url) == NULL) {
        fail_msg("\"%s\" does not say \"%s\" of %s", status.message, reason, url);
    }
}

static void test_endpoints_that_cannot_be(void **state)
{
    (void)state;
    struct fixture fixture;
    struct transport_options options = fixture_options(&fixture);
    fixture_start(&fixture, &options);
    struct transport *other;
    struct stated_status status;
    assert_int_equal(transport_new(&options, NULL, &other, &status), STATED_OK);
    assert_refused(other, fixture.tcp, STATED_FAILED_PRECONDITION, "in use");
    /* The path alone is named, as the lock file belongs to it. */
    assert_int_equal(transport_listen(other, fixture.ipc, &status), STATED_FAILED_PRECONDITION);
    assert_non_null(strstr(status.message, fixture.ipc + 6));
    assert_refused(other, "tcp://192.0.2.1:0", STATED_INVALID_ARGUMENT, "no such address");
    assert_refused(other, "ws://127.0.0.1:0/", STATED_INVALID_ARGUMENT, "websocket");
    assert_refused(other, "nonsense", STATED_INVALID_ARGUMENT, "ipc://PATH");
    transport_close(other);
    transport_free(other);
    transport_free(NULL);
    fixture_assert_echo(fixture.ipc, "e the first one is unharmed");
    fixture_assert_echo(fixture.tcp, "e the first one is unharmed");
    fixture_stop(&fixture);
}

static void test_endpoint_given_twice(void **state)
{
    (void)state;
    struct fixture fixture;
    struct transport_options options = fixture_options(&fixture);
    struct stated_status status;
    fixture_make_directory(&fixture);
    assert_int_equal(transport_new(&options, NULL, &fixture.transport, &status), STATED_OK);
    assert_int_equal(transport_listen(fixture.transport, fixture.ipc, &status), STATED_OK);
    assert_refused(fixture.transport, fixture.ipc, STATED_INVALID_ARGUMENT, "twice");
    char url[64];
    while (transport_endpoint(fixture.transport, 15) == NULL) {
        assert_int_equal(transport_listen(fixture.transport, "tcp://127.0.0.1:0", &status),
                         STATED_OK);
    }
    snprintf(url, sizeof(url), "tcp://127.0.0.1:0");
    assert_refused(fixture.transport, url, STATED_INVALID_ARGUMENT, "too many");
    transport_close(fixture.transport);
    transport_free(fixture.transport);
    fixture_remove_directory(&fixture);
}

static void test_connection_limit(void **state)
{
    (void)state;
    struct fixture fixture;
    struct transport_options options = fixture_options(&fixture);
    options.max_connections = 2;
    fixture_start(&fixture, &options);
    int first = raw_connect(fixture.ipc);
    int second = raw_connect(fixture.tcp);
    FIXTURE_WAIT(&fixture, figures.connections == 2);
    int third = raw_open(fixture.tcp);
    raw_wait_closed(third);
    assert_int_equal(fixture_figures(&fixture).refused, 1);
    char reply[8];
    raw_send(first, fixture.ipc, 1, "e", 1);
    assert_int_equal(raw_receive(first, fixture.ipc, reply, sizeof(reply)), 1);
    close(second);
    FIXTURE_WAIT(&fixture, figures.connections == 1);
    fixture_assert_echo(fixture.tcp, "e there is room again");
    close(first);
    close(third);
    fixture_stop(&fixture);
}

static void test_stop_accepting(void **state)
{
    (void)state;
    struct fixture fixture;
    struct transport_options options = fixture_options(&fixture);
    fixture_start(&fixture, &options);
    int early = raw_connect(fixture.ipc);
    FIXTURE_WAIT(&fixture, figures.connections == 1);
    transport_stop_accepting(fixture.transport);
    assert_int_equal(raw_open(fixture.ipc), -1);
    assert_int_equal(raw_open(fixture.tcp), -1);
    char reply[8];
    raw_send(early, fixture.ipc, 1, "e", 1);
    assert_int_equal(raw_receive(early, fixture.ipc, reply, sizeof(reply)), 1);
    close(early);
    fixture_stop(&fixture);
}

static void test_message_limit(void **state)
{
    (void)state;
    struct fixture fixture;
    struct transport_options options = fixture_options(&fixture);
    options.max_message_bytes = 8192;
    fixture_start(&fixture, &options);
    size_t large = 8192 + (64 << 10) + 1;
    char *body = calloc(1, large);
    char *reply = malloc(large);
    body[0] = ECHO_AT_ONCE;
    int fd = raw_connect(fixture.tcp);
    raw_send(fd, fixture.tcp, 1, body, 8193); /* the exchange's to refuse */
    assert_int_equal(raw_receive(fd, fixture.tcp, reply, large), 8193);
    raw_announce(fd, fixture.tcp, 2, large);
    raw_wait_closed(fd);
    close(fd);
    free(reply);
    free(body);
    fixture_stop(&fixture);
}

static void test_silent_connections_are_closed(void **state)
{
    (void)state;
    struct fixture fixture;
    struct transport_options options = fixture_options(&fixture);
    options.idle_timeout_ms = 1000;
    fixture_start(&fixture, &options);
    char reply[8];
    uint64_t began_ns = clock_now_ns();
    int never_asks = raw_connect(fixture.ipc);
    int asked = raw_connect(fixture.tcp);
    int stalls = raw_connect(fixture.tcp);
    int waits = raw_connect(fixture.ipc);
    raw_send(asked, fixture.tcp, 1, "e", 1);
    assert_int_equal(raw_receive(asked, fixture.tcp, reply, sizeof(reply)), 1);
    assert_int_equal(send(stalls, "\0\0\0\0\0\1", 6, MSG_NOSIGNAL), 6); /* of a length */
    raw_send(waits, fixture.ipc, 1, "h", 1);
    raw_wait_closed(never_asks);
    raw_wait_closed(asked);
    raw_wait_closed(stalls);
    /* Upkeep that no connection has woken looks after ten seconds. */
    assert_true(clock_now_ns() - began_ns < 8000 * CLOCK_NS_PER_MS);
    FIXTURE_WAIT(&fixture, figures.closed_idle >= 3 && figures.connections == 1);
    echo_answer_held(); /* one that waits for its answer is not silent */
    assert_int_equal(raw_receive(waits, fixture.ipc, reply, sizeof(reply)), 1);
    raw_wait_closed(waits);
    close(never_asks);
    close(asked);
    close(stalls);
    close(waits);
    fixture_stop(&fixture);
}

static void test_lost_connection_cancels_its_calls(void **state)
{
    (void)state;
    struct fixture fixture;
    struct transport_options options = fixture_options(&fixture);
    fixture_start(&fixture, &options);
    int leaves = raw_connect(fixture.tcp);
    int stays = raw_connect(fixture.tcp);
    char reply[8];
    raw_send(leaves, fixture.tcp, 1, "h", 1);
    raw_send(leaves, fixture.tcp, 2, "h", 1);
    raw_send(stays, fixture.tcp, 1, "h", 1);
    echo_wait_held(3);
    close(leaves);
    FIXTURE_WAIT(&fixture, atomic_load(&fixture.parties_gone) == 1 && figures.connections == 1);
    echo_answer_held(); /* two of them into the void */
    assert_int_equal(raw_receive(stays, fixture.tcp, reply, sizeof(reply)), 1);
    FIXTURE_WAIT(&fixture, figures.frames == 0);
    close(stays);
    fixture_stop(&fixture);
    assert_int_equal(atomic_load(&fixture.parties_gone), 1);
}

static void test_close_with_frames_unanswered(void **state)
{
    (void)state;
    struct fixture fixture;
    struct transport_options options = fixture_options(&fixture);
    fixture_start(&fixture, &options);
    int fds[4];
    for (int i = 0; i < 4; i++) {
        fds[i] = raw_connect(i % 2 == 0 ? fixture.tcp : fixture.ipc);
        raw_send(fds[i], i % 2 == 0 ? fixture.tcp : fixture.ipc, 1, "h", 1);
    }
    echo_wait_held(4);
    transport_stop_accepting(fixture.transport);
    transport_close(fixture.transport);
    transport_close(fixture.transport);
    assert_int_equal(atomic_load(&fixture.parties_gone), 4);
    for (int i = 0; i < 4; i++) {
        raw_wait_closed(fds[i]);
        close(fds[i]);
    }
    echo_answer_held();
    echo_stop();
    transport_free(fixture.transport);
    fixture_remove_directory(&fixture);
}

static void test_linger_waits_for_replies_only(void **state)
{
    (void)state;
    struct fixture fixture;
    struct transport_options options = fixture_options(&fixture);
    fixture_start(&fixture, &options);
    uint64_t before_ns = clock_now_ns();
    transport_linger(fixture.transport); /* nothing was sent: nothing to wait for */
    assert_true(clock_now_ns() - before_ns < 900 * CLOCK_NS_PER_MS);

    int fd = raw_connect(fixture.tcp);
    char reply[8];
    before_ns = clock_now_ns(); /* the reply is sent after this, so the wait ends later still */
    raw_send(fd, fixture.tcp, 1, "e", 1);
    assert_int_equal(raw_receive(fd, fixture.tcp, reply, sizeof(reply)), 1);
    transport_linger(fixture.transport);
    assert_true(clock_now_ns() - before_ns >= 100 * CLOCK_NS_PER_MS);

    raw_send(fd, fixture.tcp, 2, "h", 1);
    echo_wait_held(1);
    before_ns = clock_now_ns();
    transport_linger(fixture.transport); /* bounded, even when an answer never comes */
    assert_true(clock_now_ns() - before_ns > 900 * CLOCK_NS_PER_MS);
    close(fd);
    fixture_stop(&fixture);
}

/* The listening socket of this process at a tcp URL, found among its descriptors. */
static int find_listening(const char *url)
{
    int port = atoi(strrchr(url, ':') + 1);
    for (int fd = 3; fd < 1024; fd++) {
        int listening = 0;
        socklen_t size = sizeof(listening);
        struct sockaddr_in address;
        socklen_t address_bytes = sizeof(address);
        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening &&
            getsockname(fd, (struct sockaddr *)&address, &address_bytes) == 0 &&
            address.sin_family == AF_INET && ntohs(address.sin_port) == port) {
            return fd;
        }
    }
    fail_msg("nothing listens on %s", url);
    return -1;
}

static void test_deaf_endpoint_is_noticed(void **state)
{
    (void)state;
    struct fixture fixture;
    struct transport_options options = fixture_options(&fixture);
    fixture_start(&fixture, &options);
    fixture_assert_echo(fixture.tcp, "e");
    assert_null(fixture_figures(&fixture).deaf_endpoint);
    assert_int_equal(shutdown(find_listening(fixture.tcp), SHUT_RDWR), 0);
    FIXTURE_WAIT(&fixture, figures.deaf_endpoint != NULL);
    assert_string_equal(fixture_figures(&fixture).deaf_endpoint, fixture.tcp);
    fixture_assert_echo(fixture.ipc, "e the other one is not");
    fixture_stop(&fixture);
}

static void test_peers_that_leave_while_greeted(void **state)
{
    (void)state;
    struct fixture fixture;
    struct transport_options options = fixture_options(&fixture);
    fixture_start(&fixture, &options);
    for (int i = 0; i < 200; i++) {
        const char *url = i % 2 == 0 ? fixture.ipc : fixture.tcp;
        int fd = raw_open(url);
        struct linger reset = {.l_onoff = 1, .l_linger = 0};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        shutdown(fd, SHUT_WR);
        close(fd);
    }
    fixture_assert_echo(fixture.ipc, "e");
    fixture_assert_echo(fixture.tcp, "e");
    fixture_stop(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_serves_ipc_and_tcp),
        cmocka_unit_test(test_socket_is_the_users_alone),
        cmocka_unit_test(test_endpoints_that_cannot_be),
        cmocka_unit_test(test_endpoint_given_twice),
        cmocka_unit_test(test_connection_limit),
        cmocka_unit_test(test_stop_accepting),
        cmocka_unit_test(test_message_limit),
        cmocka_unit_test(test_silent_connections_are_closed),
        cmocka_unit_test(test_lost_connection_cancels_its_calls),
        cmocka_unit_test(test_close_with_frames_unanswered),
        cmocka_unit_test(test_linger_waits_for_replies_only),
        cmocka_unit_test(test_deaf_endpoint_is_noticed),
        cmocka_unit_test(test_peers_that_leave_while_greeted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
