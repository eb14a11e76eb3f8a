/* What the gate costs by itself: nanoseconds of one submit + finish of a light read, which runs on
   the submitter's thread, with one and with two threads; beside it, in the same run, a pthread
   mutex and a pthread rwlock, locked and unlocked once.

   usage: bench_gate [CALLS] */
#include "sched/gate.h"

#include "base/clock.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define THREADS_MAX 2
#define ROUNDS 7
#define FAR_NS (UINT64_C(3600) * CLOCK_NS_PER_S)

static struct gate *gate;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static uint64_t calls = 1000000;

static void execute(void *context, struct gate_run *run)
{
    (void)context;
    gate_finish(gate, run);
}

static void finished(void *context, struct gate_run *run)
{
    (void)context;
    (void)run;
}

static void dropped(void *context, struct gate_entry *entry)
{
    (void)context;
    (void)fprintf(stderr, "bench_gate: a call was refused, reason %d\n", (int)entry->reason);
    exit(1);
}

static void work_gate(void)
{
    struct gate_party party;
    gate_party_init(&party);
    struct gate_entry entry = {
        .access = GATE_READ, .light = true, .party = &party, .label = "read"};
    struct gate_entry *entries[] = {&entry};
    uint64_t now_ns = clock_now_ns();
    entry.deadline_ns = now_ns + FAR_NS;
    for (uint64_t i = 0; i < calls; i++) {
        gate_submit(gate, entries, 1, now_ns);
    }
}

static void work_mutex(void)
{
    for (uint64_t i = 0; i < calls; i++) {
        pthread_mutex_lock(&mutex);
        pthread_mutex_unlock(&mutex);
    }
}

static void work_rwlock(void)
{
    for (uint64_t i = 0; i < calls; i++) {
        pthread_rwlock_rdlock(&rwlock);
        pthread_rwlock_unlock(&rwlock);
    }
}

static void work_clock(void)
{
    for (uint64_t i = 0; i < calls; i++) {
        (void)clock_now_ns();
    }
}

/* One thread's part; all start together. */
struct part {
    void (*work)(void);
    atomic_uint *ready;
    uint32_t number;
    uint32_t threads;
    pthread_t thread;
};

/* On one processor two threads would only take turns, and never meet. */
static void pin_to_processor(uint32_t number)
{
    cpu_set_t all;
    cpu_set_t one;
    CPU_ZERO(&one);
    if (sched_getaffinity(0, sizeof(all), &all) != 0) {
        return;
    }
    for (int i = 0; i < CPU_SETSIZE; i++) {
        if (CPU_ISSET(i, &all) && number-- == 0) {
            CPU_SET(i, &one);
            (void)pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
            return;
        }
    }
}

static void *run_part(void *argument)
{
    struct part *self = argument;
    pin_to_processor(self->number);
    atomic_fetch_add(self->ready, 1);
    while (atomic_load(self->ready) < self->threads) {
    }
    self->work();
    return NULL;
}

/* What one operation takes the thread that does it. */
static double measure_ns(void (*work)(void), uint32_t threads)
{
    struct part parts[THREADS_MAX];
    atomic_uint ready = 0;
    uint64_t start_ns = clock_now_ns();
    for (uint32_t i = 0; i < threads; i++) {
        parts[i] = (struct part){.work = work, .ready = &ready, .number = i, .threads = threads};
        if (pthread_create(&parts[i].thread, NULL, run_part, &parts[i]) != 0) {
            (void)fprintf(stderr, "bench_gate: cannot start a thread\n");
            exit(1);
        }
    }
    for (uint32_t i = 0; i < threads; i++) {
        pthread_join(parts[i].thread, NULL);
    }
    return (double)(clock_now_ns() - start_ns) / (double)calls;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median of several rounds: in the best of two threads they may hardly have met, as when the
   machine stood still under one of them. */
static double median_ns(void (*work)(void), uint32_t threads)
{
    double rounds[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        rounds[i] = measure_ns(work, threads);
    }
    qsort(rounds, ROUNDS, sizeof(rounds[0]), compare);
    return rounds[ROUNDS / 2];
}

static int open_gate(void)
{
    static const struct gate_ops ops = {
        .execute = execute, .finished = finished, .dropped = dropped};
    const struct gate_options options = {.workers = 2,
                                         .max_queued_calls = 1024,
                                         .max_queued_bytes = 1 << 20,
                                         .max_party_calls = 64,
                                         .max_run_calls = 64,
                                         .max_run_bytes = 1 << 20,
                                         .inline_light_reads = true};
    return gate_new(&options, &ops, NULL, &gate) == STATED_OK;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*work)(void);
    } rows[] = {{"gate: submit + finish", work_gate},
                {"pthread_mutex: lock + unlock", work_mutex},
                {"pthread_rwlock: rdlock + unlock", work_rwlock},
                {"clock_gettime", work_clock}};
    if (argc > 1) {
        calls = strtoull(argv[1], NULL, 10);
    }
    if (calls == 0 || !open_gate()) {
        (void)fprintf(stderr, "bench_gate: cannot start (%s calls)\n",
                      argc > 1 ? argv[1] : "default");
        return 1;
    }
    printf("%-34s %10s %10s\n", "ns per operation", "1 thread", "2 threads");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        double one = median_ns(rows[i].work, 1);
        double two = median_ns(rows[i].work, 2);
        printf("%-34s %10.1f %10.1f\n", rows[i].name, one, two);
    }
    bool idle = gate_wait_idle(gate, 1000);
    gate_free(gate);
    return idle ? 0 : 1;
}
