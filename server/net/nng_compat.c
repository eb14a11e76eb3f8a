#include "net/nng_compat.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What SP peers say to each other first. */
#define GREETING_BYTES 8

static size_t whole_length(const struct msghdr *message)
{
    size_t length = 0;
    for (size_t i = 0; i < message->msg_iovlen; i++) {
        length += message->msg_iov[i].iov_len;
    }
    return length;
}

/* Visible to the dynamic linker, and so found before the C library's by every library. */
__attribute__((visibility("default"))) ssize_t sendmsg(int fd, const struct msghdr *message,
                                                       int flags)
{
    ssize_t sent = syscall(SYS_sendmsg, fd, message, flags);
    if (sent >= 0 || (errno != EPIPE && errno != ECONNRESET)) {
        return sent;
    }
    size_t length = whole_length(message);
    if (length <= GREETING_BYTES) {
        errno = ECONNRESET;
        return -1;
    }
    return (ssize_t)length;
}

bool nng_compat_is_effective(void)
{
    /* As NNG's shared library looks it up: from the first object on. */
    return (uintptr_t)dlsym(RTLD_DEFAULT, "sendmsg") == (uintptr_t)sendmsg;
}
