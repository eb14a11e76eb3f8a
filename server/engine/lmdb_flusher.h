/* The relaxed mode's clock: a thread that syncs what commits left unsynced, within a bound.

   In relaxed mode a commit still syncs the pages it wrote before it writes the header that leads to
   them, but not the header: half the syncs of sync mode, and at any moment the disk has a header
   whose pages are all there. To leave out both syncs would let the disk write the header first:
   then a power loss leaves a header that leads nowhere. */
#ifndef STATED_ENGINE_LMDB_FLUSHER_H
#define STATED_ENGINE_LMDB_FLUSHER_H

#include "stated/status.h"

#include <pthread.h>
#include <stdbool.h>

struct lmdb_store;

/* In place. */
struct lmdb_flusher {
    bool is_running;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool is_owed; /* under the mutex: something was committed and not synced */
    bool is_stopping;
};

/* Starts the thread. RESOURCE_EXHAUSTED when there is none. */
enum stated_code lmdb_flusher_start(struct lmdb_store *self,
                                    struct stated_status *status) STATED_MUST_USE;

/* Something was committed: it is synced within LMDB_FLUSHER_PERIOD_MS. Any thread. */
void lmdb_flusher_owe(struct lmdb_flusher *self);

/* Syncs what is owed, unless the store has failed, and joins the thread. Harmless when it was never
   started. */
void lmdb_flusher_stop(struct lmdb_store *self);

enum { LMDB_FLUSHER_PERIOD_MS = 50 };

#endif
