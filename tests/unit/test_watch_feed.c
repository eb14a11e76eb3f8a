/* Is each waiter told of every change of its keys, of none that it has seen, and of no other's? */
#include "state/watch_feed.h"

#include "base/clock.h"
#include "test.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A change log in memory: revision i + 1 changed the key keys[i]. */
enum { MAX_LOG = 20000, KEY_BYTES = 8 };

struct fake_store {
    struct store store;
    pthread_mutex_t mutex;
    char (*keys)[KEY_BYTES];
    uint64_t n;
    bool is_broken; /* read_changes fails */
    unsigned looks; /* calls of it */
    store_committed committed;
    void *argument;
};

static struct fake_store *fake_of(struct store *store)
{
    return CONTAINER_OF(store, struct fake_store, store);
}

static void read_status(struct store *store, struct store_status *status)
{
    *status = (struct store_status){.revision = fake_of(store)->n};
}

static void add_event(struct store_changes *changes, uint64_t revision, const char *key)
{
    Stated__V1__WatchResponse *response = changes->response;
    Stated__V1__Event *event = arena_alloc(changes->arena, sizeof(*event));
    Stated__V1__Entry *entry = arena_alloc(changes->arena, sizeof(*entry));
    stated__v1__event__init(event);
    stated__v1__entry__init(entry);
    entry->key.data = arena_copy(changes->arena, key, strlen(key));
    entry->key.len = strlen(key);
    entry->mod_revision = revision;
    event->entry = entry;
    response->events[response->n_events++] = event;
}

static void read_changes(struct store *store, struct store_changes *changes)
{
    struct fake_store *self = fake_of(store);
    pthread_mutex_lock(&self->mutex);
    self->looks++;
    stated__v1__watch_response__init(changes->response);
    changes->code = self->is_broken ? STATED_DATA_LOSS : STATED_OK;
    changes->message = "";
    assert_true(changes->keys_only);
    assert_true(changes->limit > 0 && changes->max_revisions > 0);
    changes->response->events =
        arena_alloc(changes->arena, changes->limit * sizeof(Stated__V1__Event *));
    uint64_t next = changes->from_revision;
    while (next <= self->n && changes->response->n_events < changes->limit) {
        add_event(changes, next, self->keys[next - 1]);
        next++;
    }
    changes->response->next_revision = next;
    pthread_mutex_unlock(&self->mutex);
}

static void notify(struct store *store, store_committed committed, void *argument)
{
    fake_of(store)->committed = committed;
    fake_of(store)->argument = argument;
}

static const struct store_ops fake_ops = {.capabilities = STORE_CAN_CHANGES,
                                          .read_status = read_status,
                                          .read_changes = read_changes,
                                          .notify = notify};

static uint64_t commit(struct fake_store *self, const char *key)
{
    pthread_mutex_lock(&self->mutex);
    assert_true(self->n < MAX_LOG);
    snprintf(self->keys[self->n], KEY_BYTES, "%s", key);
    uint64_t revision = ++self->n;
    pthread_mutex_unlock(&self->mutex);
    self->committed(self->argument, revision);
    return revision;
}

/* Somebody who waits, and can be waited for. */
struct waiter {
    struct watch_waiter waiter;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    unsigned told;
};

static void told(struct watch_waiter *waiter)
{
    struct waiter *self = CONTAINER_OF(waiter, struct waiter, waiter);
    pthread_mutex_lock(&self->mutex);
    self->told++;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->mutex);
}

static void waiter_init(struct waiter *self, const char *prefix, uint64_t next_revision)
{
    *self =
        (struct waiter){.waiter = {.entry.span = {.start = {.data = (uint8_t *)(uintptr_t)prefix,
                                                            .len = strlen(prefix)},
                                                  .kind = KEY_SPAN_PREFIX},
                                   .next_revision = next_revision,
                                   .tell = told}};
    pthread_mutex_init(&self->mutex, NULL);
    pthread_cond_init(&self->changed, NULL);
}

static void waiter_deinit(struct waiter *self)
{
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->mutex);
}

static void wait_told(struct waiter *self, unsigned n)
{
    struct timespec until;
    int error = 0;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    pthread_mutex_lock(&self->mutex);
    while (self->told < n && error == 0) {
        error = pthread_cond_timedwait(&self->changed, &self->mutex, &until);
    }
    unsigned told_now = self->told;
    pthread_mutex_unlock(&self->mutex);
    assert_int_equal(told_now, n);
}

struct harness {
    struct fake_store fake;
    struct watch_feed *feed;
};

static int set_up(void **state)
{
    struct harness *self = calloc(1, sizeof(*self));
    self->fake.store.ops = &fake_ops;
    self->fake.keys = calloc(MAX_LOG, KEY_BYTES);
    pthread_mutex_init(&self->fake.mutex, NULL);
    snprintf(self->fake.keys[0], KEY_BYTES, "first");
    self->fake.n = 1;
    assert_int_equal(watch_feed_new(&self->fake.store, &self->feed), STATED_OK);
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    struct harness *self = *state;
    watch_feed_free(self->feed);
    pthread_mutex_destroy(&self->fake.mutex);
    free(self->fake.keys);
    free(self);
    return 0;
}

static void wait_seen(struct watch_feed *feed, uint64_t revision)
{
    uint64_t until_ns = clock_now_ns() + 60 * CLOCK_NS_PER_S;
    while (atomic_load(&feed->seen) < revision && clock_now_ns() < until_ns) {
        sched_yield();
    }
    assert_true(atomic_load(&feed->seen) >= revision);
}

static void test_a_waiter_is_told_of_its_own_keys(void **state)
{
    struct harness *self = *state;
    struct waiter a;
    struct waiter b;
    waiter_init(&a, "a", 2);
    waiter_init(&b, "b", 2);
    assert_true(watch_feed_wait(self->feed, &a.waiter));
    assert_true(watch_feed_wait(self->feed, &b.waiter));
    commit(&self->fake, "c");
    uint64_t revision = commit(&self->fake, "aa");
    wait_told(&a, 1);
    assert_int_equal(a.waiter.next_revision, revision);
    commit(&self->fake, "ab"); /* it waits no more */
    revision = commit(&self->fake, "c");
    wait_seen(self->feed, revision);
    assert_int_equal(a.told, 1);
    assert_false(watch_feed_leave(self->feed, &a.waiter));
    assert_true(watch_feed_leave(self->feed, &b.waiter));
    assert_int_equal(b.told, 0);
    assert_int_equal(b.waiter.next_revision, revision + 1);
    assert_false(watch_feed_leave(self->feed, &b.waiter));
    waiter_deinit(&a);
    waiter_deinit(&b);
}

static void test_what_it_has_seen_does_not_wake_it(void **state)
{
    struct harness *self = *state;
    struct waiter early;
    struct waiter late;
    waiter_init(&early, "x", 2);
    waiter_init(&late, "a", 4); /* has read up to 3 by itself, before the feed */
    assert_true(watch_feed_wait(self->feed, &early.waiter));
    assert_true(watch_feed_wait(self->feed, &late.waiter));
    commit(&self->fake, "a");
    wait_seen(self->feed, commit(&self->fake, "a"));
    assert_int_equal(late.told, 0);
    uint64_t revision = commit(&self->fake, "a");
    wait_told(&late, 1);
    assert_int_equal(late.waiter.next_revision, revision);
    assert_true(watch_feed_leave(self->feed, &early.waiter));
    waiter_deinit(&early);
    waiter_deinit(&late);
}

static void test_whoever_comes_late_has_to_look_again(void **state)
{
    struct harness *self = *state;
    struct waiter first;
    struct waiter behind;
    waiter_init(&first, "x", 2);
    waiter_init(&behind, "a", 2);
    assert_true(watch_feed_wait(self->feed, &first.waiter));
    wait_seen(self->feed, commit(&self->fake, "a"));
    assert_false(watch_feed_wait(self->feed, &behind.waiter));
    behind.waiter.next_revision = 3;
    assert_true(watch_feed_wait(self->feed, &behind.waiter));
    commit(&self->fake, "a");
    wait_told(&behind, 1);
    assert_true(watch_feed_leave(self->feed, &first.waiter));
    waiter_deinit(&first);
    waiter_deinit(&behind);
}

static void test_while_nobody_waits_nothing_is_read(void **state)
{
    struct harness *self = *state;
    struct waiter waiter;
    uint64_t revision = 0;
    for (int i = 0; i < 1000; i++) {
        revision = commit(&self->fake, "a");
    }
    assert_int_equal(self->fake.looks, 0);
    assert_int_equal(watch_feed_newest(self->feed), revision);
    /* The first one does not have to be told of what it has seen by itself either. */
    waiter_init(&waiter, "a", revision + 1);
    assert_true(watch_feed_wait(self->feed, &waiter.waiter));
    commit(&self->fake, "a");
    wait_told(&waiter, 1);
    assert_int_equal(waiter.waiter.next_revision, revision + 1);
    assert_int_equal(self->fake.looks, 1);
    waiter_deinit(&waiter);
}

static void test_when_the_log_cannot_be_read_all_are_told(void **state)
{
    struct harness *self = *state;
    struct waiter a;
    struct waiter b;
    waiter_init(&a, "a", 2);
    waiter_init(&b, "b", 2);
    pthread_mutex_lock(&self->fake.mutex);
    self->fake.is_broken = true;
    pthread_mutex_unlock(&self->fake.mutex);
    assert_true(watch_feed_wait(self->feed, &a.waiter));
    assert_true(watch_feed_wait(self->feed, &b.waiter));
    uint64_t revision = commit(&self->fake, "c");
    wait_told(&a, 1);
    wait_told(&b, 1);
    assert_int_equal(a.waiter.next_revision, 2); /* nothing is passed over */
    wait_seen(self->feed, revision);
    waiter_deinit(&a);
    waiter_deinit(&b);
}

enum { FOLLOWERS = 4, COMMITS = 4000 };

/* Follows its keys as a watch does: looks, waits, looks again. */
struct follower {
    struct harness *harness;
    struct waiter waiter;
    pthread_t thread;
    uint64_t seen[COMMITS];
    size_t n;
    unsigned told;
};

/* As a watch's own look: everything from next_revision on that is there. */
static void look(struct follower *self)
{
    struct fake_store *fake = &self->harness->fake;
    struct watch_waiter *waiter = &self->waiter.waiter;
    pthread_mutex_lock(&fake->mutex);
    while (waiter->next_revision <= fake->n) {
        if (fake->keys[waiter->next_revision - 1][0] == (char)waiter->entry.span.start.data[0]) {
            self->seen[self->n++] = waiter->next_revision;
        }
        waiter->next_revision++;
    }
    pthread_mutex_unlock(&fake->mutex);
}

static void *follow(void *argument)
{
    struct follower *self = argument;
    while (self->n < COMMITS / FOLLOWERS) {
        look(self);
        if (self->n < COMMITS / FOLLOWERS &&
            watch_feed_wait(self->harness->feed, &self->waiter.waiter)) {
            wait_told(&self->waiter, ++self->told);
        }
    }
    return NULL;
}

static void test_nobody_misses_a_change(void **state)
{
    struct harness *self = *state;
    static const char *const keys[FOLLOWERS] = {"a", "b", "c", "d"};
    struct follower *followers = calloc(FOLLOWERS, sizeof(*followers));
    for (size_t i = 0; i < FOLLOWERS; i++) {
        followers[i].harness = self;
        waiter_init(&followers[i].waiter, keys[i], 2);
        assert_int_equal(pthread_create(&followers[i].thread, NULL, follow, &followers[i]), 0);
    }
    for (size_t i = 0; i < COMMITS; i++) {
        commit(&self->fake, keys[i % FOLLOWERS]);
        if (i % 7 == 0) {
            sched_yield();
        }
    }
    for (size_t i = 0; i < FOLLOWERS; i++) {
        pthread_join(followers[i].thread, NULL);
        assert_int_equal(followers[i].n, COMMITS / FOLLOWERS);
        for (size_t j = 0; j < followers[i].n; j++) {
            assert_int_equal(followers[i].seen[j], 2 + j * FOLLOWERS + i);
        }
        waiter_deinit(&followers[i].waiter);
    }
    free(followers);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_waiter_is_told_of_its_own_keys),
        TEST(test_what_it_has_seen_does_not_wake_it),
        TEST(test_whoever_comes_late_has_to_look_again),
        TEST(test_while_nobody_waits_nothing_is_read),
        TEST(test_when_the_log_cannot_be_read_all_are_told),
        TEST(test_nobody_misses_a_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
