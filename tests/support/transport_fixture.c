#include "transport_fixture.h"

#include "echo_exchange.h"
#include "test.h"

#include "base/clock.h"

#include <nng/protocol/reqrep0/req.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void party_gone(void *context, struct gate_party *party)
{
    struct fixture *self = context;
    assert_non_null(party);
    atomic_fetch_add(&self->parties_gone, 1);
}

struct transport_options fixture_options(struct fixture *self)
{
    return (struct transport_options){
        .max_message_bytes = 1u << 20,
        .max_connections = 256,
        .max_frames = 512,
        .max_frames_per_connection = 2048,
        .idle_timeout_ms = 60000,
        .party_gone = party_gone,
        .context = self,
    };
}

void fixture_make_directory(struct fixture *self)
{
    memset(self, 0, sizeof(*self));
    strcpy(self->directory, "/tmp/stated-test-XXXXXX");
    assert_non_null(mkdtemp(self->directory));
    snprintf(self->ipc, sizeof(self->ipc), "ipc://%s/s.sock", self->directory);
}

void fixture_remove_directory(struct fixture *self)
{
    char lock[128];
    snprintf(lock, sizeof(lock), "%s.lock", self->ipc + strlen("ipc://"));
    unlink(lock);
    assert_int_equal(rmdir(self->directory), 0);
}

void fixture_start(struct fixture *self, const struct transport_options *options)
{
    struct stated_status status = {.message = ""};
    fixture_make_directory(self);
    echo_start();
    if (transport_new(options, NULL, &self->transport, &status) != STATED_OK ||
        transport_listen(self->transport, self->ipc, &status) != STATED_OK ||
        transport_listen(self->transport, "tcp://127.0.0.1:0", &status) != STATED_OK ||
        transport_start(self->transport, &status) != STATED_OK) {
        fail_msg("%s", status.message);
    }
    self->tcp = transport_endpoint(self->transport, 1);
}

void fixture_stop(struct fixture *self)
{
    transport_stop_accepting(self->transport);
    echo_answer_held();
    transport_linger(self->transport);
    transport_close(self->transport);
    echo_answer_held();
    echo_stop();
    transport_free(self->transport);
    fixture_remove_directory(self);
}

struct transport_figures fixture_figures(struct fixture *self)
{
    struct transport_figures figures;
    transport_read_figures(self->transport, &figures);
    return figures;
}

uint64_t fixture_deadline_ns(void)
{
    return clock_now_ns() + FIXTURE_WAIT_MS * CLOCK_NS_PER_MS;
}

void fixture_pause(uint64_t until_ns, const char *waiting_for)
{
    if (clock_now_ns() > until_ns) {
        fail_msg("not within %d ms: %s", FIXTURE_WAIT_MS, waiting_for);
    }
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

nng_msg *fixture_ask(const char *url, const char *body, int wait_ms)
{
    nng_socket socket;
    nng_msg *message = NULL;
    assert_int_equal(nng_req0_open(&socket), 0);
    nng_socket_set_ms(socket, NNG_OPT_SENDTIMEO, wait_ms);
    nng_socket_set_ms(socket, NNG_OPT_RECVTIMEO, wait_ms);
    assert_int_equal(nng_dial(socket, url, NULL, NNG_FLAG_NONBLOCK), 0);
    assert_int_equal(nng_msg_alloc(&message, 0), 0);
    assert_int_equal(nng_msg_append(message, body, strlen(body)), 0);
    if (nng_sendmsg(socket, message, 0) != 0) {
        nng_msg_free(message);
        message = NULL;
    } else if (nng_recvmsg(socket, &message, 0) != 0) {
        message = NULL;
    }
    nng_close(socket);
    return message;
}

void fixture_assert_echo(const char *url, const char *body)
{
    nng_msg *reply = fixture_ask(url, body, FIXTURE_WAIT_MS);
    assert_non_null(reply);
    assert_int_equal(nng_msg_len(reply), strlen(body));
    assert_memory_equal(nng_msg_body(reply), body, strlen(body));
    nng_msg_free(reply);
}
