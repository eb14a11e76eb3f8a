/* Does opening a client find a server, and say quickly and clearly when there is none? */
#include "test.h"

#include "client_methods.h"
#include "rep_double.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* "Quickly", on a machine that does other things too. */
#define QUICK_MS 2000

static void answer_empty(void *argument, const Stated__V1__RequestFrame *frame,
                         struct rep_answer *answer)
{
    (void)argument;
    (void)frame;
    Stated__V1__ReadResponse response = STATED__V1__READ_RESPONSE__INIT;
    rep_answer_ok(answer, &response.base);
}

static struct stated_client *open_at(const char *url, uint32_t connect_timeout_ms,
                                     struct stated_status *status)
{
    struct stated_client_options options = STATED_CLIENT_OPTIONS_INIT;
    options.endpoint = url;
    options.connect_timeout_ms = connect_timeout_ms;
    options.retry = false;
    struct stated_client *client;
    enum stated_code code = stated_client_open(&options, &client, status);
    assert_int_equal(code, status->code);
    assert_true((code == STATED_OK) == (client != NULL));
    return client;
}

static void assert_fails(const char *url, uint32_t connect_timeout_ms, enum stated_code code,
                         const char *advice)
{
    struct stated_status status;
    uint64_t before = clock_now_ns();
    assert_null(open_at(url, connect_timeout_ms, &status));
    uint64_t took_ms = (clock_now_ns() - before) / CLOCK_NS_PER_MS;
    if (status.code != code || strstr(status.message, advice) == NULL) {
        fail_msg("%s: %s: %s", url, stated_code_name(status.code), status.message);
    }
    if (took_ms > QUICK_MS) {
        fail_msg("%s took %llu ms", url, (unsigned long long)took_ms);
    }
}

static void test_finds_a_server(void **state)
{
    (void)state;
    struct rep_double *server = rep_double_start(answer_empty, NULL);
    struct stated_status status;
    struct stated_client *client = open_at(rep_double_url(server), 60000, &status);
    assert_non_null(client);
    assert_string_equal(status.message, "");
    stated_client_close(client);
    rep_double_stop(server);
}

static void test_closing_nothing_is_allowed(void **state)
{
    (void)state;
    stated_client_close(NULL);
}

static void test_nobody_listens_on_ipc(void **state)
{
    (void)state;
    const char *url = rep_double_new_url();
    char advice[256];
    snprintf(advice, sizeof(advice), "no server at %s; start one with: stated --listen %s", url,
             url);
    assert_fails(url, 60000, STATED_UNAVAILABLE, advice);
}

static void test_a_dead_servers_socket_file(void **state)
{
    (void)state;
    const char *url = rep_double_new_url();
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", url + strlen("ipc://"));
    int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(dead, (struct sockaddr *)&address, sizeof(address)), 0);
    close(dead);
    assert_fails(url, 60000, STATED_UNAVAILABLE, "no server at ipc://");
    unlink(address.sun_path);
}

/* A TCP socket on a free loopback port; its URL in `url`. */
static int bind_tcp(char *url, size_t size)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    snprintf(url, size, "tcp://127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
    return fd;
}

static void test_nobody_listens_on_tcp(void **state)
{
    (void)state;
    char url[64];
    int bound = bind_tcp(url, sizeof(url));
    assert_fails(url, 60000, STATED_UNAVAILABLE, "no server at tcp://127.0.0.1:");
    close(bound);
}

static void test_a_host_that_does_not_exist(void **state)
{
    (void)state;
    assert_fails("tcp://[::zz]:7420", 60000, STATED_UNAVAILABLE, "check the host name");
}

/* Something that listens and greets with these bytes. */
struct stranger {
    int listener;
    const void *greeting;
    size_t length;
};

/* Greets once and waits for the other side to go. */
static void *greet(void *argument)
{
    const struct stranger *stranger = argument;
    int fd = accept(stranger->listener, NULL, NULL);
    char buffer[64];
    assert_true(fd >= 0);
    assert_int_equal(write(fd, stranger->greeting, stranger->length), stranger->length);
    while (read(fd, buffer, sizeof(buffer)) > 0) {
    }
    close(fd);
    return NULL;
}

static void assert_is_a_stranger(const void *greeting, size_t length)
{
    char url[64];
    struct stranger stranger = {
        .listener = bind_tcp(url, sizeof(url)), .greeting = greeting, .length = length};
    assert_int_equal(listen(stranger.listener, 1), 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, greet, &stranger), 0);
    assert_fails(url, 60000, STATED_UNAVAILABLE, "is no stated server");
    pthread_join(thread, NULL);
    close(stranger.listener);
}

static void test_another_protocol_on_the_port(void **state)
{
    (void)state;
    static const char mail[] = "220 some mail server\r\n";
    assert_is_a_stranger(mail, sizeof(mail) - 1);
}

static void test_a_socket_of_another_kind(void **state)
{
    (void)state;
    static const uint8_t publisher[] = {0, 'S', 'P', 0, 0, 0x20, 0, 0};
    assert_is_a_stranger(publisher, sizeof(publisher));
}

static void test_a_port_that_says_nothing(void **state)
{
    (void)state;
    char url[64];
    int listener = bind_tcp(url, sizeof(url));
    assert_int_equal(listen(listener, 1), 0);
    assert_fails(url, 100, STATED_UNAVAILABLE, "within 100 ms");
    close(listener);
}

static void test_options_that_make_no_sense(void **state)
{
    (void)state;
    struct stated_client *client;
    struct stated_status status;
    struct stated_client_options options = STATED_CLIENT_OPTIONS_INIT;
    options.max_calls = 0;
    assert_int_equal(stated_client_open(&options, &client, &status), STATED_INVALID_ARGUMENT);
    assert_non_null(strstr(status.message, "max_calls is 0"));
    options = (struct stated_client_options)STATED_CLIENT_OPTIONS_INIT;
    options.timeout_ms = 0;
    assert_int_equal(stated_client_open(&options, &client, &status), STATED_INVALID_ARGUMENT);
    options = (struct stated_client_options)STATED_CLIENT_OPTIONS_INIT;
    options.max_message_bytes = 0;
    assert_int_equal(stated_client_open(&options, &client, NULL), STATED_INVALID_ARGUMENT);
    assert_fails("tcp://nowhere", 60000, STATED_INVALID_ARGUMENT, "tcp://HOST:PORT");
}

static enum stated_code read_once(struct stated_client *client, uint32_t timeout_ms,
                                  struct stated_status *status)
{
    struct stated_call_options options = {.timeout_ms = timeout_ms};
    Stated__V1__ReadRequest request = STATED__V1__READ_REQUEST__INIT;
    ProtobufCMessage *response;
    enum stated_code code =
        stated_client_call(client, &read_method, &options, &request.base, &response, status);
    if (response != NULL) {
        protobuf_c_message_free_unpacked(response, NULL);
    }
    return code;
}

static void test_connects_in_the_background(void **state)
{
    (void)state;
    const char *url = rep_double_new_url();
    struct stated_status status;
    struct stated_client *client = open_at(url, 0, &status);
    assert_non_null(client);

    assert_int_equal(read_once(client, 50, &status), STATED_UNAVAILABLE);
    assert_non_null(strstr(status.message, "no connection to ipc://"));
    assert_non_null(strstr(status.message, "for 50 ms"));

    struct rep_double *server = rep_double_start_at(url, answer_empty, NULL);
    assert_int_equal(read_once(client, 60000, &status), STATED_OK);
    stated_client_close(client);
    rep_double_stop(server);
}

static void test_reconnects_to_a_server_that_comes_back(void **state)
{
    (void)state;
    struct rep_double *server = rep_double_start(answer_empty, NULL);
    char url[128];
    snprintf(url, sizeof(url), "%s", rep_double_url(server));
    struct stated_status status;
    struct stated_client *client = open_at(url, 60000, &status);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(read_once(client, 60000, &status), STATED_OK);
        rep_double_stop(server);
        server = rep_double_start_at(url, answer_empty, NULL);
        /* The end of the old connection may still be on its way. */
        while (read_once(client, 60000, &status) != STATED_OK) {
            assert_int_equal(status.code, STATED_UNAVAILABLE);
        }
    }
    stated_client_close(client);
    rep_double_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_a_server),
        cmocka_unit_test(test_closing_nothing_is_allowed),
        cmocka_unit_test(test_nobody_listens_on_ipc),
        cmocka_unit_test(test_a_dead_servers_socket_file),
        cmocka_unit_test(test_nobody_listens_on_tcp),
        cmocka_unit_test(test_a_host_that_does_not_exist),
        cmocka_unit_test(test_another_protocol_on_the_port),
        cmocka_unit_test(test_a_port_that_says_nothing),
        cmocka_unit_test(test_a_socket_of_another_kind),
        cmocka_unit_test(test_options_that_make_no_sense),
        cmocka_unit_test(test_connects_in_the_background),
        cmocka_unit_test(test_reconnects_to_a_server_that_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
