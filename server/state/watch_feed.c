/* Why nothing is missed: a waiter is added under the mutex and only while `seen` is before its
   next_revision; what the feed's thread has read it looks up, and counts as seen, within one
   holding of the mutex. So every revision from next_revision on is looked up after the waiter is
   there. */
#include "state/watch_feed.h"

#include <stdlib.h>

/* Of one look into the log, and so of one holding of the mutex. */
#define LOOK_EVENTS 256
#define LOOK_BYTES ((size_t)256 << 10)
#define LOOK_REVISIONS 1024
#define ARENA_BYTES ((size_t)4 << 20)

static void raise_to(_Atomic uint64_t *value, uint64_t least)
{
    uint64_t current = atomic_load(value);
    while (current < least && !atomic_compare_exchange_weak(value, &current, least)) {
    }
}

static void ring(struct watch_feed *self)
{
    pthread_mutex_lock(&self->bell_mutex);
    pthread_cond_signal(&self->bell);
    pthread_mutex_unlock(&self->bell_mutex);
}

/* On the thread that committed. Either this sees the waiter that just came, or that one the
   revision. */
static void committed(void *argument, uint64_t revision)
{
    struct watch_feed *self = argument;
    raise_to(&self->newest, revision);
    if (atomic_load(&self->n_waiting) > 0) {
        ring(self);
    }
}

static void tell(struct watch_feed *self, struct watch_waiter *waiter)
{
    watch_index_remove(&self->guarded.index, &waiter->entry);
    waiter->is_waiting = false;
    atomic_fetch_sub(&self->n_waiting, 1);
    waiter->tell(waiter);
}

struct finding {
    struct watch_feed *feed;
    uint64_t revision;
};

static void found(void *context, struct watch_entry *entry)
{
    const struct finding *finding = context;
    struct watch_waiter *waiter = CONTAINER_OF(entry, struct watch_waiter, entry);
    if (finding->revision >= waiter->next_revision) {
        waiter->next_revision = finding->revision;
        tell(finding->feed, waiter);
    }
}

/* The log cannot say what has changed: all of them look for themselves. */
static void found_by_all(void *context, struct watch_entry *entry)
{
    const struct finding *finding = context;
    struct watch_waiter *waiter = CONTAINER_OF(entry, struct watch_waiter, entry);
    if (finding->revision > waiter->next_revision) {
        waiter->next_revision = finding->revision;
    }
    tell(finding->feed, waiter);
}

static void look_up(struct watch_feed *self, const Stated__V1__WatchResponse *changes)
{
    struct finding finding = {.feed = self};
    pthread_mutex_lock(&self->mutex);
    for (size_t i = 0; i < changes->n_events; i++) {
        const Stated__V1__Entry *entry = changes->events[i]->entry;
        finding.revision = entry->mod_revision;
        watch_index_find(&self->guarded.index, &entry->key, found, &finding);
    }
    raise_to(&self->seen, changes->next_revision - 1);
    pthread_mutex_unlock(&self->mutex);
}

static void tell_all(struct watch_feed *self, uint64_t from)
{
    struct finding finding = {.feed = self, .revision = from};
    pthread_mutex_lock(&self->mutex);
    uint64_t newest = atomic_load(&self->newest);
    watch_index_find_all(&self->guarded.index, found_by_all, &finding);
    raise_to(&self->seen, newest);
    pthread_mutex_unlock(&self->mutex);
}

static void look(struct watch_feed *self)
{
    static const Stated__V1__Selector everything = {
        PROTOBUF_C_MESSAGE_INIT(&stated__v1__selector__descriptor),
        .kind_case = STATED__V1__SELECTOR__KIND_PREFIX,
    };
    Stated__V1__WatchResponse response;
    uint64_t from = atomic_load(&self->seen) + 1;
    struct store_changes changes = {
        .select = &everything,
        .from_revision = from,
        .limit = LOOK_EVENTS,
        .max_revisions = LOOK_REVISIONS,
        .keys_only = true,
        .max_response_bytes = LOOK_BYTES,
        .arena = &self->arena,
        .response = &response,
    };
    self->store->ops->read_changes(self->store, &changes);
    if (changes.code == STATED_OK && response.next_revision > from) {
        look_up(self, &response);
    } else {
        tell_all(self, from);
    }
    arena_reset(&self->arena);
}

static bool has_work(const struct watch_feed *self)
{
    return atomic_load(&self->n_waiting) > 0 &&
           atomic_load(&self->newest) > atomic_load(&self->seen);
}

static void *run(void *argument)
{
    struct watch_feed *self = argument;
    pthread_mutex_lock(&self->bell_mutex);
    while (!self->stopping) {
        if (!has_work(self)) {
            pthread_cond_wait(&self->bell, &self->bell_mutex);
            continue;
        }
        pthread_mutex_unlock(&self->bell_mutex);
        look(self);
        pthread_mutex_lock(&self->bell_mutex);
    }
    pthread_mutex_unlock(&self->bell_mutex);
    return NULL;
}

bool watch_feed_wait(struct watch_feed *self, struct watch_waiter *waiter)
{
    pthread_mutex_lock(&self->mutex);
    if (atomic_load(&self->n_waiting) == 0) {
        raise_to(&self->seen, waiter->next_revision - 1); /* nobody else wants to know of these */
    }
    bool waits = atomic_load(&self->seen) < waiter->next_revision;
    if (waits) {
        watch_index_add(&self->guarded.index, &waiter->entry);
        waiter->is_waiting = true;
        atomic_fetch_add(&self->n_waiting, 1);
    }
    pthread_mutex_unlock(&self->mutex);
    if (waits && has_work(self)) {
        ring(self);
    }
    return waits;
}

bool watch_feed_leave(struct watch_feed *self, struct watch_waiter *waiter)
{
    pthread_mutex_lock(&self->mutex);
    bool was_waiting = waiter->is_waiting;
    if (was_waiting) {
        watch_index_remove(&self->guarded.index, &waiter->entry);
        waiter->is_waiting = false;
        atomic_fetch_sub(&self->n_waiting, 1);
        uint64_t seen = atomic_load(&self->seen);
        if (waiter->next_revision <= seen) {
            waiter->next_revision = seen + 1;
        }
    }
    pthread_mutex_unlock(&self->mutex);
    return was_waiting;
}

uint64_t watch_feed_newest(const struct watch_feed *self)
{
    return atomic_load(&self->newest);
}

static void release(struct server_part *part)
{
    watch_feed_free(CONTAINER_OF(part, struct watch_feed, part));
}

static void init_locks(struct watch_feed *self)
{
    pthread_mutex_init(&self->mutex, NULL);
    pthread_mutex_init(&self->bell_mutex, NULL);
    pthread_cond_init(&self->bell, NULL);
    arena_init(&self->arena, ARENA_BYTES);
}

static void free_parts(struct watch_feed *self)
{
    arena_deinit(&self->arena);
    pthread_cond_destroy(&self->bell);
    pthread_mutex_destroy(&self->bell_mutex);
    pthread_mutex_destroy(&self->mutex);
    watch_index_deinit(&self->guarded.index);
    free(self);
}

enum stated_code watch_feed_new(struct store *store, struct watch_feed **feed)
{
    *feed = NULL;
    struct watch_feed *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return STATED_RESOURCE_EXHAUSTED;
    }
    struct store_status status;
    store->ops->read_status(store, &status);
    self->part.release = release;
    self->store = store;
    atomic_init(&self->newest, status.revision);
    atomic_init(&self->seen, status.revision);
    init_locks(self);
    if (!watch_index_init(&self->guarded.index) ||
        pthread_create(&self->thread, NULL, run, self) != 0) {
        free_parts(self);
        return STATED_RESOURCE_EXHAUSTED;
    }
    pthread_setname_np(self->thread, "stated:watch");
    store->ops->notify(store, committed, self);
    *feed = self;
    return STATED_OK;
}

void watch_feed_free(struct watch_feed *self)
{
    pthread_mutex_lock(&self->bell_mutex);
    self->stopping = true;
    pthread_cond_signal(&self->bell);
    pthread_mutex_unlock(&self->bell_mutex);
    pthread_join(self->thread, NULL);
    free_parts(self);
}
