/* Does the ticket lock agree with its definition on every short schedule of events, and on long
   random ones?

   usage: test_rwlock_schedules [DEPTH [SEED]]; or TEST_SEED=n in the environment

   After every event the real lock and the reference must agree on the state, ticket and reason of
   each call, on what the event granted and dropped, and on every count. In the random ones no call
   waits for more runs than were in front of it. */
#include "reference_lock.h"

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_DEFAULT 7
#define DEPTH_MAX 12
#define DEPTH_OF_CONTROLS 5
#define RANDOM_EVENTS 40
#define RANDOM_SCHEDULES 20000
#define EVENTS_MAX (16 + 2 * REFERENCE_CALLS_MAX)
#define HASTY_NS 10
#define FAR_NS UINT64_C(1000000)

enum event_kind {
    SUBMIT_HEAVY,
    SUBMIT_LIGHT,
    SUBMIT_WRITE,
    SUBMIT_HASTY_WRITE, /* larger, and its deadline comes with PASS */
    SUBMIT_FRAME,       /* a light read, a write, a heavy hasty read */
    PASS,               /* time goes by, nobody looks */
    EXPIRE,             /* the timer drops what is late */
    POISON,
    CLEAR_POISON,
    DRAIN,
    FINISH, /* of a call that is granted, or of its exclusive run */
    CANCEL, /* of a call, whatever its state */
};

struct event {
    enum event_kind kind;
    size_t call;
};

/* Both locks. One object, copied to save and restore it: its lists point into itself. */
struct world {
    struct rwlock lock;
    struct rwlock_step step;
    struct reference reference;
    enum gate_state before[REFERENCE_CALLS_MAX];
    uint64_t now_ns;
    size_t n;
    struct gate_entry entries[REFERENCE_CALLS_MAX]; /* last: only n of them are copied */
};

static struct world world;
static const char *finding; /* what the locks disagree on; NULL while they agree */
static uint64_t n_schedules;
static uint64_t n_events;

static const struct rwlock_limits small = {
    .queued_calls = 3, .queued_bytes = 5, .run_calls = 2, .run_bytes = 4};

static void start_world(const struct rwlock_limits *limits, enum reference_bug bug)
{
    memset(&world, 0, sizeof(world));
    rwlock_init(&world.lock, limits);
    reference_init(&world.reference, limits, bug);
    finding = NULL;
}

/* ---- events */

static void add_call(enum gate_access access, bool light, uint32_t bytes, uint64_t deadline_ns)
{
    struct gate_entry *entry = &world.entries[world.n++];
    *entry = (struct gate_entry){
        .access = access, .light = light, .bytes = bytes, .deadline_ns = deadline_ns};
    list_node_init(&entry->node);
    reference_add(&world.reference, entry);
}

static void submit(size_t n)
{
    struct list frame;
    uint64_t bytes = 0;
    size_t first = world.n - n;
    list_init(&frame);
    for (size_t i = first; i < world.n; i++) {
        list_push_back(&frame, &world.entries[i].node);
        bytes += world.entries[i].bytes;
    }
    enum gate_reason reason =
        rwlock_submit(&world.lock, &frame, (uint32_t)n, bytes, world.now_ns, &world.step);
    if (reason != reference_submit(&world.reference, first, n, world.now_ns)) {
        finding = "whether to admit, or the reason why not";
    }
    while (list_pop_front(&frame) != NULL) {
    }
}

static void finish(size_t call)
{
    struct gate_run run;
    bool exclusive = world.lock.exclusive;
    gate_run_init(&run, exclusive ? GATE_RUN_EXCLUSIVE : GATE_RUN_SHARED);
    for (size_t i = 0; i < world.n; i++) {
        if (i == call || (exclusive && world.entries[i].state == GATE_GRANTED)) {
            gate_run_add(&run, &world.entries[i]);
        }
    }
    rwlock_finish(&world.lock, &run, world.now_ns, &world.step);
    while (list_pop_front(&run.entries) != NULL) {
    }
    reference_finish(&world.reference, call, world.now_ns);
}

static void drop(size_t call, enum gate_reason reason)
{
    bool dropped =
        rwlock_drop(&world.lock, &world.entries[call], reason, world.now_ns, &world.step);
    if (dropped != reference_drop(&world.reference, call, reason, world.now_ns)) {
        finding = "whether a call could still be dropped";
    }
}

static void expire(void)
{
    for (size_t i = 0; i < world.n; i++) {
        if (world.entries[i].deadline_ns <= world.now_ns) {
            drop(i, GATE_REASON_EXPIRED);
        }
    }
}

static void submit_frame(void)
{
    add_call(GATE_READ, true, 1, FAR_NS);
    add_call(GATE_WRITE, false, 2, FAR_NS);
    add_call(GATE_READ, false, 1, world.now_ns + HASTY_NS);
    submit(3);
}

static void submit_one(enum gate_access access, bool light, uint32_t bytes, uint64_t deadline_ns)
{
    add_call(access, light, bytes, deadline_ns);
    submit(1);
}

static void apply(struct event event)
{
    switch (event.kind) {
    case SUBMIT_HEAVY:
        submit_one(GATE_READ, false, 1, FAR_NS);
        break;
    case SUBMIT_LIGHT:
        submit_one(GATE_READ, true, 1, FAR_NS);
        break;
    case SUBMIT_WRITE:
        submit_one(GATE_WRITE, false, 2, FAR_NS);
        break;
    case SUBMIT_HASTY_WRITE:
        submit_one(GATE_WRITE, false, 3, world.now_ns + HASTY_NS);
        break;
    case SUBMIT_FRAME:
        submit_frame();
        break;
    case PASS:
        world.now_ns += HASTY_NS;
        break;
    case EXPIRE:
        expire();
        break;
    case POISON:
        rwlock_poison(&world.lock, &world.step);
        reference_poison(&world.reference);
        break;
    case CLEAR_POISON:
        rwlock_clear_poison(&world.lock);
        world.reference.poisoned = false;
        break;
    case DRAIN:
        rwlock_drain(&world.lock);
        world.reference.draining = true;
        break;
    case FINISH:
        finish(event.call);
        break;
    case CANCEL:
        drop(event.call, GATE_REASON_CANCELLED);
        break;
    }
}

/* ---- agreement */

static void expect(bool agreed, const char *what)
{
    if (!agreed && finding == NULL) {
        finding = what;
    }
}

static void compare_calls(void)
{
    for (size_t i = 0; i < world.n; i++) {
        const struct gate_entry *real = &world.entries[i];
        const struct reference_call *call = &world.reference.calls[i];
        expect(real->state == call->state, "the state of a call");
        expect(real->reason == call->reason, "the reason of a drop");
        expect(real->ticket == call->ticket, "a ticket");
        expect(real->queued_ahead == call->queued_ahead, "how many were ahead");
    }
}

static void compare_counts(void)
{
    const struct reference *reference = &world.reference;
    expect(world.lock.queued_calls == reference_count(reference, GATE_QUEUED), "queued calls");
    expect(world.lock.queued_bytes == reference_bytes(reference, GATE_QUEUED), "queued bytes");
    expect(world.lock.running == reference_count(reference, GATE_GRANTED), "running calls");
    expect(world.lock.next_ticket == reference->tickets + 1, "the next ticket");
}

/* The step's lists hold exactly what changed, the run in ticket order and of the right kind. */
static void compare_step(void)
{
    uint32_t granted = 0;
    uint32_t dropped = 0;
    for (size_t i = 0; i < world.n; i++) {
        bool changed = world.entries[i].state != world.before[i];
        granted += changed && world.entries[i].state == GATE_GRANTED;
        dropped += changed && world.entries[i].state == GATE_DROPPED;
    }
    expect(world.step.granted.count == granted, "how many were granted");
    uint64_t last_ticket = 0;
    for (struct list_node *node = list_pop_front(&world.step.granted.entries); node != NULL;
         node = list_pop_front(&world.step.granted.entries)) {
        struct gate_entry *entry = gate_entry_of(node);
        bool exclusive = world.reference.calls[entry - world.entries].in_exclusive_run;
        expect(entry->ticket > last_ticket, "the order in a run");
        expect((world.step.granted.kind == GATE_RUN_EXCLUSIVE) == exclusive, "the kind of a run");
        last_ticket = entry->ticket;
        granted--;
    }
    while (list_pop_front(&world.step.dropped) != NULL) {
        dropped--;
    }
    expect(granted == 0, "the list of what was granted");
    expect(dropped == 0, "the list of what was dropped");
}

static void apply_and_compare(struct event event)
{
    for (size_t i = 0; i < world.n; i++) {
        world.before[i] = world.entries[i].state;
    }
    rwlock_step_init(&world.step);
    apply(event);
    n_events++;
    compare_step();
    compare_calls();
    compare_counts();
}

/* ---- which events can come next */

static size_t possible_events(struct event *events, bool also_pointless)
{
    size_t n = 0;
    for (enum event_kind kind = SUBMIT_HEAVY; kind <= DRAIN; kind++) {
        bool pointless = (kind == CLEAR_POISON && !world.lock.poisoned) ||
                         (kind == POISON && (world.lock.poisoned || world.lock.running == 0)) ||
                         (kind == DRAIN && world.lock.draining) ||
                         (kind <= SUBMIT_FRAME && world.lock.draining && world.n > 0 &&
                          world.entries[world.n - 1].state == GATE_NEW);
        if (also_pointless || !pointless) {
            events[n++] = (struct event){.kind = kind};
        }
    }
    bool finishes_run = false;
    for (size_t i = 0; i < world.n; i++) {
        enum gate_state state = world.entries[i].state;
        if (state == GATE_GRANTED && !finishes_run) {
            events[n++] = (struct event){.kind = FINISH, .call = i};
            finishes_run = world.lock.exclusive;
        }
        if (state == GATE_QUEUED || (also_pointless && state != GATE_NEW)) {
            events[n++] = (struct event){.kind = CANCEL, .call = i};
        }
    }
    return n;
}

static const char *name_of(enum event_kind kind)
{
    static const char *const names[] = {"heavy read",   "light read",  "write",  "hasty write",
                                        "frame",        "time passes", "timer",  "poison",
                                        "clear poison", "drain",       "finish", "cancel"};
    return names[kind];
}

static void print_schedule(const struct event *schedule, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool names_call = schedule[i].kind >= FINISH;
        print_message("  %zu. %s", i + 1, name_of(schedule[i].kind));
        print_message(names_call ? " of call %zu\n" : "\n", schedule[i].call);
    }
    print_message("the locks disagree on: %s\n", finding);
}

/* ---- every short schedule */

static struct world saved[DEPTH_MAX];
static struct event schedule[RANDOM_EVENTS];

static void copy_world(struct world *to, const struct world *from)
{
    memcpy(to, from, offsetof(struct world, entries) + from->n * sizeof(from->entries[0]));
}

/* True when all schedules that go on from here agree; else the first that does not is in `schedule`
   up to *failed_at. */
static bool explore(size_t depth, size_t most, size_t *failed_at)
{
    struct event events[EVENTS_MAX];
    if (depth == most) {
        n_schedules++;
        return true;
    }
    size_t n = possible_events(events, false);
    copy_world(&saved[depth], &world);
    for (size_t i = 0; i < n; i++) {
        schedule[depth] = events[i];
        apply_and_compare(events[i]);
        *failed_at = depth + 1;
        if (finding != NULL || !explore(depth + 1, most, failed_at)) {
            return false;
        }
        copy_world(&world, &saved[depth]);
    }
    return true;
}

static size_t depth_to_explore = DEPTH_DEFAULT;
static unsigned seed = 1;

static void test_every_short_schedule_agrees(void **state)
{
    (void)state;
    size_t failed_at = 0;
    n_schedules = 0;
    n_events = 0;
    start_world(&small, REFERENCE_SOUND);
    if (!explore(0, depth_to_explore, &failed_at)) {
        print_schedule(schedule, failed_at);
        fail();
    }
    print_message("every schedule of %zu events: %llu schedules, %llu events compared\n",
                  depth_to_explore, (unsigned long long)n_schedules, (unsigned long long)n_events);
    assert_true(n_schedules > 1000);
}

/* ---- how long a call waits */

/* Ghosts: while a call is queued, at most so many runs may be granted before its own. */
static struct {
    uint32_t most;
    uint32_t seen;
} waits[REFERENCE_CALLS_MAX];
static uint32_t n_longest_waits; /* of calls that waited for as many runs as they may */

/* What is queued ahead of a call: each write may head a run, and each group of reads between writes
   may be one; those right before a read go along with it. */
static uint32_t runs_ahead(size_t call)
{
    uint32_t runs = 0;
    enum gate_access last = GATE_WRITE;
    for (size_t i = 0; i < call; i++) {
        if (world.entries[i].state == GATE_QUEUED) {
            enum gate_access access = world.entries[i].access;
            runs += access == GATE_WRITE || last == GATE_WRITE;
            last = access;
        }
    }
    bool goes_along = last == GATE_READ && world.entries[call].access == GATE_READ;
    return runs - goes_along;
}

/* After an event that granted a run, or none; calls from `first` on are new. */
static void watch_waits(size_t first, bool granted)
{
    for (size_t i = 0; i < world.n; i++) {
        if (i >= first) {
            waits[i].seen = 0;
            waits[i].most = runs_ahead(i);
        } else if (granted && world.entries[i].state == GATE_QUEUED) {
            waits[i].seen++;
            expect(waits[i].seen <= waits[i].most, "how many runs a call waits for");
            n_longest_waits += waits[i].seen == waits[i].most && waits[i].most > 1;
        }
    }
}

/* ---- long random schedules */

static bool run_random_schedule(unsigned schedule_seed, size_t *failed_at)
{
    const struct rwlock_limits limits = {.queued_calls = 1 + schedule_seed % 9,
                                         .queued_bytes = 4 + schedule_seed % 17,
                                         .run_calls = 1 + schedule_seed % 5,
                                         .run_bytes = 2 + schedule_seed % 7};
    unsigned random = schedule_seed;
    start_world(&limits, REFERENCE_SOUND);
    for (size_t i = 0; i < RANDOM_EVENTS && world.n + 3 < REFERENCE_CALLS_MAX; i++) {
        struct event events[EVENTS_MAX];
        size_t n = possible_events(events, true);
        /* Draining and poison end a schedule's interest: rarely. */
        do {
            schedule[i] = events[(size_t)rand_r(&random) % n];
        } while ((schedule[i].kind == DRAIN || schedule[i].kind == POISON) &&
                 rand_r(&random) % 8 != 0);
        *failed_at = i + 1;
        size_t n_before = world.n;
        apply_and_compare(schedule[i]);
        watch_waits(n_before, world.step.granted.count > 0);
        if (finding != NULL) {
            return false;
        }
    }
    return true;
}

static void test_long_random_schedules_agree(void **state)
{
    (void)state;
    size_t failed_at = 0;
    n_events = 0;
    n_longest_waits = 0;
    print_message("seeds from %u on, %d schedules\n", seed, RANDOM_SCHEDULES);
    for (unsigned i = 0; i < RANDOM_SCHEDULES; i++) {
        if (!run_random_schedule(seed + i, &failed_at)) {
            print_message("seed %u\n", seed + i);
            print_schedule(schedule, failed_at);
            fail();
        }
    }
    print_message("%llu events compared; %u calls waited for as many runs as may be\n",
                  (unsigned long long)n_events, n_longest_waits);
    assert_true(n_longest_waits > 100); /* the bound is a tight one */
}

/* The control: a reference with a mistake in it must not agree. */
static void test_every_mistake_is_found(void **state)
{
    (void)state;
    for (enum reference_bug bug = REFERENCE_SOUND + 1; bug < REFERENCE_BUGS; bug++) {
        size_t failed_at = 0;
        start_world(&small, bug);
        if (explore(0, DEPTH_OF_CONTROLS, &failed_at)) {
            fail_msg("mistake %d is not found in %d events", (int)bug, DEPTH_OF_CONTROLS);
        }
        print_message("mistake %d is found after %zu events: %s\n", (int)bug, failed_at, finding);
    }
}

int main(int argc, char **argv)
{
    const char *given = argc > 2 ? argv[2] : getenv("TEST_SEED");
    if (given != NULL) {
        seed = (unsigned)strtoul(given, NULL, 10);
    }
    if (argc > 1) {
        depth_to_explore = strtoul(argv[1], NULL, 10);
    }
    if (depth_to_explore == 0 || depth_to_explore > DEPTH_MAX) {
        (void)fprintf(stderr, "a depth of %s cannot be explored\n", argv[1]);
        return 2;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_short_schedule_agrees),
        cmocka_unit_test(test_long_random_schedules_agree),
        cmocka_unit_test(test_every_mistake_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
