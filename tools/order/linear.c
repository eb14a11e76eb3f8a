/* Each key's calls are walked through by time, with the set of all configurations that explain the
   replies so far (after Lowe, Testing for linearizability, 2017). A call becomes pending when it is
   sent. When its reply comes it must have taken effect: configurations in which it has not are
   replaced by those that come of letting other pending calls take effect first, and then it. When
   there is none, no order explains the reply.

   A pending read that fits takes effect at once: that never hurts, since what comes later sees the
   same. So only calls that change the key make the set grow. Of calls without a reply, which stay
   pending for ever, those are left out that cannot explain anything, and of equal ones the first
   that was sent takes effect first. */
#include "order/linear.h"

#include "order/call_effect.h"
#include "order/config_set.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct moment {
    uint64_t time_ns;
    uint32_t call;
    bool is_reply;
};

struct pending {
    uint32_t call;
    bool is_used;
    bool is_read;
    bool has_twin; /* an equal call without reply, in the slot `twin`, that goes first */
    size_t twin;
};

struct linear {
    const struct oracle_history *history;
    struct linear_report *report;
    size_t *first;   /* where the calls of each key begin in `calls`; n_keys + 1 */
    uint32_t *calls; /* by key */
    uint32_t key;    /* the one that is looked at */
    struct moment *moments;
    struct pending pending[LINEAR_MOST_PENDING];
    size_t slots; /* that were ever used */
    struct config_set now;
    struct config_set next;
    struct config_set seen;
};

static bool is_ever_seen(const struct linear *self, struct oracle_value value)
{
    for (size_t i = self->first[self->key]; i < self->first[self->key + 1]; i++) {
        if (call_effect_shows(&self->history->calls[self->calls[i]], self->key, value)) {
            return true;
        }
    }
    return false;
}

/* Whether a call without reply explains no more when it has happened than when it has not: it
   reads, or puts bytes that nobody sees, so that only what replaces them may follow. */
static bool explains_nothing(const struct linear *self, const struct oracle_call *call)
{
    struct oracle_value value;
    return call_effect_only_reads(call, self->key) ||
           (call_effect_only_puts(call, self->key, &value) && value.kind == ORACLE_BYTES &&
            !is_ever_seen(self, value));
}

static bool take_effect(const struct linear *self, uint32_t call, struct oracle_value *value)
{
    return call_effect_apply(&self->history->calls[call], self->key, value);
}

/* Lets every pending read take effect that fits. What fits an unknown value makes it known. */
static void settle(const struct linear *self, struct config *config)
{
    for (size_t slot = 0; slot < self->slots && config->value.kind != ORACLE_UNKNOWN; slot++) {
        struct oracle_value value = config->value;
        if (self->pending[slot].is_used && self->pending[slot].is_read &&
            !config_has(config, slot) && take_effect(self, self->pending[slot].call, &value)) {
            config_set_done(config, slot);
        }
    }
}

static enum stated_code add(struct linear *self, struct config_set *set,
                            const struct config *config)
{
    if (set->n == LINEAR_MOST_CONFIGURATIONS) {
        snprintf(self->report->message, sizeof self->report->message,
                 "key %" PRIu32 " has too many calls at once to decide: more than %d ways that "
                 "they may have taken effect",
                 self->key, LINEAR_MOST_CONFIGURATIONS);
        return STATED_RESOURCE_EXHAUSTED;
    }
    if (!config_set_add(set, config)) {
        snprintf(self->report->message, sizeof self->report->message,
                 "no memory for %zu configurations", set->n + 1);
        return STATED_RESOURCE_EXHAUSTED;
    }
    return STATED_OK;
}

static void swap(struct config_set *a, struct config_set *b)
{
    struct config_set kept = *a;
    *a = *b;
    *b = kept;
}

/* Of equal calls without reply, the one that was sent last is the next one's twin. */
static struct pending pending_of(const struct linear *self, uint32_t index)
{
    const struct oracle_call *call = &self->history->calls[index];
    struct pending pending = {
        .call = index, .is_used = true, .is_read = call_effect_only_reads(call, self->key)};
    uint64_t sent_ns = 0;
    for (size_t slot = 0; slot < self->slots && call->lost; slot++) {
        const struct oracle_call *other = &self->history->calls[self->pending[slot].call];
        if (self->pending[slot].is_used && other->lost && other->sent_ns >= sent_ns &&
            call_effect_same(call, other, self->key)) {
            pending.has_twin = true;
            pending.twin = slot;
            sent_ns = other->sent_ns;
        }
    }
    return pending;
}

/* The call is pending from now on. */
static enum stated_code on_sent(struct linear *self, uint32_t call)
{
    size_t slot = 0;
    while (slot < self->slots && self->pending[slot].is_used) {
        slot++;
    }
    if (slot == LINEAR_MOST_PENDING) {
        snprintf(self->report->message, sizeof self->report->message,
                 "key %" PRIu32 " has more than %d calls at once", self->key, LINEAR_MOST_PENDING);
        return STATED_RESOURCE_EXHAUSTED;
    }
    self->slots = slot == self->slots ? slot + 1 : self->slots;
    self->pending[slot] = pending_of(self, call);

    enum stated_code code = STATED_OK;
    config_set_clear(&self->next);
    for (size_t i = 0; i < self->now.n && code == STATED_OK; i++) {
        struct config config = self->now.members[i];
        settle(self, &config);
        code = add(self, &self->next, &config);
    }
    swap(&self->now, &self->next);
    return code;
}

/* What comes of the i-th seen configuration: to `next` when the call in this slot has now taken
   effect, else back to `seen`, to be gone on from. */
static enum stated_code expand(struct linear *self, size_t i, size_t awaited)
{
    enum stated_code code = STATED_OK;
    for (size_t slot = 0; slot < self->slots && code == STATED_OK; slot++) {
        struct config config = self->seen.members[i]; /* which may move */
        const struct pending *pending = &self->pending[slot];
        if (!pending->is_used || config_has(&config, slot) ||
            (pending->has_twin && !config_has(&config, pending->twin)) ||
            !take_effect(self, pending->call, &config.value)) {
            continue;
        }
        config_set_done(&config, slot);
        settle(self, &config);
        if (config_has(&config, awaited)) {
            config_clear_done(&config, awaited);
            code = add(self, &self->next, &config);
        } else {
            code = add(self, &self->seen, &config);
        }
    }
    return code;
}

static enum stated_code report_unexplained(struct linear *self, uint32_t index)
{
    const struct oracle_call *call = &self->history->calls[index];
    self->report->key = self->key;
    self->report->call = index;
    snprintf(self->report->message, sizeof self->report->message,
             "no order of the calls on key %" PRIu32 " explains the reply of call %" PRIu32
             ", sent at %" PRIu64 " ns and answered at %" PRIu64 " ns",
             self->key, index, call->sent_ns, call->received_ns);
    return STATED_DATA_LOSS;
}

/* The call in this slot must have taken effect by now; then the slot is free. */
static enum stated_code on_reply(struct linear *self, uint32_t call)
{
    enum stated_code code = STATED_OK;
    size_t slot = 0;
    while (!self->pending[slot].is_used || self->pending[slot].call != call) {
        slot++;
    }
    config_set_clear(&self->next);
    config_set_clear(&self->seen);
    for (size_t i = 0; i < self->now.n && code == STATED_OK; i++) {
        struct config config = self->now.members[i];
        bool is_done = config_has(&config, slot);
        config_clear_done(&config, slot);
        code = add(self, is_done ? &self->next : &self->seen, &config);
    }
    for (size_t i = 0; i < self->seen.n && code == STATED_OK; i++) {
        code = expand(self, i, slot);
    }
    self->pending[slot].is_used = false;
    swap(&self->now, &self->next);
    if (self->now.n > self->report->configurations) {
        self->report->configurations = self->now.n;
    }
    return code == STATED_OK && self->now.n == 0 ? report_unexplained(self, call) : code;
}

/* At the same time, calls come before replies: then they may have overlapped. */
static int compare_moments(const void *left, const void *right)
{
    const struct moment *a = left;
    const struct moment *b = right;
    if (a->time_ns != b->time_ns) {
        return a->time_ns < b->time_ns ? -1 : 1;
    }
    return (int)a->is_reply - (int)b->is_reply;
}

static size_t sort_moments(struct linear *self)
{
    size_t n = 0;
    for (size_t i = self->first[self->key]; i < self->first[self->key + 1]; i++) {
        const struct oracle_call *call = &self->history->calls[self->calls[i]];
        self->report->checked++;
        self->report->open += call->lost;
        if (call->lost && explains_nothing(self, call)) {
            continue;
        }
        self->moments[n++] = (struct moment){.time_ns = call->sent_ns, .call = self->calls[i]};
        if (!call->lost) {
            self->moments[n++] = (struct moment){
                .time_ns = call->received_ns, .call = self->calls[i], .is_reply = true};
        }
    }
    qsort(self->moments, n, sizeof *self->moments, compare_moments);
    return n;
}

static enum stated_code check_key(struct linear *self)
{
    const struct config before = {.value = self->history->cells[self->key].value};
    size_t n = sort_moments(self);
    self->slots = 0;
    memset(self->pending, 0, sizeof self->pending);
    config_set_clear(&self->now);
    enum stated_code code = add(self, &self->now, &before);
    for (size_t i = 0; i < n && code == STATED_OK; i++) {
        const struct moment *moment = &self->moments[i];
        code = moment->is_reply ? on_reply(self, moment->call) : on_sent(self, moment->call);
    }
    return code;
}

/* Calls each key once for every call that has steps on it: (self, key, index of the call). */
static void each_pair(struct linear *self, uint32_t *last,
                      void (*visit)(struct linear *self, uint32_t key, uint32_t call))
{
    const struct oracle_history *history = self->history;
    memset(last, 0, history->n_keys * sizeof *last);
    for (size_t i = 0; i < history->n_calls; i++) {
        for (uint32_t s = 0; s < history->calls[i].n_steps; s++) {
            uint32_t key = history->calls[i].steps[s].key;
            if (last[key] != i + 1) {
                last[key] = (uint32_t)i + 1;
                visit(self, key, (uint32_t)i);
            }
        }
    }
}

static void count_pair(struct linear *self, uint32_t key, uint32_t call)
{
    (void)call;
    self->first[key + 1]++;
}

static void place_pair(struct linear *self, uint32_t key, uint32_t call)
{
    self->calls[self->first[key]++] = call;
}

/* Groups the calls by key. False when memory is out. */
static bool group(struct linear *self)
{
    size_t n_keys = self->history->n_keys;
    size_t most = 0;
    bool is_done = false;
    uint32_t *last = calloc(n_keys + 1, sizeof *last);
    self->first = calloc(n_keys + 2, sizeof *self->first);
    if (last == NULL || self->first == NULL) {
        goto free_last;
    }
    each_pair(self, last, count_pair);
    for (size_t key = 0; key < n_keys; key++) {
        most = self->first[key + 1] > most ? self->first[key + 1] : most;
        self->first[key + 1] += self->first[key];
    }
    self->calls = calloc(self->first[n_keys] + 1, sizeof *self->calls);
    self->moments = calloc(2 * most + 1, sizeof *self->moments);
    if (self->calls == NULL || self->moments == NULL) {
        goto free_last;
    }
    each_pair(self, last, place_pair);
    /* Each key's place has moved on to the next one's. */
    memmove(self->first + 1, self->first, n_keys * sizeof *self->first);
    self->first[0] = 0;
    is_done = true;
free_last:
    free(last);
    return is_done;
}

enum stated_code linear_check(const struct oracle_history *history, struct linear_report *report)
{
    struct linear self = {.history = history, .report = report};
    *report = (struct linear_report){0};
    enum stated_code code = oracle_check_shape(history, report->message);
    if (code != STATED_OK) {
        return code;
    }
    if (!group(&self)) {
        code = STATED_RESOURCE_EXHAUSTED;
        snprintf(report->message, sizeof report->message, "no memory for %zu calls",
                 history->n_calls);
    }
    for (size_t key = 0; key < history->n_keys && code == STATED_OK; key++) {
        self.key = (uint32_t)key;
        code = check_key(&self);
    }
    config_set_deinit(&self.now);
    config_set_deinit(&self.next);
    config_set_deinit(&self.seen);
    free(self.first);
    free(self.calls);
    free(self.moments);
    return code;
}
