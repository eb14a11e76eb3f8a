/* Whether writes are refused for want of room, and whether they still would be: what Health says
   between two writes.

   A refusal is noted when it happens. It is over when a write has made the state grow, or when
   there is room again: the disk is asked then, so that nobody has to try a write to find out. */
#ifndef STATED_ENGINE_LMDB_REFUSAL_H
#define STATED_ENGINE_LMDB_REFUSAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lmdb_run;
struct lmdb_store;

enum lmdb_refusal_cause {
    LMDB_REFUSAL_LIMIT, /* of the size */
    LMDB_REFUSAL_DISK,  /* has no room, and says so */
    LMDB_REFUSAL_QUOTA, /* nobody can be asked how much is left: until a write has succeeded */
};

struct lmdb_refusal {
    atomic_uint_fast64_t bytes; /* that had no room; 0: nothing is refused */
    atomic_int cause;
};

/* The run's only write had no room, with LMDB's code. Of the thread that has the EXCLUSIVE run. */
void lmdb_refusal_note(struct lmdb_run *run, int code);

/* The run is committed; pages are in use now. Of the thread that has the EXCLUSIVE run. */
void lmdb_refusal_end(struct lmdb_run *run, uint64_t pages);

/* Says for people why the run's only write had no room: code is LMDB's. Of the thread that has the
   EXCLUSIVE run. */
void lmdb_refusal_explain(const struct lmdb_store *self, int code, char *text, size_t size);

/* Why writes are refused at this moment; "" when they are not. Any thread; asks the file system,
   waits for nobody. */
void lmdb_refusal_read(const struct lmdb_store *self, char *text, size_t size);

#endif
