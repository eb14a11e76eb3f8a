/* Are connections bounded, found, swept when silent, and alive until their last frame is answered?
 */
#include "test.h"

#include "base/clock.h"
#include "net/peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS CLOCK_NS_PER_MS

static int setup(void **state)
{
    struct peer_table *table = calloc(1, sizeof(*table));
    assert_non_null(table);
    assert_int_equal(peer_table_init(table, 1000), STATED_OK);
    *state = table;
    return 0;
}

static int teardown(void **state)
{
    peer_table_deinit(*state);
    free(*state);
    return 0;
}

/* The idle pipes a full sweep finds. */
static size_t sweep_all(struct peer_table *table, struct peer_sweep sweep, uint32_t *pipes)
{
    size_t found = 0;
    size_t left = atomic_load(&table->count);
    while (left > 0) {
        uint32_t step[PEER_SWEEP_STEP];
        size_t before = left;
        size_t idle = peer_table_sweep(table, &sweep, &left, step);
        assert_true(left < before && before - left <= PEER_SWEEP_STEP && idle <= before - left);
        memcpy(pipes + found, step, idle * sizeof(step[0]));
        found += idle;
    }
    return found;
}

static void test_limit(void **state)
{
    (void)state;
    struct peer_table table;
    assert_int_equal(peer_table_init(&table, 3), STATED_OK);
    for (uint32_t pipe = 1; pipe <= 3; pipe++) {
        assert_true(peer_table_admit(&table, pipe, "somebody", 1));
    }
    assert_false(peer_table_admit(&table, 4, "one too many", 1));
    assert_int_equal(atomic_load(&table.count), 3);
    assert_false(peer_table_remove(&table, 4)); /* NNG reports refused ones too */
    assert_int_equal(atomic_load(&table.count), 3);
    assert_false(peer_table_remove(&table, 2));
    assert_true(peer_table_admit(&table, 5, "there is room again", 1));
    assert_int_equal(atomic_load(&table.admitted), 4);
    assert_int_equal(atomic_load(&table.refused), 1);
    peer_table_deinit(&table);
}

static void test_closed_table_refuses(void **state)
{
    struct peer_table *table = *state;
    assert_true(peer_table_admit(table, 1, "early", 1));
    peer_table_close(table);
    peer_table_close(table);
    assert_false(peer_table_admit(table, 2, "late", 1));
    struct peer *peer = peer_begin_frame(table, 1);
    assert_non_null(peer);
    peer_end_frame(peer, true, 1);
}

static void test_find_among_many(void **state)
{
    struct peer_table *table = *state;
    for (uint32_t i = 0; i < 1000; i++) { /* many share a bucket */
        char name[PEER_NAME_BYTES];
        snprintf(name, sizeof(name), "peer %u", i);
        assert_true(peer_table_admit(table, i * 64 + 7, name, 1));
    }
    for (uint32_t i = 0; i < 1000; i += 3) {
        assert_false(peer_table_remove(table, i * 64 + 7));
    }
    for (uint32_t i = 0; i < 1000; i++) {
        struct peer *peer = peer_begin_frame(table, i * 64 + 7);
        assert_int_equal(peer == NULL, i % 3 == 0);
        if (peer != NULL) {
            char name[PEER_NAME_BYTES];
            snprintf(name, sizeof(name), "peer %u", i);
            assert_string_equal(peer->name, name);
            assert_int_equal(peer->pipe, i * 64 + 7);
            peer_end_frame(peer, true, 1);
        }
    }
    assert_null(peer_begin_frame(table, 8));
}

static void test_long_name_is_cut(void **state)
{
    struct peer_table *table = *state;
    char name[500];
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_true(peer_table_admit(table, 1, name, 1));
    struct peer *peer = peer_begin_frame(table, 1);
    assert_int_equal(strlen(peer->name), PEER_NAME_BYTES - 1);
    peer_end_frame(peer, true, 1);
}

static void test_gone_with_frames_is_kept_until_they_end(void **state)
{
    struct peer_table *table = *state;
    assert_true(peer_table_admit(table, 1, "leaves", 1));
    assert_true(peer_table_admit(table, 2, "stays", 1));
    struct peer *first = peer_begin_frame(table, 1);
    struct peer *second = peer_begin_frame(table, 1);
    assert_ptr_equal(first, second);

    assert_null(peer_table_take_gone(table));
    assert_true(peer_table_remove(table, 1));
    assert_null(peer_begin_frame(table, 1));
    struct peer *gone = peer_table_take_gone(table);
    assert_ptr_equal(gone, first);
    assert_null(peer_table_take_gone(table));
    peer_release(gone);
    /* Two frames still hold it: the sanitizer would see a use after free here. */
    peer_end_frame(first, true, 2);
    assert_string_equal(second->name, "leaves");
    peer_end_frame(second, false, 2);
}

static void test_gone_that_nobody_took_is_freed(void **state)
{
    struct peer_table *table = *state;
    assert_true(peer_table_admit(table, 1, "leaves", 1));
    struct peer *peer = peer_begin_frame(table, 1);
    assert_true(peer_table_remove(table, 1));
    peer_end_frame(peer, true, 1);
}

static void test_sweep_finds_the_silent(void **state)
{
    struct peer_table *table = *state;
    uint32_t pipes[8];
    struct peer_sweep sweep = {.idle_ns = 100 * MS, .first_ns = 10 * MS};
    assert_true(peer_table_admit(table, 1, "never asks", 1000 * MS));
    assert_true(peer_table_admit(table, 2, "asked", 1000 * MS));
    assert_true(peer_table_admit(table, 3, "waits for its answer", 1000 * MS));
    assert_true(peer_table_admit(table, 4, "was given up", 1000 * MS));
    peer_end_frame(peer_begin_frame(table, 2), true, 1005 * MS);
    struct peer *waiting = peer_begin_frame(table, 3);
    peer_end_frame(peer_begin_frame(table, 4), false, 1009 * MS);

    sweep.now_ns = 1010 * MS;
    assert_int_equal(sweep_all(table, sweep, pipes), 0);
    sweep.now_ns = 1010 * MS + 1; /* a frame that was given up is no completed request */
    assert_int_equal(sweep_all(table, sweep, pipes), 2);
    assert_int_equal(pipes[0] + pipes[1], 1 + 4);
    sweep.now_ns = 1105 * MS;
    assert_int_equal(sweep_all(table, sweep, pipes), 2);
    sweep.now_ns = 1105 * MS + 1;
    assert_int_equal(sweep_all(table, sweep, pipes), 3);
    sweep.now_ns = UINT64_MAX;
    assert_int_equal(sweep_all(table, sweep, pipes), 3);
    peer_end_frame(waiting, true, 2000 * MS);
    sweep.now_ns = 2001 * MS;
    assert_int_equal(sweep_all(table, sweep, pipes), 3);
    sweep.now_ns = 999 * MS; /* taken before they came */
    assert_int_equal(sweep_all(table, sweep, pipes), 0);
}

static void test_sweep_reaches_everyone_in_steps(void **state)
{
    struct peer_table *table = *state;
    static uint32_t pipes[1000];
    static unsigned seen[1000];
    for (uint32_t pipe = 0; pipe < 1000; pipe++) {
        assert_true(peer_table_admit(table, pipe, "silent", 1));
    }
    struct peer_sweep sweep = {.now_ns = 10 * MS};
    size_t found = sweep_all(table, sweep, pipes);
    for (size_t i = 0; i < found; i++) {
        seen[pipes[i]]++;
    }
    for (uint32_t pipe = 0; pipe < 1000; pipe++) {
        assert_int_equal(seen[pipe], 1);
    }
}

static void test_last_active(void **state)
{
    struct peer_table *table = *state;
    assert_int_equal(peer_table_last_active_ns(table), 0);
    assert_true(peer_table_admit(table, 1, "a", 500));
    assert_true(peer_table_admit(table, 2, "b", 900));
    assert_int_equal(peer_table_last_active_ns(table), 0);
    peer_end_frame(peer_begin_frame(table, 2), true, 1000);
    peer_end_frame(peer_begin_frame(table, 1), true, 800);
    assert_int_equal(peer_table_last_active_ns(table), 1000);
}

/* Connections come and go while threads use and sweep them; the sanitizers watch. */
enum { THREADS = 4, ROUNDS = 2000, PIPES = 50 };

struct churn {
    struct peer_table *table;
    unsigned seed;
    pthread_t thread;
};

static void *churn(void *argument)
{
    struct churn *self = argument;
    for (int i = 0; i < ROUNDS; i++) {
        struct peer *peer = peer_begin_frame(self->table, (uint32_t)rand_r(&self->seed) % PIPES);
        struct peer_sweep sweep = {.now_ns = 2, .idle_ns = 1, .first_ns = 1};
        uint32_t pipes[PEER_SWEEP_STEP];
        size_t left = PEER_SWEEP_STEP;
        peer_table_sweep(self->table, &sweep, &left, pipes);
        peer_table_last_active_ns(self->table);
        if (peer != NULL) {
            peer_end_frame(peer, i % 2 == 0, (uint64_t)i);
        }
        struct peer *gone = peer_table_take_gone(self->table);
        if (gone != NULL) {
            peer_release(gone);
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
    for (int i = 0; i < ROUNDS; i++) {
        uint32_t pipe = (uint32_t)rand_r(&seed) % PIPES;
        if (!peer_table_remove(table, pipe)) {
            struct peer *peer = peer_begin_frame(table, pipe);
            if (peer == NULL) {
                assert_true(peer_table_admit(table, pipe, "churned", 1));
            } else {
                peer_end_frame(peer, true, 1);
            }
        }
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(churns[i].thread, NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit),
        cmocka_unit_test_setup_teardown(test_closed_table_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_find_among_many, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_name_is_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(test_gone_with_frames_is_kept_until_they_end, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_gone_that_nobody_took_is_freed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sweep_finds_the_silent, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sweep_reaches_everyone_in_steps, setup, teardown),
        cmocka_unit_test_setup_teardown(test_last_active, setup, teardown),
        cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
