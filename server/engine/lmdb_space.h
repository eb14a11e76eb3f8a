/* How much room the data file has: the configured limit, a reserve below it so that deletes work
   when the state is full, and disk space taken ahead of need.

   The limit bounds the file, through LMDB's map. LMDB changes pages by copying them, so it needs
   free pages even to delete: writes that add are refused when the pages in use leave less than the
   reserve. Disk space is taken before LMDB writes there: so a full disk is found out by a call that
   can fail harmlessly, and a data file is never shorter than its own header says. */
#ifndef STATED_ENGINE_LMDB_SPACE_H
#define STATED_ENGINE_LMDB_SPACE_H

#include "stated/status.h"

#include <lmdb.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Below this, nothing useful fits. */
#define LMDB_SPACE_MIN_LIMIT_BYTES (UINT64_C(1) << 20)

/* What a run copies and adds beside the values it puts. */
#define LMDB_SPACE_SLACK_BYTES (UINT64_C(256) << 10)

struct lmdb_run;
struct lmdb_store;

/* Of the thread that has the EXCLUSIVE run, but for what is atomic. */
struct lmdb_space {
    uint64_t limit_bytes; /* as configured */
    uint64_t full_pages;  /* writes that add are refused above this many pages in use */
    size_t page_bytes;
    atomic_uint_fast64_t ready_bytes; /* of the file: the disk has room for them */
    atomic_bool is_tight;             /* the disk had no room when the file had to grow */
    atomic_bool is_blind;             /* the file system cannot take room ahead */
    atomic_uint_fast64_t live_pages;  /* in use by the newest committed state */
};

/* The size of LMDB's map: the limit, or what a file that grew under a larger limit needs, with a
   reserve for deletes. used_bytes: up to the file's last used page. Pure. */
uint64_t lmdb_space_map_bytes(uint64_t limit_bytes, uint64_t used_bytes);

/* After the environment has been opened. OK, or UNAVAILABLE. */
enum stated_code lmdb_space_init(struct lmdb_store *self, uint64_t limit_bytes,
                                 struct stated_status *status) STATED_MUST_USE;

/* Takes disk space for what the run may need, if it can; else is_tight says so, and LMDB may still
   find free pages inside the file. */
void lmdb_space_prepare(struct lmdb_run *run);

/* Pages in use by the state that the run's transaction sees. LMDB's code. */
int lmdb_space_count(struct lmdb_run *run, uint64_t *pages) STATED_MUST_USE;

/* 0, or MDB_MAP_FULL or ENOSPC when the run has added to a state or disk that is full. Else LMDB's
   code. */
int lmdb_space_check(struct lmdb_run *run, uint64_t *pages) STATED_MUST_USE;

/* True when what the run has put would fit beside the newest committed state, were all other pages
   free. */
bool lmdb_space_has_room(const struct lmdb_run *run);

/* True when so many bytes more would fit beside the newest committed state, were all other pages
   free: within the limit, or, when the disk is tight, within what the file has already. Any thread.
 */
bool lmdb_space_fits(const struct lmdb_store *self, uint64_t bytes, bool is_tight);

/* The data file's descriptor, LMDB's own. Any thread. */
int lmdb_space_fd(const struct lmdb_store *self);

/* True when a failed write is explained by a full disk: LMDB says EIO for a short write as well,
   which is how a disk becomes full. Any thread. */
bool lmdb_space_explains(const struct lmdb_store *self);

/* Bytes in use by the newest committed state. Any thread. */
uint64_t lmdb_space_live_bytes(const struct lmdb_space *self);

#endif
