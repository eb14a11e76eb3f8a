/* Do callbacks run on the program's own loop and nowhere else, and does its descriptor tell when?
 */
#include "test.h"

#include "client_methods.h"
#include "echo_double.h"

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#define LONG_MS 60000

struct tally {
    struct stated_client *client;
    pthread_t owner;
    unsigned ended;
    unsigned foreign; /* callbacks on another thread */
    unsigned chain;   /* further calls to make */
    uint32_t last;
    enum stated_code code;
    enum stated_code nested; /* what waiting in a callback came to */
};

static struct stated_client_options with_loop(void)
{
    struct stated_client_options options = STATED_CLIENT_OPTIONS_INIT;
    options.connect_timeout_ms = LONG_MS;
    options.timeout_ms = LONG_MS;
    options.dispatch = true;
    return options;
}

static void start(struct tally *tally, uint32_t limit, const struct stated_call_options *options);

static void on_done(stated_callback callback, void *argument, const struct stated_status *status,
                    ProtobufCMessage *response)
{
    struct tally *tally = argument;
    (void)callback;
    tally->ended++;
    tally->foreign += pthread_equal(pthread_self(), tally->owner) == 0;
    tally->code = status->code;
    tally->nested = echo_double_call(tally->client, &read_method, NULL, 1, NULL);
    assert_int_equal(stated_client_dispatch(tally->client, 0), 0);
    if (response != NULL) {
        tally->last = (uint32_t)((Stated__V1__ReadResponse *)response)->count;
        protobuf_c_message_free_unpacked(response, NULL);
    }
    if (tally->chain > 0) {
        tally->chain--;
        start(tally, tally->last + 1, NULL);
    }
}

static void start(struct tally *tally, uint32_t limit, const struct stated_call_options *options)
{
    Stated__V1__ReadRequest request = STATED__V1__READ_REQUEST__INIT;
    request.limit = limit;
    assert_int_equal(stated_client_call_async(tally->client, &read_method, options, &request.base,
                                              on_done, NULL, tally, NULL),
                     STATED_OK);
}

static bool is_readable(const struct stated_client *client, int timeout_ms)
{
    struct pollfd poller = {.fd = stated_client_fd(client), .events = POLLIN};
    return poll(&poller, 1, timeout_ms) == 1;
}

/* The loop of a program. */
static void run_until(struct tally *tally, unsigned ended)
{
    while (tally->ended < ended) {
        assert_true(is_readable(tally->client, LONG_MS));
        stated_client_dispatch(tally->client, 0);
    }
}

static void open_tally(struct tally *tally, struct echo_double *server)
{
    echo_double_start(server, NULL);
    *tally =
        (struct tally){.client = echo_double_client(server, with_loop()), .owner = pthread_self()};
}

static void test_a_loop(void **state)
{
    (void)state;
    struct echo_double server;
    struct tally tally;
    open_tally(&tally, &server);
    tally.chain = 100;
    for (uint32_t i = 0; i < 50; i++) {
        start(&tally, i, NULL);
    }
    run_until(&tally, 150);
    assert_int_equal(tally.foreign, 0);
    assert_int_equal(tally.code, STATED_OK);
    assert_int_equal(tally.nested, STATED_FAILED_PRECONDITION);
    assert_int_equal(stated_client_dispatch(tally.client, 0), 0);
    assert_false(is_readable(tally.client, 0));
    stated_client_close(tally.client);
    echo_double_stop(&server);
}

static void test_a_few_at_a_time(void **state)
{
    (void)state;
    struct echo_double server;
    struct tally tally;
    open_tally(&tally, &server);
    while (stated_client_dispatch(tally.client, 0) == 0) { /* that it is connected */
        assert_true(is_readable(tally.client, LONG_MS));
    }
    server.hold = true;
    for (uint32_t i = 0; i < 10; i++) {
        start(&tally, i, NULL);
    }
    rep_double_wait(server.server, 1);
    server.hold = false;
    rep_double_release(server.server);
    while (tally.ended < 10) {
        assert_true(is_readable(tally.client, LONG_MS));
        unsigned before = tally.ended;
        assert_in_range(stated_client_dispatch(tally.client, 3), 1, 3);
        assert_in_range(tally.ended - before, 1, 3);
    }
    assert_false(is_readable(tally.client, 0));
    stated_client_close(tally.client);
    echo_double_stop(&server);
}

/* The connection's news count, too. */
static void test_no_more_than_wanted(void **state)
{
    (void)state;
    struct echo_double server;
    struct tally tally;
    open_tally(&tally, &server);
    assert_true(is_readable(tally.client, LONG_MS)); /* it is connected */
    start(&tally, 1, NULL);
    /* The reply to this one comes after the other's. */
    assert_int_equal(echo_double_call(tally.client, &read_method, NULL, 2, NULL), STATED_OK);
    assert_int_equal(stated_client_dispatch(tally.client, 1), 1);
    assert_int_equal(tally.ended, 0);
    assert_true(is_readable(tally.client, 0));
    assert_int_equal(stated_client_dispatch(tally.client, 1), 1);
    assert_int_equal(tally.ended, 1);
    stated_client_close(tally.client);
    echo_double_stop(&server);
}

static void test_a_thread_may_wait_beside_the_loop(void **state)
{
    (void)state;
    struct echo_double server;
    struct tally tally;
    open_tally(&tally, &server);
    start(&tally, 1, NULL);
    assert_int_equal(echo_double_call(tally.client, &read_method, NULL, 7, NULL), STATED_OK);
    assert_int_equal(tally.ended, 0); /* nobody has asked for it */
    run_until(&tally, 1);
    stated_client_close(tally.client);
    echo_double_stop(&server);
}

static void test_close_runs_what_is_left(void **state)
{
    (void)state;
    struct echo_double server;
    struct tally tally;
    open_tally(&tally, &server);
    server.hold = true;
    for (uint32_t i = 0; i < 20; i++) {
        start(&tally, i, NULL);
    }
    rep_double_wait(server.server, 1);
    stated_client_close(tally.client);
    assert_int_equal(tally.ended, 20);
    assert_int_equal(tally.foreign, 0);
    assert_int_equal(tally.code, STATED_CANCELLED);
    echo_double_stop(&server);
}

static void test_without_the_option(void **state)
{
    (void)state;
    struct echo_double server;
    echo_double_start(&server, NULL);
    struct stated_client_options options = STATED_CLIENT_OPTIONS_INIT;
    struct stated_client *client = echo_double_client(&server, options);
    assert_int_equal(stated_client_fd(client), -1);
    assert_int_equal(stated_client_dispatch(client, 0), 0);
    stated_client_close(client);
    echo_double_stop(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_loop),
        cmocka_unit_test(test_a_few_at_a_time),
        cmocka_unit_test(test_no_more_than_wanted),
        cmocka_unit_test(test_a_thread_may_wait_beside_the_loop),
        cmocka_unit_test(test_close_runs_what_is_left),
        cmocka_unit_test(test_without_the_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
