#include "net/probe.h"

#include <errno.h>
#include <unistd.h>

/* What an SP peer of protocol REQ says first (source: SP over TCP mapping, RFC draft 01). */
static const unsigned char greeting[] = {0x00, 'S', 'P', 0x00, 0x00, 0x30, 0x00, 0x00};

void probe_init(struct probe *self)
{
    *self = (struct probe){.fd = -1};
}

void probe_begin(struct probe *self, uint64_t accepted, uint64_t deadline_ns)
{
    *self = (struct probe){.fd = -1, .accepted_before = accepted, .deadline_ns = deadline_ns};
}

void probe_deinit(struct probe *self)
{
    if (self->fd >= 0) {
        close(self->fd);
        self->fd = -1;
    }
}

static enum probe_verdict end(struct probe *self, enum probe_verdict verdict)
{
    probe_deinit(self);
    return verdict;
}

/* A queue of connections that is full (EAGAIN on a unix socket) is tried again until the deadline.
 */
static enum probe_verdict connect_once(struct probe *self, const struct sockaddr_storage *address,
                                       socklen_t address_bytes)
{
    if (self->fd < 0) {
        self->fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (self->fd < 0) {
            return PROBE_IMPOSSIBLE;
        }
    }
    if (connect(self->fd, (const struct sockaddr *)address, address_bytes) == 0 ||
        errno == EISCONN) {
        self->connected = true;
        return PROBE_UNDECIDED;
    }
    bool pending = errno == EINPROGRESS || errno == EALREADY || errno == EAGAIN || errno == EINTR;
    return pending ? PROBE_UNDECIDED : PROBE_DEAF;
}

static enum probe_verdict greet(struct probe *self)
{
    ssize_t sent = send(self->fd, greeting, sizeof(greeting), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
        return errno == EAGAIN || errno == EINTR ? PROBE_UNDECIDED : PROBE_DEAF;
    }
    self->greeted = true; /* eight bytes into an empty buffer are never cut */
    return PROBE_UNDECIDED;
}

enum probe_verdict probe_step(struct probe *self, const struct sockaddr_storage *address,
                              socklen_t address_bytes, uint64_t accepted, uint64_t now_ns)
{
    if (accepted != self->accepted_before) {
        return end(self, PROBE_ALIVE);
    }
    if (now_ns >= self->deadline_ns) {
        return end(self, PROBE_DEAF);
    }
    enum probe_verdict verdict = PROBE_UNDECIDED;
    if (!self->connected) {
        verdict = connect_once(self, address, address_bytes);
    }
    if (verdict == PROBE_UNDECIDED && self->connected && !self->greeted) {
        verdict = greet(self);
    }
    return verdict == PROBE_UNDECIDED ? verdict : end(self, verdict);
}

int probe_wants_to_write(const struct probe *self)
{
    return self->fd >= 0 && !self->greeted ? self->fd : -1;
}
