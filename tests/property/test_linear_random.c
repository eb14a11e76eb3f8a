/* Does linear_check judge random histories as the definition does?

   Small histories, most of them right or nearly right, are judged by trying every order of their
   calls. A check that goes by the times of sending alone has to be wrong about many of them, or
   they would prove nothing. Then large histories of a register that really is linearizable are
   accepted, and each of them is refused once it is spoilt.

   Usage: test_linear_random [SEED [HISTORIES]]. A failure prints the seed and the history. */
#include "order/linear.h"

#include "test.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL_CALLS = 7, LARGE_CALLS = 2000, CLIENTS = 8, MOMENTS = 14 };

static unsigned seed = 20250214;
static unsigned long n_histories = 20000;

static unsigned random_below(unsigned limit)
{
    return (unsigned)rand_r(&seed) % limit;
}

/* Calls of one key, each of up to two steps. */
struct random_history {
    struct oracle_call calls[LARGE_CALLS + 2];
    struct oracle_step steps[LARGE_CALLS + 2][2];
    uint64_t moments[LARGE_CALLS + 2]; /* at which each call took effect */
    struct oracle_cell cell;
    struct oracle_history history;
};

static void random_init(struct random_history *self, size_t n)
{
    memset(self->calls, 0, sizeof self->calls);
    memset(self->steps, 0, sizeof self->steps);
    for (size_t i = 0; i < n; i++) {
        self->calls[i].steps = self->steps[i];
    }
    self->history = (struct oracle_history){
        .calls = self->calls, .n_calls = n, .cells = &self->cell, .n_keys = 1};
}

/* Few values, so that they meet: absent, text, small numbers. */
static struct oracle_value random_value(void)
{
    switch (random_below(4)) {
    case 0:
        return (struct oracle_value){0};
    case 1:
        return oracle_value_of("text", 4);
    default:
        return oracle_value_number((int64_t)random_below(3));
    }
}

static void random_steps(struct oracle_call *call, struct oracle_step steps[2])
{
    unsigned kind = random_below(8);
    call->n_steps = 0;
    if (kind <= 3 || kind == 7) { /* a read, or a write that shows or guards what was there */
        steps[call->n_steps++] =
            (struct oracle_step){.action = ORACLE_EXPECT, .value = random_value()};
    }
    switch (kind) {
    case 3:
    case 4:
        steps[call->n_steps] = (struct oracle_step){.action = ORACLE_PUT, .value = random_value()};
        if (steps[call->n_steps].value.kind == ORACLE_ABSENT) {
            steps[call->n_steps].action = ORACLE_DELETE;
        }
        call->n_steps++;
        break;
    case 5:
    case 6:
    case 7:
        steps[call->n_steps++] =
            (struct oracle_step){.action = ORACLE_ADD, .value = oracle_value_number(1)};
        break;
    default:
        break;
    }
}

static bool same(struct oracle_value a, struct oracle_value b)
{
    return a.kind == b.kind && (a.kind == ORACLE_ABSENT || a.bits == b.bits);
}

/* The plain meaning of a call. With `corrects`, what does not fit is made to. */
static bool take_effect(struct oracle_call *call, struct oracle_step *steps, bool corrects,
                        struct oracle_value *value)
{
    for (uint32_t i = 0; i < call->n_steps; i++) {
        struct oracle_step *step = &steps[i];
        if (step->action == ORACLE_EXPECT && corrects) {
            step->value = *value;
        }
        if (step->action == ORACLE_ADD && value->kind == ORACLE_BYTES && corrects) {
            *step = (struct oracle_step){.action = ORACLE_DELETE};
        }
        if (step->action == ORACLE_EXPECT && !same(step->value, *value)) {
            return false;
        }
        if (step->action == ORACLE_ADD && value->kind == ORACLE_BYTES) {
            return false;
        }
        if (step->action == ORACLE_ADD) {
            uint64_t before = value->kind == ORACLE_NUMBER ? value->bits : 0;
            *value = oracle_value_number((int64_t)(before + step->value.bits));
        } else if (step->action != ORACLE_EXPECT) {
            *value = step->value;
        }
    }
    return true;
}

/* Tries every order: the calls in `left`, a bit each, have yet to take effect. */
static bool has_order(struct random_history *self, unsigned left, struct oracle_value value)
{
    size_t n = self->history.n_calls;
    bool all_lost = true;
    uint64_t first_reply = UINT64_MAX;
    for (size_t i = 0; i < n; i++) {
        if ((left >> i & 1) != 0 && !self->calls[i].lost) {
            all_lost = false;
            first_reply =
                self->calls[i].received_ns < first_reply ? self->calls[i].received_ns : first_reply;
        }
    }
    if (all_lost) {
        return true;
    }
    for (size_t i = 0; i < n; i++) {
        struct oracle_value after = value;
        if ((left >> i & 1) != 0 && self->calls[i].sent_ns <= first_reply &&
            take_effect(&self->calls[i], self->steps[i], false, &after) &&
            has_order(self, left & ~(1U << i), after)) {
            return true;
        }
    }
    return false;
}

/* Not a right check: takes the calls in the order in which they were sent. */
static bool fits_as_sent(struct random_history *self)
{
    struct oracle_value value = self->cell.value;
    for (uint64_t moment = 0; moment < MOMENTS; moment++) {
        for (size_t i = 0; i < self->history.n_calls; i++) {
            if (self->calls[i].sent_ns == moment && !self->calls[i].lost &&
                !take_effect(&self->calls[i], self->steps[i], false, &value)) {
                return false;
            }
        }
    }
    return true;
}

/* Gives the calls the replies that they get when they take effect one by one, each at a moment of
   its own; a call without reply only now and then. */
static void play(struct random_history *self)
{
    struct oracle_value value = self->cell.value;
    for (uint64_t moment = 0; moment < MOMENTS; moment++) {
        for (size_t i = 0; i < self->history.n_calls; i++) {
            if (self->moments[i] == moment && (!self->calls[i].lost || random_below(2) == 0)) {
                assert_true(take_effect(&self->calls[i], self->steps[i], true, &value));
            }
        }
    }
}

static void make_small(struct random_history *self)
{
    random_init(self, 1 + random_below(SMALL_CALLS));
    self->cell.value = random_value();
    for (size_t i = 0; i < self->history.n_calls; i++) {
        struct oracle_call *call = &self->calls[i];
        call->sent_ns = random_below(MOMENTS - 1);
        call->received_ns = call->sent_ns + random_below(MOMENTS - (unsigned)call->sent_ns);
        call->lost = random_below(6) == 0;
        uint64_t end = call->lost ? MOMENTS - 1 : call->received_ns;
        self->moments[i] = call->sent_ns + random_below((unsigned)(end - call->sent_ns) + 1);
        random_steps(call, self->steps[i]);
    }
    if (random_below(8) > 0) {
        play(self);
    }
    if (random_below(2) == 0) { /* one reply that may be wrong */
        size_t i = random_below((unsigned)self->history.n_calls);
        self->steps[i][0].value =
            self->steps[i][0].action == ORACLE_EXPECT ? random_value() : self->steps[i][0].value;
    }
}

static void print(const struct random_history *self)
{
    print_message("before: kind %d %" PRIu64 "\n", self->cell.value.kind, self->cell.value.bits);
    for (size_t i = 0; i < self->history.n_calls; i++) {
        const struct oracle_call *call = &self->calls[i];
        print_message("%" PRIu64 " to %" PRIu64 "%s:", call->sent_ns, call->received_ns,
                      call->lost ? " (lost)" : "");
        for (uint32_t s = 0; s < call->n_steps; s++) {
            const struct oracle_step *step = &self->steps[i][s];
            print_message(" action %d kind %d %" PRIu64, step->action, step->value.kind,
                          step->value.bits);
        }
        print_message("\n");
    }
}

static struct random_history random_history;

static void test_small_histories_are_judged_as_by_the_definition(void **state)
{
    (void)state;
    struct random_history *self = &random_history;
    unsigned long linear = 0;
    unsigned long naive_is_wrong = 0;
    for (unsigned long i = 0; i < n_histories; i++) {
        unsigned at_start = seed;
        struct linear_report report;
        make_small(self);
        bool expected = has_order(self, (1U << self->history.n_calls) - 1, self->cell.value);
        enum stated_code code = linear_check(&self->history, &report);
        if (code != (expected ? STATED_OK : STATED_DATA_LOSS)) {
            print(self);
            fail_msg("seed %u: %s, by the definition it is %s", at_start, stated_code_name(code),
                     expected ? "linear" : "not linear");
        }
        linear += expected;
        naive_is_wrong += fits_as_sent(self) != expected;
    }
    print_message("%lu histories, %lu of them linear, all judged right; a check by the times of "
                  "sending is wrong about %lu\n",
                  n_histories, linear, naive_is_wrong);
    assert_in_range(linear, n_histories / 5, n_histories * 4 / 5);
    assert_in_range(naive_is_wrong, n_histories / 50, n_histories);
}

/* Clients of a real register, one call each at a time, every write with a value of its own. Each
   call takes effect somewhere inside it, in the order of its moment. */
static void make_large(struct random_history *self)
{
    uint64_t free_at[CLIENTS] = {0};
    random_init(self, LARGE_CALLS);
    self->cell.value = (struct oracle_value){0};
    for (size_t i = 0; i < LARGE_CALLS; i++) {
        struct oracle_call *call = &self->calls[i];
        uint64_t *free = &free_at[random_below(CLIENTS)];
        call->sent_ns = *free + random_below(50);
        call->received_ns = call->sent_ns + 1 + random_below(200);
        self->moments[i] =
            call->sent_ns + random_below((unsigned)(call->received_ns - call->sent_ns) + 1);
        *free = call->received_ns + 1;
        call->lost = i % 200 == 100;
        call->n_steps = 1;
        self->steps[i][0].action = random_below(2) == 0 ? ORACLE_EXPECT : ORACLE_PUT;
        if (self->steps[i][0].action == ORACLE_PUT) {
            self->steps[i][0].value = (struct oracle_value){.bits = i, .kind = ORACLE_BYTES};
        }
    }
}

static struct random_history *sorted;

static int by_moment(const void *a, const void *b)
{
    size_t i = *(const size_t *)a;
    size_t j = *(const size_t *)b;
    if (sorted->moments[i] != sorted->moments[j]) {
        return sorted->moments[i] < sorted->moments[j] ? -1 : 1;
    }
    return i < j ? -1 : i > j;
}

static size_t order[LARGE_CALLS];

/* Makes each read show what the register held at its moment. */
static void play_large(struct random_history *self)
{
    struct oracle_value value = self->cell.value;
    for (size_t i = 0; i < LARGE_CALLS; i++) {
        order[i] = i;
    }
    sorted = self;
    qsort(order, LARGE_CALLS, sizeof *order, by_moment);
    for (size_t i = 0; i < LARGE_CALLS; i++) {
        struct oracle_call *call = &self->calls[order[i]];
        if (!call->lost || random_below(2) == 0) {
            assert_true(take_effect(call, self->steps[order[i]], true, &value));
        }
    }
}

/* A read after everything else, of a value that a later write has replaced for sure. */
static void spoil_with_a_stale_read(struct random_history *self)
{
    size_t n = self->history.n_calls;
    self->calls[n] = (struct oracle_call){.sent_ns = UINT64_MAX - 1,
                                          .received_ns = UINT64_MAX,
                                          .steps = self->steps[n],
                                          .n_steps = 1};
    for (size_t i = 0; i < LARGE_CALLS / 2; i++) {
        size_t early = order[i];
        if (self->steps[early][0].action == ORACLE_PUT && !self->calls[early].lost) {
            self->steps[n][0] =
                (struct oracle_step){.action = ORACLE_EXPECT, .value = self->steps[early][0].value};
        }
    }
    self->history.n_calls = n + 1;
}

/* Forgets a write that a read shows. */
static void spoil_with_a_lost_write(struct random_history *self)
{
    for (size_t i = LARGE_CALLS / 2; i < LARGE_CALLS; i++) {
        const struct oracle_step *step = &self->steps[order[i]][0];
        if (step->action == ORACLE_EXPECT && !self->calls[order[i]].lost &&
            step->value.kind == ORACLE_BYTES) {
            self->calls[step->value.bits].n_steps = 0;
            return;
        }
    }
    fail_msg("no read to spoil");
}

/* Repeats a write after the next one has replaced it, and a read sees it. */
static void spoil_with_a_double_write(struct random_history *self)
{
    spoil_with_a_stale_read(self);
    size_t n = self->history.n_calls;
    self->calls[n] = self->calls[n - 1];
    self->steps[n][0] = self->steps[n - 1][0];
    self->calls[n].steps = self->steps[n];
    self->history.n_calls = n + 1;
}

static void test_a_large_history_of_a_register_is_linear_until_it_is_spoilt(void **state)
{
    (void)state;
    void (*const spoil[])(struct random_history * self) = {
        spoil_with_a_stale_read, spoil_with_a_lost_write, spoil_with_a_double_write};
    struct random_history *self = &random_history;
    size_t most = 0;
    for (size_t i = 0; i < 30; i++) {
        unsigned at_start = seed;
        struct linear_report report;
        make_large(self);
        play_large(self);
        if (linear_check(&self->history, &report) != STATED_OK) {
            fail_msg("seed %u: %s", at_start, report.message);
        }
        assert_int_equal(report.checked, LARGE_CALLS);
        assert_int_equal(report.open, LARGE_CALLS / 200);
        most = report.configurations > most ? report.configurations : most;
        spoil[i % 3](self);
        if (linear_check(&self->history, &report) != STATED_DATA_LOSS) {
            fail_msg("seed %u: spoilt in way %zu and not refused: %s", at_start, i % 3,
                     report.message);
        }
    }
    print_message("at most %zu configurations\n", most);
}

int main(int argc, char **argv)
{
    seed = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : seed;
    n_histories = argc > 2 ? strtoul(argv[2], NULL, 10) : n_histories;
    printf("seed %u\n", seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_histories_are_judged_as_by_the_definition),
        cmocka_unit_test(test_a_large_history_of_a_register_is_linear_until_it_is_spoilt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
