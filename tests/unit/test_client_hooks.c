/* Does a client find the next server, tell of its connection, and use only the memory it is given?
 */
#include "test.h"

#include "client_methods.h"
#include "echo_double.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LONG_MS 60000
#define PATIENCE_S 60

/* What the hooks were told. */
struct ear {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned ups;
    unsigned downs;
    bool connected;
    char endpoint[128];
    char why[STATED_MESSAGE_BYTES];
    unsigned lines;
};

static void init_ear(struct ear *ear)
{
    *ear = (struct ear){.ups = 0};
    pthread_mutex_init(&ear->lock, NULL);
    pthread_cond_init(&ear->changed, NULL);
}

static void on_connection(void *argument, bool connected, const char *endpoint,
                          const struct stated_status *why)
{
    struct ear *ear = argument;
    pthread_mutex_lock(&ear->lock);
    ear->ups += connected;
    ear->downs += !connected;
    ear->connected = connected;
    snprintf(ear->endpoint, sizeof(ear->endpoint), "%s", endpoint);
    snprintf(ear->why, sizeof(ear->why), "%s", why->message);
    pthread_cond_broadcast(&ear->changed);
    pthread_mutex_unlock(&ear->lock);
}

static void on_line(void *argument, const char *line)
{
    struct ear *ear = argument;
    pthread_mutex_lock(&ear->lock);
    ear->lines += strstr(line, "connected to ") != NULL;
    pthread_mutex_unlock(&ear->lock);
}

/* Until it has been connected so often, the last time to url; NULL: wherever. */
static void wait_ups(struct ear *ear, unsigned ups, const char *url)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&ear->lock);
    while (ear->ups < ups) {
        assert_int_equal(pthread_cond_timedwait(&ear->changed, &ear->lock, &until), 0);
    }
    if (url != NULL) {
        assert_string_equal(ear->endpoint, url);
    }
    pthread_mutex_unlock(&ear->lock);
}

static struct stated_client_options options_with(struct ear *ear)
{
    struct stated_client_options options = STATED_CLIENT_OPTIONS_INIT;
    options.connect_timeout_ms = LONG_MS;
    options.timeout_ms = LONG_MS;
    options.on_connection = on_connection;
    options.connection_argument = ear;
    options.log = on_line;
    options.log_argument = ear;
    return options;
}

static void test_the_next_server(void **state)
{
    (void)state;
    struct ear ear;
    struct echo_double servers[2];
    char urls[2][128];
    char list[260];
    init_ear(&ear);
    for (int i = 0; i < 2; i++) {
        snprintf(urls[i], sizeof(urls[i]), "%s", rep_double_new_url());
    }
    snprintf(list, sizeof(list), "%s,%s", urls[0], urls[1]);
    struct stated_client_options options = options_with(&ear);
    options.endpoint = list;
    echo_double_start(&servers[1], urls[1]); /* the preferred one is not there yet */
    struct stated_client *client = echo_double_client(&servers[1], options);
    assert_int_equal(echo_double_call(client, &write_method, NULL, 1, NULL), STATED_OK);
    wait_ups(&ear, 1, urls[1]);

    echo_double_start(&servers[0], urls[0]);
    echo_double_stop(&servers[1]);
    assert_int_equal(echo_double_call(client, &read_method, NULL, 2, NULL), STATED_OK);
    wait_ups(&ear, 2, urls[0]);
    assert_int_equal(atomic_load(&servers[0].calls), 1);
    stated_client_close(client);
    assert_true(ear.downs >= 1);
    assert_true(ear.lines >= ear.ups + ear.downs);
    echo_double_stop(&servers[0]);
}

static void test_none_of_the_servers(void **state)
{
    (void)state;
    char list[300];
    char last[128];
    struct stated_client_options options = STATED_CLIENT_OPTIONS_INIT;
    struct stated_client *client;
    struct stated_status status;
    snprintf(list, sizeof(list), "%s,", rep_double_new_url());
    snprintf(last, sizeof(last), "%s", rep_double_new_url());
    strcat(list, last);
    options.endpoint = list;
    assert_int_equal(stated_client_open(&options, &client, &status), STATED_UNAVAILABLE);
    assert_non_null(strstr(status.message, "none of 2 endpoints will do; the last: no server at"));
    assert_non_null(strstr(status.message, last));
}

static void test_a_server_that_comes_and_goes(void **state)
{
    (void)state;
    struct ear ear;
    struct echo_double server;
    char url[128];
    init_ear(&ear);
    echo_double_start(&server, NULL);
    snprintf(url, sizeof(url), "%s", rep_double_url(server.server));
    struct stated_client *client = echo_double_client(&server, options_with(&ear));
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(echo_double_call(client, &write_method, NULL, i, NULL), STATED_OK);
        wait_ups(&ear, i, NULL);
        echo_double_stop(&server);
        echo_double_restart(&server, url);
    }
    stated_client_close(client);
    assert_true(ear.downs >= 2);
    echo_double_stop(&server);
}

/* An allocator that counts, and gives out when told. */
struct heap {
    atomic_long live;
    atomic_ulong taken;
    atomic_ulong limit;
};

static void *heap_alloc(void *argument, size_t bytes)
{
    struct heap *heap = argument;
    if (atomic_fetch_add(&heap->taken, 1) >= atomic_load(&heap->limit)) {
        return NULL;
    }
    atomic_fetch_add(&heap->live, 1);
    return malloc(bytes);
}

static void heap_free(void *argument, void *memory)
{
    struct heap *heap = argument;
    if (memory != NULL) {
        atomic_fetch_sub(&heap->live, 1);
        free(memory);
    }
}

/* A client, a call, and all that comes of it. */
static enum stated_code use_client(struct echo_double *server, ProtobufCAllocator *allocator,
                                   struct stated_status *status)
{
    struct stated_client_options options = STATED_CLIENT_OPTIONS_INIT;
    struct stated_call_options call_options = {.timeout_ms = 300};
    struct stated_client *client;
    ProtobufCMessage *response;
    Stated__V1__ReadRequest request = STATED__V1__READ_REQUEST__INIT;
    options.endpoint = rep_double_url(server->server);
    options.connect_timeout_ms = LONG_MS;
    options.allocator = allocator;
    enum stated_code code = stated_client_open(&options, &client, status);
    if (code != STATED_OK) {
        assert_null(client);
        return code;
    }
    struct stated_cancel *cancel = stated_cancel_new(client);
    stated_cancel_free(cancel);
    code =
        stated_client_call(client, &read_method, &call_options, &request.base, &response, status);
    if (response != NULL) {
        protobuf_c_message_free_unpacked(response, allocator);
    }
    stated_client_close(client);
    return code;
}

static void test_memory_of_the_program(void **state)
{
    (void)state;
    struct echo_double server;
    struct heap heap = {.limit = SIZE_MAX};
    ProtobufCAllocator allocator = {
        .alloc = heap_alloc, .free = heap_free, .allocator_data = &heap};
    struct stated_status status;
    echo_double_start(&server, NULL);
    assert_int_equal(use_client(&server, &allocator, &status), STATED_OK);
    assert_int_equal(atomic_load(&heap.live), 0);
    unsigned long all = atomic_load(&heap.taken);
    assert_true(all >= 8);
    for (unsigned long limit = 0; limit < all; limit++) { /* it gives out at each allocation */
        atomic_store(&heap.taken, 0);
        atomic_store(&heap.limit, limit);
        enum stated_code code = use_client(&server, &allocator, &status);
        if (code != STATED_OK && code != STATED_RESOURCE_EXHAUSTED &&
            code != STATED_DEADLINE_EXCEEDED) {
            fail_msg("allocation %lu: %s", limit, status.message);
        }
        assert_int_equal(atomic_load(&heap.live), 0);
    }
    echo_double_stop(&server);
}

#ifndef NDEBUG
/* Memory that stays readable, so that a mistake is one of the client alone. */
static void *kept[256];
static atomic_uint n_kept;

static void keep(void *argument, void *memory)
{
    (void)argument;
    unsigned place = atomic_fetch_add(&n_kept, 1);
    if (place < sizeof(kept) / sizeof(kept[0])) {
        kept[place] = memory;
    }
}

/* A library built for debugging stops a program that uses a client after closing it. */
static void test_use_after_close(void **state)
{
    (void)state;
    struct echo_double server;
    struct heap heap = {.limit = SIZE_MAX};
    ProtobufCAllocator allocator = {.alloc = heap_alloc, .free = keep, .allocator_data = &heap};
    struct stated_client_options options = STATED_CLIENT_OPTIONS_INIT;
    int said[2];
    char text[256] = "";
    echo_double_start(&server, NULL);
    options.allocator = &allocator;
    struct stated_client *client = echo_double_client(&server, options);
    stated_client_close(client);
    assert_int_equal(pipe(said), 0);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        dup2(said[1], STDERR_FILENO);
        stated_client_fd(client);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(read(said[0], text, sizeof(text) - 1) > 0);
    assert_non_null(strstr(text, "stated_client_fd: the client was closed before"));
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    close(said[0]);
    close(said[1]);
    echo_double_stop(&server);
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        free(kept[i]);
    }
}
#endif

struct closer {
    struct stated_client *client;
    int said; /* standard error of the child */
    pid_t child;
};

/* A callback that closes its own client would wait for itself; tried by a child. */
static void close_in_callback(stated_callback callback, void *argument,
                              const struct stated_status *status, ProtobufCMessage *response)
{
    struct closer *closer = argument;
    (void)callback;
    (void)status;
    protobuf_c_message_free_unpacked(response, NULL);
    closer->child = fork();
    if (closer->child == 0) {
        signal(SIGABRT, SIG_DFL);
        alarm(20); /* rather than wait for ever */
        dup2(closer->said, STDERR_FILENO);
        stated_client_close(closer->client);
        _exit(0);
    }
}

static void test_close_in_a_callback(void **state)
{
    (void)state;
    struct closer closer = {.child = 0};
    struct echo_double server;
    struct stated_client_options options = STATED_CLIENT_OPTIONS_INIT;
    Stated__V1__ReadRequest request = STATED__V1__READ_REQUEST__INIT;
    int said[2];
    int status = 0;
    char text[256] = "";
    echo_double_start(&server, NULL);
    options.dispatch = true;
    closer.client = echo_double_client(&server, options);
    assert_int_equal(pipe(said), 0);
    closer.said = said[1];
    assert_int_equal(stated_client_call_async(closer.client, &read_method, NULL, &request.base,
                                              close_in_callback, NULL, &closer, NULL),
                     STATED_OK);
    while (closer.child == 0) {
        struct pollfd poller = {.fd = stated_client_fd(closer.client), .events = POLLIN};
        assert_int_equal(poll(&poller, 1, LONG_MS), 1);
        stated_client_dispatch(closer.client, 0);
    }
    assert_int_equal(waitpid(closer.child, &status, 0), closer.child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_true(read(said[0], text, sizeof(text) - 1) > 0);
    assert_non_null(strstr(text, "called from a callback of the client"));
    close(said[0]);
    close(said[1]);
    stated_client_close(closer.client);
    echo_double_stop(&server);
}

/* What a child that executes another program would inherit. */
static void test_descriptors_close_on_exec(void **state)
{
    (void)state;
    struct echo_double server;
    struct stated_client_options options = STATED_CLIENT_OPTIONS_INIT;
    bool was_open[256];
    unsigned opened = 0;
    echo_double_start(&server, NULL);
    for (int fd = 0; fd < 256; fd++) {
        was_open[fd] = fcntl(fd, F_GETFD) >= 0;
    }
    options.dispatch = true;
    struct stated_client *client = echo_double_client(&server, options);
    assert_int_equal(echo_double_call(client, &read_method, NULL, 1, NULL), STATED_OK);
    rep_double_wait(server.server, 1);
    for (int fd = 0; fd < 256; fd++) {
        int flags = fcntl(fd, F_GETFD);
        struct sockaddr_un address = {.sun_family = 0};
        socklen_t length = sizeof(address);
        bool of_the_double = getsockname(fd, (struct sockaddr *)&address, &length) == 0 &&
                             length > sizeof(address.sun_family);
        if (flags >= 0 && !was_open[fd] && !of_the_double) {
            opened++;
            assert_true((flags & FD_CLOEXEC) != 0);
        }
    }
    assert_true(opened >= 2);
    stated_client_close(client);
    echo_double_stop(&server);
}

static void test_options_of_an_older_program(void **state)
{
    (void)state;
    struct echo_double server;
    struct stated_client_options options = STATED_CLIENT_OPTIONS_INIT;
    struct stated_client *client;
    struct stated_status status;
    echo_double_start(&server, NULL);
    options.endpoint = rep_double_url(server.server);
    options.size = offsetof(struct stated_client_options, retry); /* knows no more than that */
    options.max_frames = 0;
    options.dispatch = true;
    assert_int_equal(stated_client_open(&options, &client, &status), STATED_OK);
    assert_int_equal(stated_client_fd(client), -1);
    struct stated_call_options call_options = STATED_CALL_OPTIONS_INIT;
    call_options.size = offsetof(struct stated_call_options, info);
    call_options.info = (struct stated_call_info *)(uintptr_t)1; /* is not looked at */
    assert_int_equal(echo_double_call(client, &read_method, &call_options, 1, NULL), STATED_OK);
    stated_client_close(client);
    options.size = 0;
    assert_int_equal(stated_client_open(&options, &client, &status), STATED_INVALID_ARGUMENT);
    assert_non_null(strstr(status.message, "STATED_CLIENT_OPTIONS_INIT"));
    echo_double_stop(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_next_server),
        cmocka_unit_test(test_none_of_the_servers),
        cmocka_unit_test(test_a_server_that_comes_and_goes),
        cmocka_unit_test(test_memory_of_the_program),
#ifndef NDEBUG
        cmocka_unit_test(test_use_after_close),
#endif
        cmocka_unit_test(test_close_in_a_callback),
        cmocka_unit_test(test_descriptors_close_on_exec),
        cmocka_unit_test(test_options_of_an_older_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
