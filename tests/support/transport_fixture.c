#include "transport_fixture.h"

#include "echo_exchange.h"
#include "test.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <nng/protocol/reqrep0/req.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
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

static bool is_ipc(const char *url)
{
    return strncmp(url, "ipc://", 6) == 0;
}

static void read_exactly(int fd, void *data, size_t length)
{
    assert_int_equal(recv(fd, data, length, MSG_WAITALL), length);
}

static int connected(int fd, const struct sockaddr *address, socklen_t size)
{
    assert_true(fd >= 0);
    if (connect(fd, address, size) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

int raw_open(const char *url)
{
    if (is_ipc(url)) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        snprintf(address.sun_path, sizeof(address.sun_path), "%s", url + 6);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        return connected(fd, (const struct sockaddr *)&address, sizeof(address));
    }
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)atoi(strrchr(url, ':') + 1)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return connected(fd, (const struct sockaddr *)&address, sizeof(address));
}

int raw_connect(const char *url)
{
    int fd = raw_open(url);
    assert_true(fd >= 0);
    struct timeval wait = {.tv_sec = FIXTURE_WAIT_MS / 1000};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)), 0);
    assert_int_equal(send(fd, "\0SP\0\0\x30\0\0", 8, MSG_NOSIGNAL), 8);
    char greeting[8];
    read_exactly(fd, greeting, sizeof(greeting));
    assert_memory_equal(greeting, "\0SP\0\0\x31\0\0", 8);
    return fd;
}

static bool try_announce(int fd, const char *url, uint32_t id, size_t length)
{
    struct __attribute__((packed)) {
        uint8_t mark;
        uint64_t length;
        uint32_t id;
    } header = {1, htobe64(length + 4), htonl(id | 0x80000000u)};
    size_t skipped = is_ipc(url) ? 0 : 1;
    size_t size = sizeof(header) - skipped;
    return send(fd, (const char *)&header + skipped, size, MSG_NOSIGNAL) == (ssize_t)size;
}

bool raw_try_send(int fd, const char *url, uint32_t id, const void *body, size_t length)
{
    return try_announce(fd, url, id, length) &&
           send(fd, body, length, MSG_NOSIGNAL) == (ssize_t)length;
}

void raw_announce(int fd, const char *url, uint32_t id, size_t length)
{
    assert_true(try_announce(fd, url, id, length));
}

void raw_send(int fd, const char *url, uint32_t id, const void *body, size_t length)
{
    assert_true(raw_try_send(fd, url, id, body, length));
}

ssize_t raw_receive(int fd, const char *url, void *body, size_t size)
{
    char header[13];
    size_t header_bytes = is_ipc(url) ? 13 : 12;
    ssize_t got = recv(fd, header, header_bytes, MSG_WAITALL);
    if (got == 0 || (got < 0 && errno == ECONNRESET)) {
        return -1;
    }
    assert_int_equal(got, header_bytes);
    uint64_t length;
    memcpy(&length, header + header_bytes - 12, sizeof(length));
    length = be64toh(length) - 4;
    assert_true(length <= size);
    read_exactly(fd, body, (size_t)length);
    return (ssize_t)length;
}

void raw_wait_closed(int fd)
{
    char rubbish[4096];
    ssize_t got;
    do {
        got = recv(fd, rubbish, sizeof(rubbish), 0);
    } while (got > 0);
    assert_true(got == 0 || errno == ECONNRESET);
}
