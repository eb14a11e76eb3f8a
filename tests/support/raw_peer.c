#include "raw_peer.h"

#include "test.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

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
