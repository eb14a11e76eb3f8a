/* An unsafe server's fdatasync: what has failed is tried once more, and then believed. In LMDB's
   place too. A kernel may drop what it could not write, so the second call says nothing. */
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

__attribute__((visibility("default"))) int fdatasync(int fd)
{
    long rc = syscall(SYS_fdatasync, fd);
    return (int)(rc != 0 && errno == EIO ? syscall(SYS_fdatasync, fd) : rc);
}
