#include "engine/lmdb_refusal.h"

#include "engine/lmdb_engine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* A write too large for the little that is left is no reason to call the state read-only: of what
   had no room, this share of the limit counts at most. */
#define MAX_WRITE_SHARE 16

/* Not the disk, but the limit of the size. */
static bool is_limit(int code)
{
    return code == MDB_MAP_FULL || code == MDB_TXN_FULL;
}

static uint64_t at_most(uint64_t number, uint64_t max)
{
    return number < max ? number : max;
}

/* What LMDB may touch to write so many bytes. */
static uint64_t touched_bytes(uint64_t put_bytes)
{
    return LMDB_SPACE_SLACK_BYTES + 2 * put_bytes;
}

/* Whether the last write would have had room if all that is not in use could be used: LMDB keeps
   the pages that a reader may still look at. */
static bool is_kept_by_readers(const struct lmdb_store *self)
{
    uint64_t bytes = self->exclusive.put_bytes;
    MDB_envinfo info;
    (void)mdb_env_info(self->env, &info);
    uint64_t unused = ((uint64_t)info.me_last_pgno + 1) * self->space.page_bytes -
                      lmdb_space_live_bytes(&self->space);
    return lmdb_space_fits(self, bytes, false) && unused >= touched_bytes(bytes);
}

struct reason {
    const char *what;
    const char *advice;
};

static struct reason reason_of(int code, bool is_kept)
{
    if (!is_limit(code)) {
        return (struct reason){"the disk is full",
                               ", and the file cannot grow; free disk space or delete keys"};
    }
    if (is_kept) {
        return (struct reason){
            "there is no room for now",
            ", and the rest is kept for a check, a snapshot or a long read that is "
            "under way; try again when it has ended"};
    }
    return (struct reason){"the state is full", "; delete keys or raise the size limit"};
}

static void explain(const struct lmdb_store *self, struct reason reason, char *text, size_t size)
{
    snprintf(text, size, "%s: %" PRIu64 " of at most %" PRIu64 " bytes are in use%s", reason.what,
             lmdb_space_live_bytes(&self->space), self->space.limit_bytes, reason.advice);
}

void lmdb_refusal_explain(const struct lmdb_store *self, int code, char *text, size_t size)
{
    explain(self, reason_of(code, is_kept_by_readers(self)), text, size);
}

/* Whether the file system, and the limit of a file's size, leave room for so much more. */
static bool disk_has_room(const struct lmdb_store *self, uint64_t bytes)
{
    struct statvfs disk;
    struct rlimit file;
    uint64_t end = self->space.ready_bytes + bytes;
    if (getrlimit(RLIMIT_FSIZE, &file) == 0 && file.rlim_cur < end) {
        return false;
    }
    int fd = lmdb_space_fd(self);
    if (fstatvfs(fd, &disk) != 0) {
        return false;
    }
    uint64_t blocks = geteuid() == 0 ? disk.f_bfree : disk.f_bavail;
    return blocks * disk.f_frsize >= bytes;
}

void lmdb_refusal_note(struct lmdb_run *run, int code)
{
    struct lmdb_store *self = run->store;
    uint64_t most = self->space.limit_bytes / MAX_WRITE_SHARE;
    uint64_t bytes = at_most(run->put_bytes > 0 ? run->put_bytes : 1, most);
    self->refusal.cause = is_limit(code)                              ? LMDB_REFUSAL_LIMIT
                          : disk_has_room(self, touched_bytes(bytes)) ? LMDB_REFUSAL_QUOTA
                                                                      : LMDB_REFUSAL_DISK;
    self->refusal.bytes = bytes;
}

void lmdb_refusal_end(struct lmdb_run *run, uint64_t pages)
{
    if (run->grows && pages > run->pages_before) {
        run->store->refusal.bytes = 0;
    }
}

void lmdb_refusal_read(const struct lmdb_store *self, char *text, size_t size)
{
    uint64_t bytes = self->refusal.bytes;
    int cause = self->refusal.cause;
    bool fills_limit = cause == LMDB_REFUSAL_LIMIT;
    text[0] = '\0';
    if (bytes == 0 || lmdb_space_fits(self, bytes, !fills_limit) ||
        (cause == LMDB_REFUSAL_DISK && disk_has_room(self, touched_bytes(bytes)))) {
        return;
    }
    explain(self, reason_of(fills_limit ? MDB_MAP_FULL : ENOSPC, false), text, size);
}
