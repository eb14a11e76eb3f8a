#include "net/nng_compat.h"

#if NNG_MINOR_VERSION >= 6

bool nng_compat_is_effective(void)
{
    return true;
}

#else

#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Visible to the dynamic linker, and so found before the C library's by every library. */
__attribute__((visibility("default"))) ssize_t sendmsg(int fd, const struct msghdr *message,
                                                       int flags)
{
    ssize_t sent = syscall(SYS_sendmsg, fd, message, flags);
    if (sent < 0 && errno == EPIPE) {
        errno = ECONNRESET;
    }
    return sent;
}

bool nng_compat_is_effective(void)
{
    /* As NNG's shared library looks it up: from the first object on. */
    return (uintptr_t)dlsym(RTLD_DEFAULT, "sendmsg") == (uintptr_t)sendmsg;
}

#endif
