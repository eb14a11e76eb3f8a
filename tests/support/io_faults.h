/* Makes the file calls of this process fail on purpose: the program that links this gets its own
   pwrite, writev, fdatasync and fallocate, in LMDB's place as well. */
#ifndef STATED_TESTS_IO_FAULTS_H
#define STATED_TESTS_IO_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum io_call {
    IO_PWRITE = 1 << 0,
    IO_WRITEV = 1 << 1,
    IO_FDATASYNC = 1 << 2,
    IO_FALLOCATE = 1 << 3,
    IO_ALL = (1 << 4) - 1,
    IO_FAILED_SYNC = 1 << 4, /* only told: what was not on disk may never get there */
};

/* Instead of an errno: the call writes half of what it should and says so. */
enum { IO_SHORT = -1 };

/* From now on, the calls in `calls` are counted; the nth (from 1) fails with `error`, and all after
   it too when it is sticky; of EINTR, a hundred. Resets the count. One thread at a time. */
void io_faults_plan(unsigned calls, unsigned long nth, int error, bool is_sticky);

/* No faults, but calls in `calls` are counted from 0. */
void io_faults_count(unsigned calls);

/* Calls counted since. */
unsigned long io_faults_seen(void);

/* True when the planned fault has happened. */
bool io_faults_hit(void);

/* From now on, files end at `bytes`, as on a disk that is full: a write across the end is short,
   one behind it fails with `error`. Works beside a plan. */
void io_faults_disk(unsigned long bytes, int error);

/* From now on, an fdatasync that fails is tried once more: what a wrong engine does. */
void io_faults_retry_syncs(bool retries);

/* A call that has succeeded, or a sync that has not. IO_PWRITE and IO_WRITEV: length bytes at
   offset, is_synced: they are on disk when the call returns. IO_FALLOCATE: the file now has at
   least offset bytes. */
struct io_event {
    enum io_call call;
    int fd;
    off_t offset;
    const void *data;
    size_t length;
    bool is_synced;
};

/* From now on tells each of these, on the thread that makes it; NULL: no more. */
void io_faults_listen(void (*listener)(void *argument, const struct io_event *event),
                      void *argument);

/* Back to plain calls. */
void io_faults_clear(void);

#endif
