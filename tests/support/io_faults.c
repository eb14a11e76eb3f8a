#include "io_faults.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define REPLACES __attribute__((visibility("default")))

/* A call that is interrupted is made again, so there has to be an end. */
enum { MOST_INTERRUPTIONS = 100 };

static struct {
    atomic_uint calls;
    atomic_ulong nth;
    atomic_int error;
    atomic_bool is_sticky;
    atomic_ulong seen;
    atomic_bool hit;
} plan;

void io_faults_plan(unsigned calls, unsigned long nth, int error, bool is_sticky)
{
    plan.calls = 0;
    plan.seen = 0;
    plan.hit = false;
    plan.nth = nth;
    plan.error = error;
    plan.is_sticky = is_sticky;
    plan.calls = calls;
}

void io_faults_count(unsigned calls)
{
    io_faults_plan(calls, 0, 0, false);
}

unsigned long io_faults_seen(void)
{
    return plan.seen;
}

bool io_faults_hit(void)
{
    return plan.hit;
}

static struct {
    atomic_ulong bytes; /* 0: no end */
    atomic_int error;
} disk;

void io_faults_disk(unsigned long bytes, int error)
{
    disk.error = error;
    disk.bytes = bytes;
}

/* While somebody listens, calls are made one at a time: so what is told is what happened. */
static struct {
    pthread_mutex_t mutex;
    void (*tell)(void *argument, const struct io_event *event);
    void *argument;
} listener = {.mutex = PTHREAD_MUTEX_INITIALIZER};

void io_faults_listen(void (*tell)(void *argument, const struct io_event *event), void *argument)
{
    pthread_mutex_lock(&listener.mutex);
    listener.argument = argument;
    listener.tell = tell;
    pthread_mutex_unlock(&listener.mutex);
}

static atomic_bool retries_syncs;

void io_faults_retry_syncs(bool retries)
{
    retries_syncs = retries;
}

void io_faults_clear(void)
{
    retries_syncs = false;
    plan.calls = 0;
    disk.bytes = 0;
    io_faults_listen(NULL, NULL);
}

static void tell(enum io_call call, int fd, off_t offset, const void *data, ssize_t length)
{
    if (listener.tell == NULL || length < 0) {
        return;
    }
    const struct io_event event = {.call = call,
                                   .fd = fd,
                                   .offset = offset,
                                   .data = data,
                                   .length = (size_t)length,
                                   .is_synced = (fcntl(fd, F_GETFL) & O_DSYNC) != 0};
    listener.tell(listener.argument, &event);
}

/* How much of a write the disk takes; 0 and errno when it is full. */
static size_t fitting(off_t offset, size_t length)
{
    if (disk.bytes == 0 || (unsigned long)offset + length <= disk.bytes) {
        return length;
    }
    if ((unsigned long)offset < disk.bytes) {
        return disk.bytes - (unsigned long)offset;
    }
    errno = disk.error;
    return 0;
}

/* 0, an errno or IO_SHORT for this call. */
static int fault_of(enum io_call call)
{
    if ((plan.calls & (unsigned)call) == 0) {
        return 0;
    }
    unsigned long seen = ++plan.seen;
    bool fails = plan.nth != 0 && (seen == plan.nth || (plan.is_sticky && seen > plan.nth));
    if (plan.error == EINTR && seen >= plan.nth + MOST_INTERRUPTIONS) {
        fails = false;
    }
    plan.hit = plan.hit || fails;
    return fails ? plan.error : 0;
}

/* Each takes the place of the C library's function of its name, for LMDB too; their prototypes are
   the system's. */

REPLACES ssize_t pwrite(int fd, const void *data, size_t length, off_t offset)
{
    int fault = fault_of(IO_PWRITE);
    if (fault > 0) {
        errno = fault;
        return -1;
    }
    size_t fits = fitting(offset, length);
    if (fits == 0 && length > 0) {
        return -1;
    }
    pthread_mutex_lock(&listener.mutex);
    ssize_t n = syscall(SYS_pwrite64, fd, data, fault == IO_SHORT ? length / 2 : fits, offset);
    tell(IO_PWRITE, fd, offset, data, n);
    pthread_mutex_unlock(&listener.mutex);
    return n;
}

REPLACES ssize_t writev(int fd, const struct iovec *parts, int n)
{
    int fault = fault_of(IO_WRITEV);
    if (fault > 0) {
        errno = fault;
        return -1;
    }
    if (fault == IO_SHORT) {
        return syscall(SYS_write, fd, parts[0].iov_base, parts[0].iov_len / 2);
    }
    off_t offset = disk.bytes == 0 ? 0 : lseek(fd, 0, SEEK_CUR);
    for (int i = 0; i < n; i++) {
        size_t fits = fitting(offset, parts[i].iov_len);
        if (fits < parts[i].iov_len) {
            return i == 0 && fits == 0 ? -1 : writev(fd, parts, i);
        }
        offset += (off_t)fits;
    }
    pthread_mutex_lock(&listener.mutex);
    off_t at = listener.tell == NULL ? 0 : lseek(fd, 0, SEEK_CUR);
    ssize_t written = syscall(SYS_writev, fd, parts, n);
    for (int i = 0; written > 0 && i < n; i++) {
        tell(IO_WRITEV, fd, at, parts[i].iov_base, (ssize_t)parts[i].iov_len);
        at += (off_t)parts[i].iov_len;
    }
    pthread_mutex_unlock(&listener.mutex);
    return written;
}

static int sync_once(int fd)
{
    int fault = fault_of(IO_FDATASYNC);
    pthread_mutex_lock(&listener.mutex);
    int rc = fault > 0 ? -1 : (int)syscall(SYS_fdatasync, fd);
    tell(rc == 0 ? IO_FDATASYNC : IO_FAILED_SYNC, fd, 0, NULL, 0);
    pthread_mutex_unlock(&listener.mutex);
    if (fault > 0) {
        errno = fault;
    }
    return rc;
}

REPLACES int fdatasync(int fd)
{
    int rc = sync_once(fd);
    return rc != 0 && retries_syncs ? sync_once(fd) : rc;
}

REPLACES int fallocate(int fd, int mode, off_t offset, off_t length)
{
    int fault = fault_of(IO_FALLOCATE);
    if (fault > 0) {
        errno = fault;
        return -1;
    }
    if (fitting(offset, (size_t)length) < (size_t)length) {
        errno = disk.error;
        return -1;
    }
    pthread_mutex_lock(&listener.mutex);
    int rc = (int)syscall(SYS_fallocate, fd, mode, offset, length);
    tell(IO_FALLOCATE, fd, offset + length, NULL, rc);
    pthread_mutex_unlock(&listener.mutex);
    return rc;
}
