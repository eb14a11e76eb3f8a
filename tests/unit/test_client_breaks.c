/* Does a client survive connections that break at any moment, under load? */
#include "test.h"

#include "client_methods.h"
#include "rep_double.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define IN_FLIGHT 64
#define LONG_MS 60000

enum { CALLS = 10000, PATIENCE_MS = 30000 };

struct load {
    struct stated_client *client;
    atomic_uint requests; /* the double's */
    atomic_uint started;
    atomic_uint answered;
    atomic_uint ended;
};

/* Answers, and hangs up now and then while other answers are on their way. */
static void answer(void *argument, const Stated__V1__RequestFrame *frame, struct rep_answer *reply)
{
    struct load *load = argument;
    (void)frame;
    Stated__V1__ReadResponse response = STATED__V1__READ_RESPONSE__INIT;
    if (atomic_fetch_add(&load->requests, 1) % 53 == 52) {
        reply->kind = REP_HANG_UP;
    } else {
        rep_answer_ok(reply, &response.base);
    }
}

static void start_next(struct load *load);

static void on_outcome(stated_callback callback, void *argument, const struct stated_status *status,
                       ProtobufCMessage *response)
{
    struct load *load = argument;
    (void)callback;
    if (response != NULL) {
        protobuf_c_message_free_unpacked(response, NULL);
    }
    atomic_fetch_add(&load->answered, status->code == STATED_OK);
    start_next(load);
    atomic_fetch_add(&load->ended, 1);
}

static void start_next(struct load *load)
{
    Stated__V1__ReadRequest request = STATED__V1__READ_REQUEST__INIT;
    if (atomic_fetch_add(&load->started, 1) < CALLS) {
        assert_int_equal(stated_client_call_async(load->client, &read_method, NULL, &request.base,
                                                  on_outcome, NULL, load, NULL),
                         STATED_OK);
    }
}

static void pause_ms(uint64_t ms)
{
    struct timespec time = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
}

/* True when every call has ended; false when nothing has been answered for too long. */
static bool all_end(struct load *load)
{
    unsigned seen = 0;
    uint64_t since_ns = clock_now_ns();
    while (atomic_load(&load->ended) < CALLS) {
        unsigned now = atomic_load(&load->answered);
        if (now != seen) {
            seen = now;
            since_ns = clock_now_ns();
        } else if (clock_now_ns() - since_ns > PATIENCE_MS * CLOCK_NS_PER_MS) {
            return false;
        }
        pause_ms(1);
    }
    return true;
}

static void test_connections_break_under_load(void **state)
{
    (void)state;
    struct load load = {0};
    struct rep_double *server = rep_double_start(answer, &load);
    struct stated_client_options options = STATED_CLIENT_OPTIONS_INIT;
    options.endpoint = rep_double_url(server);
    options.connect_timeout_ms = LONG_MS;
    options.timeout_ms = LONG_MS;
    options.max_calls = IN_FLIGHT;
    options.coalesce = false; /* so that connections break in the middle of more frames */
    options.retry = false;
    struct stated_status status;
    if (stated_client_open(&options, &load.client, &status) != STATED_OK) {
        fail_msg("%s", status.message);
    }
    for (unsigned i = 0; i < IN_FLIGHT; i++) {
        start_next(&load);
    }
    bool ended = all_end(&load);
    assert_true(ended);
    assert_in_range(atomic_load(&load.answered), CALLS / 4, CALLS - 1);
    stated_client_close(load.client);
    rep_double_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connections_break_under_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
