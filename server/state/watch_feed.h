/* The change feed: tells watchers that wait of the commits that may concern them.

   A thread of its own follows the change log, from the newest revision that the store has told, and
   looks up who selects the keys that changed. So a commit costs its thread an atomic store, and a
   watcher whose keys do not change costs nothing: that nothing happened to them up to the revision
   that the feed has seen is known without looking at each. */
#ifndef STATED_STATE_WATCH_FEED_H
#define STATED_STATE_WATCH_FEED_H

#include "rpc/arena.h"
#include "server.h"
#include "state/store.h"
#include "state/watch_index.h"

#include "stated/status.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* One that waits for a change; embedded in the watch. Between watch_feed_wait and its being told,
   or watch_feed_leave, it is the feed's. */
struct watch_waiter {
    struct watch_entry entry; /* with the span that is watched */
    uint64_t next_revision;   /* everything before has been seen */
    bool is_waiting;          /* under the feed's mutex */
    /* Something may have come at next_revision, which has moved on to it; it waits no more. On the
       feed's thread and under its mutex: it must not block or call the feed. */
    void (*tell)(struct watch_waiter *self);
};

struct watch_feed {
    struct server_part part;
    struct store *store;
    pthread_t thread;
    struct arena arena;      /* the thread's */
    _Atomic uint64_t newest; /* revision that the store has told */
    _Atomic uint64_t seen;   /* no waiter misses anything up to here; grows under the mutex */
    atomic_uint n_waiting;   /* changes under the mutex */
    pthread_mutex_t mutex;
    struct {
        struct watch_index index;
    } guarded;
    pthread_mutex_t bell_mutex; /* taken alone */
    pthread_cond_t bell;
    bool stopping; /* under bell_mutex */
};

/* Follows the store's change log (STORE_CAN_CHANGES) from now on, before its first run. Frees
   itself as a part of the server, before the store is closed. RESOURCE_EXHAUSTED when memory or
   threads run out. */
enum stated_code watch_feed_new(struct store *store, struct watch_feed **feed) STATED_MUST_USE;

/* Ends the thread and frees the feed. Nobody may wait, and no commit may come. */
void watch_feed_free(struct watch_feed *self);

/* Waits for a change of the waiter's keys from next_revision on: `tell` will be called, possibly
   before this returns. False: the feed is beyond next_revision, look at the log again. Any thread;
   never blocks for long. */
bool watch_feed_wait(struct watch_feed *self, struct watch_waiter *waiter) STATED_MUST_USE;

/* Waits no more. True when it was waiting: nothing has happened up to next_revision, which has
   moved on. `tell` is not called any more. Any thread. */
bool watch_feed_leave(struct watch_feed *self, struct watch_waiter *waiter);

/* The newest revision that the store has told. Any thread. */
uint64_t watch_feed_newest(const struct watch_feed *self);

#endif
