/* Does a cancelled call end at once, wherever it is, and no other with it? */
#include "test.h"

#include "client_methods.h"
#include "echo_double.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#define LONG_MS 60000
#define PATIENCE_S 60

struct tally {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned ended;
    unsigned cancelled;
    unsigned ok;
};

static void init_tally(struct tally *tally)
{
    *tally = (struct tally){.ended = 0};
    pthread_mutex_init(&tally->lock, NULL);
    pthread_cond_init(&tally->changed, NULL);
}

static void wait_ended(struct tally *tally, unsigned count)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&tally->lock);
    while (tally->ended < count) {
        assert_int_equal(pthread_cond_timedwait(&tally->changed, &tally->lock, &until), 0);
    }
    pthread_mutex_unlock(&tally->lock);
}

static void on_done(stated_callback callback, void *argument, const struct stated_status *status,
                    ProtobufCMessage *response)
{
    struct tally *tally = argument;
    (void)callback;
    if (response != NULL) {
        protobuf_c_message_free_unpacked(response, NULL);
    }
    pthread_mutex_lock(&tally->lock);
    tally->ended++;
    tally->cancelled += status->code == STATED_CANCELLED;
    tally->ok += status->code == STATED_OK;
    pthread_cond_broadcast(&tally->changed);
    pthread_mutex_unlock(&tally->lock);
}

static enum stated_code start(struct stated_client *client, struct stated_cancel *cancel,
                              struct tally *tally)
{
    struct stated_call_options options = STATED_CALL_OPTIONS_INIT;
    Stated__V1__ReadRequest request = STATED__V1__READ_REQUEST__INIT;
    options.cancel = cancel;
    return stated_client_call_async(client, &write_method, &options, &request.base, on_done, NULL,
                                    tally, NULL);
}

static struct stated_client *open_client(struct echo_double *server, uint32_t max_calls)
{
    struct stated_client_options options = STATED_CLIENT_OPTIONS_INIT;
    echo_double_start(server, NULL);
    options.connect_timeout_ms = LONG_MS;
    options.timeout_ms = LONG_MS;
    options.max_calls = max_calls;
    options.max_frames = 1;
    return echo_double_client(server, options);
}

static void test_calls_that_were_sent_and_that_were_not(void **state)
{
    (void)state;
    struct echo_double server;
    struct tally tally;
    init_tally(&tally);
    struct stated_client *client = open_client(&server, 4);
    struct stated_cancel *cancel = stated_cancel_new(client);
    assert_non_null(cancel);
    server.hold = true;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(start(client, i % 2 ? cancel : NULL, &tally), STATED_OK);
    }
    rep_double_wait(server.server, 1);
    stated_cancel_calls(cancel);
    wait_ended(&tally, 5);
    assert_int_equal(tally.cancelled, 5);
    assert_int_equal(start(client, cancel, &tally), STATED_CANCELLED);
    server.hold = false;
    rep_double_release(server.server);
    wait_ended(&tally, 10);
    assert_int_equal(tally.ok, 5);
    stated_cancel_free(cancel);
    stated_client_close(client);
    echo_double_stop(&server);
}

struct waiter {
    struct stated_client *client;
    struct stated_cancel *cancel;
    struct stated_status status;
};

static void *call_and_wait(void *argument)
{
    struct waiter *waiter = argument;
    struct stated_call_options options = STATED_CALL_OPTIONS_INIT;
    options.cancel = waiter->cancel;
    echo_double_call(waiter->client, &write_method, &options, 1, &waiter->status);
    return NULL;
}

static void test_a_thread_that_waits(void **state)
{
    (void)state;
    struct echo_double server;
    struct stated_client *client = open_client(&server, 4);
    struct waiter waiter = {.client = client, .cancel = stated_cancel_new(client)};
    pthread_t thread;
    server.hold = true;
    assert_int_equal(pthread_create(&thread, NULL, call_and_wait, &waiter), 0);
    rep_double_wait(server.server, 1);
    stated_cancel_calls(waiter.cancel);
    pthread_join(thread, NULL);
    assert_int_equal(waiter.status.code, STATED_CANCELLED);
    assert_non_null(strstr(waiter.status.message, "whether the write happened is unknown"));
    call_and_wait(&waiter); /* with a handle that is cancelled already */
    assert_int_equal(waiter.status.code, STATED_CANCELLED);
    assert_non_null(strstr(waiter.status.message, "before it was sent"));
    stated_cancel_free(waiter.cancel);
    stated_client_close(client);
    echo_double_stop(&server);
}

static void test_a_handle_that_is_freed_first(void **state)
{
    (void)state;
    struct echo_double server;
    struct tally tally;
    init_tally(&tally);
    struct stated_client *client = open_client(&server, 4);
    struct stated_cancel *cancel = stated_cancel_new(client);
    server.hold = true;
    assert_int_equal(start(client, cancel, &tally), STATED_OK);
    rep_double_wait(server.server, 1);
    stated_cancel_free(cancel);
    stated_cancel_free(NULL);
    server.hold = false;
    rep_double_release(server.server);
    wait_ended(&tally, 1);
    assert_int_equal(tally.ok, 1);
    stated_client_close(client);
    echo_double_stop(&server);
}

/* Calls are started while others are cancelled: each ends once. */
static void *start_many(void *argument)
{
    struct waiter *waiter = argument;
    struct tally tally;
    unsigned started = 0;
    init_tally(&tally);
    for (int i = 0; i < 2000; i++) {
        started += start(waiter->client, waiter->cancel, &tally) == STATED_OK;
    }
    wait_ended(&tally, started);
    return tally.ok + tally.cancelled == started ? NULL : argument;
}

static void test_at_any_moment(void **state)
{
    (void)state;
    struct echo_double server;
    struct stated_client *client = open_client(&server, 16);
    for (int round = 0; round < 5; round++) {
        struct waiter waiter = {.client = client, .cancel = stated_cancel_new(client)};
        unsigned before = atomic_load(&server.calls);
        pthread_t threads[2];
        void *failed;
        for (int i = 0; i < 2; i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, start_many, &waiter), 0);
        }
        while (atomic_load(&server.calls) < before + 50) {
            struct timespec moment = {.tv_nsec = 100000};
            nanosleep(&moment, NULL);
        }
        stated_cancel_calls(waiter.cancel);
        for (int i = 0; i < 2; i++) {
            pthread_join(threads[i], &failed);
            assert_null(failed);
        }
        stated_cancel_free(waiter.cancel);
    }
    assert_int_equal(echo_double_call(client, &read_method, NULL, 3, NULL), STATED_OK);
    stated_client_close(client);
    echo_double_stop(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_that_were_sent_and_that_were_not),
        cmocka_unit_test(test_a_thread_that_waits),
        cmocka_unit_test(test_a_handle_that_is_freed_first),
        cmocka_unit_test(test_at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
