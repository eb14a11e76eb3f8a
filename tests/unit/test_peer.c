/* Are peers bounded, judged by what they leave undone, and alive until their last frame has ended?
 */
#include "test.h"

#include "base/clock.h"
#include "net/peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS CLOCK_NS_PER_MS

static atomic_uint destroyed;

static void destroy(struct peer *peer)
{
    atomic_fetch_add(&destroyed, 1);
    free(peer);
}

static int setup(void **state)
{
    struct peer_table *table = calloc(1, sizeof(*table));
    assert_non_null(table);
    peer_table_init(table, 1000);
    atomic_store(&destroyed, 0);
    *state = table;
    return 0;
}

/* Whatever is still there leaves. */
static int teardown(void **state)
{
    struct peer_table *table = *state;
    struct peer *peer;
    while ((peer = peer_table_take_next(table)) != NULL) {
        peer_leave(peer);
        peer_release(peer);
    }
    while ((peer = peer_table_take_gone(table)) != NULL) {
        peer_release(peer);
    }
    peer_table_deinit(table);
    free(table);
    return 0;
}

static struct peer *admit(struct peer_table *table, const char *name, uint64_t now_ns)
{
    struct peer *peer = calloc(1, sizeof(*peer));
    assert_non_null(peer);
    if (!peer_admit(peer, table, name, destroy, now_ns)) {
        free(peer);
        return NULL;
    }
    return peer;
}

static void frame(struct peer *peer, bool answered, uint64_t now_ns)
{
    peer_begin_frame(peer);
    peer_end_frame(peer, answered, now_ns);
}

static void test_limit(void **state)
{
    (void)state;
    struct peer_table table;
    peer_table_init(&table, 2);
    struct peer *first = admit(&table, "a", 1);
    struct peer *second = admit(&table, "b", 1);
    assert_non_null(first);
    assert_non_null(second);
    assert_null(admit(&table, "one too many", 1));
    assert_int_equal(atomic_load(&table.count), 2);
    assert_false(peer_leave(first));
    assert_int_equal(atomic_load(&table.count), 1);
    struct peer *third = admit(&table, "there is room again", 1);
    assert_non_null(third);
    assert_int_equal(atomic_load(&table.admitted), 3);
    assert_int_equal(atomic_load(&table.refused), 1);
    assert_false(peer_leave(second));
    assert_false(peer_leave(third));
    assert_int_equal(atomic_load(&destroyed), 3);
    peer_table_deinit(&table);
}

static void test_closed_table_refuses(void **state)
{
    struct peer_table *table = *state;
    assert_non_null(admit(table, "early", 1));
    peer_table_close(table);
    peer_table_close(table);
    assert_null(admit(table, "late", 1));
}

static void test_long_name_is_cut(void **state)
{
    struct peer_table *table = *state;
    char name[500];
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    struct peer *peer = admit(table, name, 1);
    if (peer == NULL) {
        fail_msg("refused");
        return;
    }
    assert_int_equal(strlen(peer->name), PEER_NAME_BYTES - 1);
    assert_ptr_equal(peer->party.name, peer->name);
}

static void test_alive_until_the_last_frame_has_ended(void **state)
{
    struct peer_table *table = *state;
    struct peer *peer = admit(table, "leaves", 1);
    peer_begin_frame(peer);
    peer_begin_frame(peer);
    assert_null(peer_table_take_gone(table));
    assert_true(peer_leave(peer));
    assert_int_equal(atomic_load(&table->count), 0);
    assert_ptr_equal(peer_table_take_gone(table), peer);
    assert_null(peer_table_take_gone(table));
    peer_release(peer);
    peer_end_frame(peer, true, 2);
    assert_int_equal(atomic_load(&destroyed), 0);
    assert_string_equal(peer->name, "leaves");
    peer_end_frame(peer, false, 2);
    assert_int_equal(atomic_load(&destroyed), 1);
}

static void test_a_frame_set_aside_counts_apart(void **state)
{
    struct peer_table *table = *state;
    struct peer *peer = admit(table, "parks", 1);
    peer_begin_frame(peer);
    peer_set_aside(peer);
    assert_int_equal(atomic_load(&peer->frames), 0);
    assert_int_equal(atomic_load(&peer->aside), 1);
    frame(peer, true, 2);
    assert_true(peer_leave(peer));
    assert_ptr_equal(peer_table_take_gone(table), peer);
    peer_release(peer);
    assert_int_equal(atomic_load(&destroyed), 0);
    peer_end_aside(peer, false, 3);
    assert_int_equal(atomic_load(&destroyed), 1);
}

/* The fault that one peer is found to have. */
static enum peer_fault fault_of(struct peer_table *table, const struct peer *peer, uint64_t now_ns)
{
    static const struct peer_limits limits = {
        .idle_ns = 100 * MS,
        .first_ns = 10 * MS,
        .partial_ns = 20 * MS,
        .sending_ns = 50 * MS,
    };
    enum peer_fault fault = PEER_FINE;
    size_t to_do = SIZE_MAX;
    while (to_do > 0) {
        struct peer_finding findings[PEER_SWEEP_STEP];
        size_t found = peer_table_sweep(table, &limits, now_ns, &to_do, findings);
        for (size_t i = 0; i < found; i++) {
            fault = findings[i].peer == peer ? findings[i].fault : fault;
            peer_release(findings[i].peer);
        }
    }
    return fault;
}

static void assert_fault(struct peer_table *table, struct peer *peer, uint64_t from_ns,
                         enum peer_fault fault)
{
    assert_int_equal(fault_of(table, peer, from_ns), PEER_FINE);
    assert_int_equal(fault_of(table, peer, from_ns + 1), fault);
}

static void test_idle(void **state)
{
    struct peer_table *table = *state;
    struct peer *never = admit(table, "never asks", 1000 * MS);
    struct peer *asked = admit(table, "asked", 1000 * MS);
    struct peer *dropped = admit(table, "got no reply", 1000 * MS);
    struct peer *waits = admit(table, "waits for its reply", 1000 * MS);
    frame(asked, true, 1005 * MS);
    frame(dropped, false, 1009 * MS); /* which is no completed request */
    peer_begin_frame(waits);
    assert_fault(table, never, 1010 * MS, PEER_IDLE);
    assert_fault(table, dropped, 1010 * MS, PEER_IDLE);
    assert_fault(table, asked, 1105 * MS, PEER_IDLE);
    assert_int_equal(fault_of(table, waits, UINT64_MAX), PEER_FINE);
    peer_set_aside(waits);
    assert_int_equal(fault_of(table, waits, UINT64_MAX), PEER_FINE);
    peer_end_aside(waits, true, 2000 * MS);
    assert_fault(table, waits, 2100 * MS, PEER_IDLE);
    assert_int_equal(fault_of(table, never, 999 * MS), PEER_FINE); /* taken before it came */
}

static void test_stalled_and_slow(void **state)
{
    struct peer_table *table = *state;
    struct peer *peer = admit(table, "asked", 1);
    frame(peer, true, 1000 * MS);
    atomic_store(&peer->partial_ns, 1000 * MS);
    assert_fault(table, peer, 1020 * MS, PEER_STALLED);
    atomic_store(&peer->partial_ns, 0);
    peer_begin_frame(peer); /* in flight excuses neither */
    atomic_store(&peer->sending_ns, 1000 * MS);
    assert_fault(table, peer, 1050 * MS, PEER_SLOW);
    atomic_store(&peer->sending_ns, 0);
    atomic_store(&peer->partial_ns, 2000 * MS);
    assert_fault(table, peer, 2020 * MS, PEER_STALLED);
    atomic_store(&peer->partial_ns, 0);
    peer_end_frame(peer, true, 2020 * MS);
}

static void test_sweep_reaches_everyone_once(void **state)
{
    struct peer_table *table = *state;
    static unsigned found_times[1000];
    for (size_t i = 0; i < 1000; i++) {
        char name[16];
        snprintf(name, sizeof(name), "%zu", i);
        assert_non_null(admit(table, name, 1));
    }
    static const struct peer_limits limits = {0};
    size_t to_do = SIZE_MAX;
    unsigned steps = 0;
    do {
        struct peer_finding findings[PEER_SWEEP_STEP];
        size_t found = peer_table_sweep(table, &limits, 10, &to_do, findings);
        assert_true(found <= PEER_SWEEP_STEP);
        for (size_t i = 0; i < found; i++) {
            found_times[atoi(findings[i].peer->name)]++;
            peer_release(findings[i].peer);
        }
        steps++;
    } while (to_do > 0);
    assert_int_equal(steps, 8);
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(found_times[i], 1);
    }
}

static void test_take_next_finds_those_that_left_too(void **state)
{
    struct peer_table *table = *state;
    struct peer *stays = admit(table, "stays", 1);
    struct peer *left = admit(table, "left with a frame", 1);
    peer_begin_frame(left);
    assert_true(peer_leave(left));
    assert_ptr_equal(peer_table_take_next(table), stays);
    assert_ptr_equal(peer_table_take_next(table), left);
    assert_null(peer_table_take_next(table));
    peer_release(stays);
    assert_false(peer_leave(stays));
    peer_release(left);
    peer_release(peer_table_take_gone(table));
    peer_end_frame(left, false, 1);
    assert_int_equal(atomic_load(&destroyed), 2);
}

static void test_last_active(void **state)
{
    struct peer_table *table = *state;
    assert_int_equal(peer_table_last_active_ns(table), 0);
    struct peer *a = admit(table, "a", 500);
    struct peer *b = admit(table, "b", 900);
    assert_int_equal(peer_table_last_active_ns(table), 0);
    frame(b, true, 1000);
    frame(a, true, 800);
    assert_int_equal(peer_table_last_active_ns(table), 1000);
}

/* Peers come, work and leave on several threads while others sweep; the sanitizers watch. */
enum { THREADS = 4, ROUNDS = 3000 };

struct churn {
    struct peer_table *table;
    unsigned seed;
    pthread_t thread;
};

static void *churn(void *argument)
{
    struct churn *self = argument;
    for (uint64_t i = 1; i <= ROUNDS; i++) {
        struct peer *peer = admit(self->table, "churned", i);
        int frames = rand_r(&self->seed) % 3;
        for (int k = 0; k < frames; k++) {
            peer_begin_frame(peer);
        }
        fault_of(self->table, peer, i + 1000 * MS);
        struct peer *gone = peer_table_take_gone(self->table);
        if (gone != NULL) {
            peer_release(gone);
        }
        int before = frames > 0 ? rand_r(&self->seed) % frames : 0;
        for (int k = 0; k < before; k++) {
            peer_end_frame(peer, true, i);
        }
        peer_leave(peer);
        for (int k = before; k < frames; k++) {
            peer_end_frame(peer, true, i);
        }
    }
    return NULL;
}

static void test_threads(void **state)
{
    struct peer_table *table = *state;
    unsigned seed = 7420;
    print_message("seed %u\n", seed);
    struct churn churns[THREADS];
    for (int i = 0; i < THREADS; i++) {
        churns[i] = (struct churn){.table = table, .seed = seed + (unsigned)i};
        assert_int_equal(pthread_create(&churns[i].thread, NULL, churn, &churns[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(churns[i].thread, NULL);
    }
    struct peer *gone;
    while ((gone = peer_table_take_gone(table)) != NULL) {
        peer_release(gone);
    }
    assert_int_equal(atomic_load(&destroyed), THREADS * ROUNDS);
    assert_int_equal(atomic_load(&table->count), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_closed_table_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_name_is_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(test_alive_until_the_last_frame_has_ended, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_frame_set_aside_counts_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(test_idle, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stalled_and_slow, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sweep_reaches_everyone_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_take_next_finds_those_that_left_too, setup, teardown),
        cmocka_unit_test_setup_teardown(test_last_active, setup, teardown),
        cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
