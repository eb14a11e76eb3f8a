/* Does the order hold when many threads submit, cancel and let expire at once, over an executor
   that completes some runs at once and some later from another thread?

   usage: test_gate_stress [SEED]; or TEST_SEED=n in the environment

   While it runs, ghost counters check that a writer excludes all others (S1), that the queue stays
   within its bound (S5), and that nothing executes between a poisoning and its recovery (S7).
   Afterwards the record of every call by ticket is checked: one
   outcome each (S2), tickets without gap or twin and none for the refused (S5), nothing cancelled
   was executed (S6), and every write lies after all calls with a smaller ticket and before all with
   a larger one (S3). That all of it ends in time says that nothing grantable was left (S4). An
   entry is overwritten once it has its outcome: if the gate touched it later, it would show. */
#include "sched/gate.h"

#include "base/monotonic.h"

#include "test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUBMITTERS 4
#define CALLS_EACH 6000
#define CALLS (SUBMITTERS * CALLS_EACH)
#define FRAME_MAX 5
#define WINDOW 40    /* calls without outcome per submitter */
#define SHARE_MAX 30 /* so it is refused now and then */
#define QUEUE_MAX 60
#define POISON_EVERY 1009 /* events */
#define BOUND_NS (UINT64_C(60) * CLOCK_NS_PER_S)

struct call {
    struct gate_entry entry;
    struct submitter *submitter;
    enum gate_access access;
    bool kept; /* cancelled by name, so not overwritten */
    atomic_uint executions;
    atomic_uint outcomes;
    bool was_dropped;
    bool was_skipped; /* not executed by its run, for the state was poisoned */
    enum gate_reason reason;
    uint64_t ticket;
    uint64_t start; /* on the clock of events */
    uint64_t end;
    uint32_t exclusive_run; /* its number; 0 = a shared or bypassing run */
};

struct submitter {
    struct stress *stress;
    struct gate_party party;
    unsigned seed;
    struct call *calls;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint32_t open_calls; /* guarded by mutex */
};

struct stress {
    struct gate *gate;
    struct submitter submitters[SUBMITTERS];
    atomic_uint_fast64_t events;
    atomic_int ghost_readers;
    atomic_int ghost_writers;
    atomic_uint exclusive_runs;
    atomic_uint asynchronous_runs;
    atomic_bool torn;
    atomic_uint poisonings;
    atomic_bool stopping;
    struct { /* runs that the engine's own thread completes */
        pthread_mutex_t mutex;
        pthread_cond_t changed;
        struct gate_run *runs[CALLS];
        uint32_t n;
        uint32_t done;
    } engine;
};

static struct call *call_of(struct list_node *node)
{
    return CONTAINER_OF(gate_entry_of(node), struct call, entry);
}

static uint64_t next_event(struct stress *self)
{
    return atomic_fetch_add(&self->events, 1) + 1;
}

/* Fails the whole program: cmocka's own assertions only work on the test's thread. */
static void require(bool condition, const char *what)
{
    if (!condition) {
        (void)fprintf(stderr, "order broken: %s\n", what);
        abort();
    }
}

/* ---- the executor */

static void spin(unsigned n)
{
    for (volatile unsigned i = 0; i < n; i++) {
    }
}

static void enter(struct stress *self, enum gate_run_kind kind)
{
    if (kind == GATE_RUN_SHARED) {
        atomic_fetch_add(&self->ghost_readers, 1);
        require(atomic_load(&self->ghost_writers) == 0, "a read runs beside a write");
    } else if (kind == GATE_RUN_EXCLUSIVE) {
        require(atomic_fetch_add(&self->ghost_writers, 1) == 0, "two exclusive runs at once");
        require(atomic_load(&self->ghost_readers) == 0, "a write runs beside a read");
    }
}

static void leave(struct stress *self, struct gate_run *run)
{
    for (struct list_node *node = list_first(&run->entries); node != NULL;
         node = list_after(&run->entries, node)) {
        call_of(node)->end = next_event(self);
    }
    if (run->kind == GATE_RUN_SHARED) {
        atomic_fetch_sub(&self->ghost_readers, 1);
    } else if (run->kind == GATE_RUN_EXCLUSIVE) {
        atomic_fetch_sub(&self->ghost_writers, 1);
    }
}

static void give_to_engine(struct stress *self, struct gate_run *run)
{
    pthread_mutex_lock(&self->engine.mutex);
    self->engine.runs[self->engine.n++] = run;
    pthread_cond_signal(&self->engine.changed);
    pthread_mutex_unlock(&self->engine.mutex);
}

static void execute_call(struct stress *self, struct call *call, enum gate_run_kind kind)
{
    if (gate_is_poisoned(self->gate)) {
        call->was_skipped = true;
        return;
    }
    /* A bypassing read may have been let through just before. */
    require(kind == GATE_RUN_BYPASS || !atomic_load(&self->torn), "a call runs on a torn state");
    atomic_fetch_add(&call->executions, 1);
    spin((unsigned)call->start % 300);
    if (kind == GATE_RUN_EXCLUSIVE && call->start % POISON_EVERY == 0) {
        atomic_store(&self->torn, true);
        gate_poison(self->gate, &call->entry, "stress");
    }
}

static bool recover(void *context)
{
    struct stress *self = context;
    require(atomic_load(&self->ghost_readers) == 0 && atomic_load(&self->ghost_writers) == 0,
            "a recovery beside a run");
    require(atomic_exchange(&self->torn, false), "a recovery of a sound state");
    atomic_fetch_add(&self->poisonings, 1);
    return true;
}

static void execute(void *context, struct gate_run *run)
{
    struct stress *self = context;
    enter(self, run->kind);
    uint64_t last_ticket = 0;
    uint32_t n = 0;
    uint32_t number =
        run->kind == GATE_RUN_EXCLUSIVE ? atomic_fetch_add(&self->exclusive_runs, 1) + 1 : 0;
    for (struct list_node *node = list_first(&run->entries); node != NULL;
         node = list_after(&run->entries, node)) {
        struct call *call = call_of(node);
        call->start = next_event(self);
        call->exclusive_run = number;
        require(run->kind != GATE_RUN_EXCLUSIVE || call->entry.ticket > last_ticket,
                "an exclusive run out of ticket order");
        last_ticket = call->entry.ticket;
        n++;
        execute_call(self, call, run->kind);
    }
    require(n == run->count, "a run that miscounts its calls");
    if (last_ticket % 3 == 1) {
        atomic_fetch_add(&self->asynchronous_runs, 1);
        give_to_engine(self, run);
        return;
    }
    leave(self, run);
    gate_finish(self->gate, run);
}

static void *run_engine(void *argument)
{
    struct stress *self = argument;
    pthread_mutex_lock(&self->engine.mutex);
    for (;;) {
        while (self->engine.done == self->engine.n && !atomic_load(&self->stopping)) {
            pthread_cond_wait(&self->engine.changed, &self->engine.mutex);
        }
        if (self->engine.done == self->engine.n) {
            break;
        }
        struct gate_run *run = self->engine.runs[self->engine.done++];
        pthread_mutex_unlock(&self->engine.mutex);
        leave(self, run);
        gate_finish(self->gate, run);
        pthread_mutex_lock(&self->engine.mutex);
    }
    pthread_mutex_unlock(&self->engine.mutex);
    return NULL;
}

static void settle(struct call *call, bool was_dropped)
{
    struct submitter *submitter = call->submitter;
    call->was_dropped = was_dropped;
    call->reason = call->entry.reason;
    call->ticket = call->entry.ticket;
    atomic_fetch_add(&call->outcomes, 1);
    if (!call->kept) {
        memset(&call->entry, 0xA5, sizeof(call->entry));
    }
    pthread_mutex_lock(&submitter->mutex);
    submitter->open_calls--;
    pthread_cond_signal(&submitter->changed);
    pthread_mutex_unlock(&submitter->mutex);
}

static void finished(void *context, struct gate_run *run)
{
    (void)context;
    struct list entries;
    list_take(&entries, &run->entries);
    for (struct list_node *node = list_pop_front(&entries); node != NULL;
         node = list_pop_front(&entries)) {
        settle(call_of(node), false);
    }
}

static void dropped(void *context, struct gate_entry *entry)
{
    (void)context;
    settle(CONTAINER_OF(entry, struct call, entry), true);
}

/* ---- the clients */

static unsigned pick(struct submitter *self, unsigned n)
{
    return (unsigned)rand_r(&self->seed) % n;
}

static void prepare(struct submitter *self, struct call *call, uint64_t now_ns)
{
    static const enum gate_access mix[] = {GATE_READ,  GATE_READ,  GATE_READ,  GATE_READ,
                                           GATE_WRITE, GATE_WRITE, GATE_WRITE, GATE_BYPASS};
    call->submitter = self;
    call->access = mix[pick(self, 8)];
    call->kept = pick(self, 10) == 0;
    call->entry = (struct gate_entry){
        .access = call->access,
        .light = call->access != GATE_WRITE && pick(self, 3) != 0,
        .bytes = pick(self, 100),
        .deadline_ns = now_ns + (pick(self, 10) == 0 ? pick(self, CLOCK_NS_PER_MS / 2) : BOUND_NS),
        .party = &self->party,
        .label = "stress"};
}

static void wait_for_room(struct submitter *self, uint32_t most)
{
    uint64_t deadline_ns = clock_now_ns() + BOUND_NS;
    pthread_mutex_lock(&self->mutex);
    while (self->open_calls > most) {
        require(monotonic_cond_wait(&self->changed, &self->mutex, deadline_ns),
                "a call without an answer");
    }
    pthread_mutex_unlock(&self->mutex);
}

static void *run_submitter(void *argument)
{
    struct submitter *self = argument;
    uint32_t n_sent = 0;
    while (n_sent < CALLS_EACH) {
        uint32_t n = 1 + pick(self, FRAME_MAX);
        n = n < CALLS_EACH - n_sent ? n : CALLS_EACH - n_sent;
        struct gate_entry *frame[FRAME_MAX];
        uint64_t now_ns = clock_now_ns();
        for (uint32_t i = 0; i < n; i++) {
            prepare(self, &self->calls[n_sent + i], now_ns);
            frame[i] = &self->calls[n_sent + i].entry;
        }
        wait_for_room(self, pick(self, WINDOW));
        pthread_mutex_lock(&self->mutex);
        self->open_calls += n;
        pthread_mutex_unlock(&self->mutex);
        struct call *first = &self->calls[n_sent];
        gate_submit(self->stress->gate, frame, n, now_ns);
        if (first->kept) {
            gate_cancel(self->stress->gate, &first->entry);
        }
        if (pick(self, 300) == 0) {
            gate_cancel_party(self->stress->gate, &self->party);
        }
        n_sent += n;
        /* Some frames are for a poisoned gate, not all. */
        for (int i = 0; i < 1000 && gate_is_poisoned(self->stress->gate); i++) {
            sched_yield();
        }
    }
    wait_for_room(self, 0);
    return NULL;
}

static void *run_monitor(void *argument)
{
    struct stress *self = argument;
    while (!atomic_load(&self->stopping)) {
        struct gate_figures figures;
        gate_read_figures(self->gate, &figures);
        require(figures.waiting_calls <= QUEUE_MAX, "the queue is over its bound");
        sched_yield();
    }
    return NULL;
}

/* ---- what the record must say: NULL, or what is wrong with it */

static int by_ticket(const void *a, const void *b)
{
    const struct call *x = *(struct call *const *)a;
    const struct call *y = *(struct call *const *)b;
    return (x->ticket > y->ticket) - (x->ticket < y->ticket);
}

static const char *wrong_outcome(const struct call *call)
{
    if (atomic_load(&call->outcomes) != 1) {
        return "not exactly one outcome";
    }
    if (atomic_load(&call->executions) != (call->was_dropped || call->was_skipped ? 0 : 1)) {
        return "executed and dropped, or neither, or twice";
    }
    if (call->was_dropped != (call->reason != GATE_REASON_NONE)) {
        return "dropped without a reason";
    }
    if (call->reason == GATE_REASON_POISONED) {
        return NULL; /* refused, or dropped from the queue */
    }
    bool refused = call->was_dropped && call->reason != GATE_REASON_EXPIRED &&
                   call->reason != GATE_REASON_CANCELLED;
    if ((call->ticket == 0) != (refused || call->access == GATE_BYPASS)) {
        return "a ticket where none is due, or none where one is";
    }
    return NULL;
}

/* The calls that took tickets, sorted. An exclusive run must begin after the end of all that was
   before it in ticket order, and everything else after the end of the exclusive runs before it. */
static const char *wrong_order(struct call *const *sorted, size_t n)
{
    uint64_t last_end = 0;
    uint64_t last_exclusive_end = 0;
    uint32_t current_run = 0;
    for (size_t i = 0; i < n; i++) {
        const struct call *call = sorted[i];
        if (call->ticket != i + 1) {
            return "a gap in the tickets, or a ticket twice";
        }
        if (call->was_dropped || call->was_skipped) {
            continue;
        }
        bool joins = call->exclusive_run != 0 && call->exclusive_run == current_run;
        uint64_t not_before = call->exclusive_run != 0 ? last_end : last_exclusive_end;
        if (!joins && call->start <= not_before) {
            return "a call overlaps or overtakes one it conflicts with";
        }
        if (call->access == GATE_WRITE && call->exclusive_run == 0) {
            return "a write in a shared run";
        }
        current_run = call->exclusive_run;
        last_end = call->end > last_end ? call->end : last_end;
        if (call->exclusive_run != 0) {
            last_exclusive_end = last_end;
        }
    }
    return NULL;
}

/* ---- the tests */

static struct stress stress;
static struct call calls[CALLS];
static struct call *sorted[CALLS];
static size_t n_sorted;
static unsigned seed = 1;

static void start_submitter(size_t i)
{
    struct submitter *submitter = &stress.submitters[i];
    submitter->stress = &stress;
    submitter->seed = seed + (unsigned)i * 7919;
    submitter->calls = &calls[i * CALLS_EACH];
    gate_party_init(&submitter->party);
    pthread_mutex_init(&submitter->mutex, NULL);
    monotonic_cond_init(&submitter->changed);
    assert_int_equal(pthread_create(&submitter->thread, NULL, run_submitter, submitter), 0);
}

static void run_all(bool inline_light_reads)
{
    static const struct gate_ops ops = {
        .execute = execute, .finished = finished, .dropped = dropped, .recover = recover};
    const struct gate_options options = {.workers = 3,
                                         .max_queued_calls = QUEUE_MAX,
                                         .max_queued_bytes = QUEUE_MAX * 60,
                                         .max_party_calls = SHARE_MAX,
                                         .max_run_calls = 16,
                                         .max_run_bytes = 1000,
                                         .inline_light_reads = inline_light_reads};
    pthread_t engine;
    pthread_t monitor;
    memset(&stress, 0, sizeof(stress));
    memset(calls, 0, sizeof(calls));
    pthread_mutex_init(&stress.engine.mutex, NULL);
    pthread_cond_init(&stress.engine.changed, NULL);
    assert_int_equal(gate_new(&options, &ops, &stress, &stress.gate), STATED_OK);
    assert_int_equal(pthread_create(&engine, NULL, run_engine, &stress), 0);
    assert_int_equal(pthread_create(&monitor, NULL, run_monitor, &stress), 0);
    for (size_t i = 0; i < SUBMITTERS; i++) {
        start_submitter(i);
    }
    for (size_t i = 0; i < SUBMITTERS; i++) {
        pthread_join(stress.submitters[i].thread, NULL);
    }
    assert_true(gate_wait_idle(stress.gate, 20000));
    pthread_mutex_lock(&stress.engine.mutex);
    atomic_store(&stress.stopping, true);
    pthread_cond_signal(&stress.engine.changed);
    pthread_mutex_unlock(&stress.engine.mutex);
    pthread_join(engine, NULL);
    pthread_join(monitor, NULL);
}

static void sort_calls(void)
{
    n_sorted = 0;
    for (size_t i = 0; i < CALLS; i++) {
        if (calls[i].ticket != 0) {
            sorted[n_sorted++] = &calls[i];
        }
    }
    qsort(sorted, n_sorted, sizeof(struct call *), by_ticket);
}

static void print_record(void)
{
    size_t reasons[GATE_REASON_CANCELLED + 1] = {0};
    for (size_t i = 0; i < CALLS; i++) {
        reasons[calls[i].reason]++;
    }
    print_message("seed %u, %d calls: %zu executed; refused: %zu queue calls, %zu queue bytes, %zu "
                  "share, %zu late, %zu hopeless; %zu expired, %zu cancelled, %zu poisoned; %u "
                  "exclusive runs; %u runs completed later; %u poisonings\n",
                  seed, CALLS, reasons[GATE_REASON_NONE], reasons[GATE_REASON_QUEUE_CALLS],
                  reasons[GATE_REASON_QUEUE_BYTES], reasons[GATE_REASON_SHARE],
                  reasons[GATE_REASON_LATE], reasons[GATE_REASON_HOPELESS],
                  reasons[GATE_REASON_EXPIRED], reasons[GATE_REASON_CANCELLED],
                  reasons[GATE_REASON_POISONED], atomic_load(&stress.exclusive_runs),
                  atomic_load(&stress.asynchronous_runs), atomic_load(&stress.poisonings));
    assert_true(reasons[GATE_REASON_NONE] > CALLS / 10);
    assert_true(reasons[GATE_REASON_CANCELLED] > 0);
    assert_true(reasons[GATE_REASON_EXPIRED] > 0);
    assert_true(atomic_load(&stress.poisonings) > 0);
}

static void stress_and_check(bool inline_light_reads)
{
    struct gate_figures figures;
    run_all(inline_light_reads);
    gate_read_figures(stress.gate, &figures);
    gate_free(stress.gate);
    sort_calls();
    print_record();
    for (size_t i = 0; i < CALLS; i++) {
        const char *wrong = wrong_outcome(&calls[i]);
        require(wrong == NULL, wrong);
    }
    const char *wrong = wrong_order(sorted, n_sorted);
    require(wrong == NULL, wrong);
    assert_int_equal(figures.next_ticket, n_sorted + 1);
    assert_int_equal(figures.running_calls, 0);
    for (size_t i = 0; i < SUBMITTERS; i++) {
        assert_int_equal(stress.submitters[i].party.in_flight, 0);
        pthread_cond_destroy(&stress.submitters[i].changed);
        pthread_mutex_destroy(&stress.submitters[i].mutex);
    }
    pthread_cond_destroy(&stress.engine.changed);
    pthread_mutex_destroy(&stress.engine.mutex);
}

static void test_order_holds_with_inline_reads(void **state)
{
    (void)state;
    stress_and_check(true);
}

static void test_order_holds_with_workers_alone(void **state)
{
    (void)state;
    stress_and_check(false);
}

/* Of a run in the middle. */
static struct call *first_write_of_a_run(void)
{
    uint32_t run = atomic_load(&stress.exclusive_runs) / 2;
    for (size_t i = 0; i < n_sorted; i++) {
        if (sorted[i]->exclusive_run == run && !sorted[i]->was_skipped) {
            return sorted[i];
        }
    }
    fail_msg("no call was executed in exclusive run %u", run);
    return NULL;
}

/* The record of the test before, spoilt: each change must be found, or the checks are worth
 * nothing.
 */
static void test_a_spoilt_record_is_found_out(void **state)
{
    (void)state;
    struct call *write = first_write_of_a_run();
    const uint64_t start = write->start;
    write->start = 1;
    assert_non_null(wrong_order(sorted, n_sorted));
    write->start = start;
    const uint64_t end = write->end;
    write->end = UINT64_MAX;
    assert_non_null(wrong_order(sorted, n_sorted));
    write->end = end;
    write->ticket++;
    assert_non_null(wrong_order(sorted, n_sorted));
    write->ticket--;
    assert_null(wrong_order(sorted, n_sorted));

    atomic_store(&write->outcomes, 2);
    assert_non_null(wrong_outcome(write));
    atomic_store(&write->outcomes, 1);
    write->was_dropped = true;
    assert_non_null(wrong_outcome(write));
    write->was_dropped = false;
    assert_null(wrong_outcome(write));
}

int main(int argc, char **argv)
{
    const char *given = argc > 1 ? argv[1] : getenv("TEST_SEED");
    if (given != NULL) {
        seed = (unsigned)strtoul(given, NULL, 10);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_holds_with_inline_reads),
        cmocka_unit_test(test_order_holds_with_workers_alone),
        cmocka_unit_test(test_a_spoilt_record_is_found_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
