#include "engine/lmdb_engine.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* The reserve is a share of the limit, within bounds. */
#define RESERVE_SHARE 16
#define MIN_RESERVE_BYTES (UINT64_C(256) << 10)
#define MAX_RESERVE_BYTES (UINT64_C(64) << 20)

/* The file grows by a share of its size, within bounds: seldom, and not far beyond need. */
#define STEP_SHARE 8
#define MIN_STEP_BYTES (UINT64_C(1) << 20)
#define MAX_STEP_BYTES (UINT64_C(32) << 20)

static uint64_t clamp(uint64_t number, uint64_t min, uint64_t max)
{
    return number < min ? min : number > max ? max : number;
}

static uint64_t reserve_bytes(uint64_t limit_bytes)
{
    return clamp(limit_bytes / RESERVE_SHARE, MIN_RESERVE_BYTES, MAX_RESERVE_BYTES);
}

uint64_t lmdb_space_map_bytes(uint64_t limit_bytes, uint64_t used_bytes)
{
    uint64_t granule = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t bytes = limit_bytes;
    if (used_bytes > limit_bytes) {
        bytes = used_bytes + reserve_bytes(limit_bytes);
    }
    return (bytes + granule - 1) / granule * granule;
}

int lmdb_space_fd(const struct lmdb_store *self)
{
    int fd = -1;
    (void)mdb_env_get_fd(self->env, &fd); /* fails on NULL arguments only */
    return fd;
}

/* Under a writable map LMDB makes the file as long as the map, with nothing behind most of it. */
static uint64_t ready_bytes(const struct lmdb_store *self, uint64_t file_bytes)
{
    unsigned flags = 0;
    MDB_envinfo info;
    MDB_stat stat;
    (void)mdb_env_get_flags(self->env, &flags);
    (void)mdb_env_info(self->env, &info);
    (void)mdb_env_stat(self->env, &stat);
    return (flags & MDB_WRITEMAP) != 0 ? ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize
                                       : file_bytes;
}

enum stated_code lmdb_space_init(struct lmdb_store *self, uint64_t limit_bytes,
                                 struct stated_status *status)
{
    struct lmdb_space *space = &self->space;
    MDB_stat stat;
    struct stat file;
    (void)mdb_env_stat(self->env, &stat);
    if (fstat(lmdb_space_fd(self), &file) != 0) {
        return stated_status_set(status, STATED_UNAVAILABLE, "%s: %s", self->data_path,
                                 strerror(errno));
    }
    space->limit_bytes = limit_bytes;
    space->page_bytes = stat.ms_psize;
    space->full_pages = (limit_bytes - reserve_bytes(limit_bytes)) / stat.ms_psize;
    space->ready_bytes = ready_bytes(self, (uint64_t)file.st_size);
    return STATED_OK;
}

static bool grow_file(struct lmdb_store *self, uint64_t to)
{
    struct lmdb_space *space = &self->space;
    uint64_t from = space->ready_bytes;
    int fd = lmdb_space_fd(self);
    bool grown = fallocate(fd, 0, (off_t)from, (off_t)(to - from)) == 0;
    if (!grown && (errno == EOPNOTSUPP || errno == ENOSYS)) {
        /* No promise of space then, but still never a file shorter than its header says. */
        space->is_blind = true;
        grown = ftruncate(fd, (off_t)to) == 0;
    }
    if (grown) {
        space->ready_bytes = to;
    }
    return grown;
}

bool lmdb_space_explains(const struct lmdb_store *self)
{
    struct statvfs disk;
    if (self->space.is_tight || !self->space.is_blind) {
        return self->space.is_tight;
    }
    return fstatvfs(lmdb_space_fd(self), &disk) == 0 &&
           (uint64_t)disk.f_bavail * disk.f_frsize < MIN_STEP_BYTES;
}

void lmdb_space_prepare(struct lmdb_run *run)
{
    struct lmdb_store *self = run->store;
    struct lmdb_space *space = &self->space;
    MDB_envinfo info;
    (void)mdb_env_info(self->env, &info);
    uint64_t used = ((uint64_t)info.me_last_pgno + 1) * space->page_bytes;
    uint64_t needed = used + LMDB_SPACE_SLACK_BYTES + 2 * (uint64_t)run->put_bytes;
    needed = needed < info.me_mapsize ? needed : info.me_mapsize;
    if (needed <= space->ready_bytes) {
        space->is_tight = false;
        return;
    }
    uint64_t ample = needed + clamp(used / STEP_SHARE, MIN_STEP_BYTES, MAX_STEP_BYTES);
    ample = ample < info.me_mapsize ? ample : info.me_mapsize;
    space->is_tight = !grow_file(self, ample) && !grow_file(self, needed);
}

int lmdb_space_count(struct lmdb_run *run, uint64_t *pages)
{
    /* LMDB's own two trees, of free pages and of tables, are 0 and 1. */
    const struct lmdb_tables *tables = &run->store->tables;
    const MDB_dbi trees[] = {0, 1, tables->state, tables->changes, tables->calls, tables->meta};
    *pages = 2;
    for (size_t i = 0; i < sizeof(trees) / sizeof(trees[0]); i++) {
        MDB_stat stat;
        int rc = mdb_stat(run->txn, trees[i], &stat);
        if (rc != 0) {
            return rc;
        }
        *pages += stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
    }
    return 0;
}

/* The pages that a growing state may have: on a full disk, what the file has already, but for the
   slack, which deletes need. */
static uint64_t room_pages(const struct lmdb_space *space, bool is_tight)
{
    uint64_t bytes = space->ready_bytes;
    uint64_t ready = bytes > LMDB_SPACE_SLACK_BYTES ? bytes - LMDB_SPACE_SLACK_BYTES : 0;
    uint64_t ready_pages = ready / space->page_bytes;
    return is_tight && ready_pages < space->full_pages ? ready_pages : space->full_pages;
}

int lmdb_space_check(struct lmdb_run *run, uint64_t *pages)
{
    const struct lmdb_space *space = &run->store->space;
    int rc = lmdb_space_count(run, pages);
    if (rc != 0 || !run->grows || *pages <= run->pages_before ||
        *pages <= room_pages(space, space->is_tight)) {
        return rc;
    }
    return *pages > space->full_pages ? MDB_MAP_FULL : ENOSPC;
}

bool lmdb_space_has_room(const struct lmdb_run *run)
{
    return lmdb_space_fits(run->store, run->put_bytes, run->store->space.is_tight);
}

bool lmdb_space_fits(const struct lmdb_store *self, uint64_t bytes, bool is_tight)
{
    const struct lmdb_space *space = &self->space;
    uint64_t needed = (LMDB_SPACE_SLACK_BYTES + bytes) / space->page_bytes;
    return space->live_pages + needed <= room_pages(space, is_tight);
}

uint64_t lmdb_space_live_bytes(const struct lmdb_space *self)
{
    return atomic_load(&self->live_pages) * self->page_bytes;
}
