/* The workers: a fixed number of threads that execute granted runs.

   Granted work waits in one place for whichever worker is free first: at most one exclusive run
   (the lock grants no second one), and the granted reads, which each worker takes in slices. So
   several workers share a large run of reads, and small ones that meet here become one. An
   exclusive run keeps one worker at most, and there are two: a bypassing read never waits for a
   writer. */
#ifndef STATED_SCHED_POOL_H
#define STATED_SCHED_POOL_H

#include "sched/entry.h"

#include "stated/status.h"

struct pool;

/* Starts the workers, which call execute(context, run) for each run; the run then belongs to
   execute. RESOURCE_EXHAUSTED when memory or threads run out. */
enum stated_code pool_new(uint32_t workers, void (*execute)(void *context, struct gate_run *run),
                          void *context, struct pool **pool) STATED_MUST_USE;

/* Takes over the granted entries of `batch`, which is left empty and may be the caller's own.
   taken_soon: the caller is a worker about to look for work, so one less need be woken. Any thread;
   never blocks; takes no memory. Wakes at most one worker; each wakes the next while there is work
   for both. */
void pool_put(struct pool *self, struct gate_run *batch, bool taken_soon);

/* Whether the calling thread is one of the workers. */
bool pool_is_worker(const struct pool *self);

/* Entries put and not yet taken by a worker, exclusive runs aside. Any thread; a moment's truth. */
uint32_t pool_waiting_calls(const struct pool *self);

/* Waits until no worker has anything to do, at most to deadline_ns (clock_now_ns). True when so.
   Not on a worker. */
bool pool_wait_idle(struct pool *self, uint64_t deadline_ns) STATED_MUST_USE;

/* Joins the workers, after what they have in hand, and frees. Nothing may be waiting. Not on a
   worker. NULL is allowed. */
void pool_free(struct pool *self);

#endif
