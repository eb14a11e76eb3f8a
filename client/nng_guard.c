/* NNG 1.5 loses the end of a receive when a connection is closed between the header of a message
   and its body: the thread that frees connections then waits for ever, nothing reconnects, and
   nng_close does not return. A connection is closed at such a moment when a send fails because the
   peer has died while its last messages are still being read. So a send to a dead peer pretends to
   succeed, and the death is found where it does no harm, by the receive that reads the end of the
   stream. Only NNG's own sends are touched. */
#include "nng_guard.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static const void *object_of(const void *address)
{
    Dl_info info;
    return dladdr(address, &info) != 0 ? info.dli_fbase : NULL;
}

static bool is_in_nng(const void *address)
{
    return object_of(address) == object_of(dlsym(RTLD_DEFAULT, "nng_close"));
}

static ssize_t whole_length(const struct msghdr *message)
{
    size_t length = 0;
    for (size_t i = 0; i < message->msg_iovlen; i++) {
        length += message->msg_iov[i].iov_len;
    }
    return (ssize_t)length;
}

/* Found before the C library's by every library, NNG's too. Weak: a program's own goes first. */
__attribute__((weak, visibility("default"))) ssize_t sendmsg(int fd, const struct msghdr *message,
                                                             int flags)
{
    ssize_t sent = syscall(SYS_sendmsg, fd, message, flags);
    int error = errno;
    if (sent < 0 && (error == EPIPE || error == ECONNRESET) &&
        is_in_nng(__builtin_return_address(0))) {
        return whole_length(message);
    }
    errno = error;
    return sent;
}

void nng_guard_link(void)
{
}

bool nng_guard_is_effective(void)
{
    return (uintptr_t)dlsym(RTLD_DEFAULT, "sendmsg") == (uintptr_t)sendmsg;
}
