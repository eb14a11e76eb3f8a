#include "gate_layer.h"

#include "base/monotonic.h"

#include "test.h"

#include <stdlib.h>

#define BOUND_NS (UINT64_C(20) * CLOCK_NS_PER_S)
#define FAR_NS (UINT64_C(60) * CLOCK_NS_PER_S)

static void execute(void *context, struct gate_run *run)
{
    struct layer *self = context;
    pthread_mutex_lock(&self->mutex);
    self->executed += run->count;
    self->executed_on = pthread_self();
    bool hold = self->hold;
    if (hold) {
        self->held[self->n_held++ % LAYER_MAX_HELD] = run;
    }
    pthread_cond_broadcast(&self->changed);
    while (self->block || (self->block_writes && run->kind == GATE_RUN_EXCLUSIVE)) {
        pthread_cond_wait(&self->changed, &self->mutex);
    }
    pthread_mutex_unlock(&self->mutex);
    if (!hold) {
        gate_finish(self->gate, run);
    }
}

static void finished(void *context, struct gate_run *run)
{
    struct layer *self = context;
    struct list entries;
    list_take(&entries, &run->entries);
    pthread_mutex_lock(&self->mutex);
    while (list_pop_front(&entries) != NULL) {
        self->finished++;
    }
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
}

static void dropped(void *context, struct gate_entry *entry)
{
    struct layer *self = context;
    assert_int_equal(entry->state, GATE_DROPPED);
    assert_int_not_equal(entry->reason, GATE_REASON_NONE);
    pthread_mutex_lock(&self->mutex);
    self->dropped++;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
}

static bool recover(void *context)
{
    struct layer *self = context;
    pthread_mutex_lock(&self->mutex);
    bool recovers = self->recovers;
    self->recoveries++;
    pthread_cond_broadcast(&self->changed);
    while (self->block) {
        pthread_cond_wait(&self->changed, &self->mutex);
    }
    pthread_mutex_unlock(&self->mutex);
    return recovers;
}

const struct gate_ops layer_ops = {
    .execute = execute, .finished = finished, .dropped = dropped, .recover = recover};

const struct gate_options layer_usual_options = {.workers = 2,
                                                 .max_queued_calls = 8,
                                                 .max_queued_bytes = 1000,
                                                 .max_party_calls = 16,
                                                 .max_run_calls = 4,
                                                 .max_run_bytes = 1000,
                                                 .inline_light_reads = true};

int layer_setup_with(void **state, const struct gate_options *options, const struct gate_ops *ops)
{
    struct layer *self = calloc(1, sizeof(*self));
    assert_non_null(self);
    pthread_mutex_init(&self->mutex, NULL);
    monotonic_cond_init(&self->changed);
    gate_party_init(&self->party);
    assert_int_equal(gate_new(options, ops, self, &self->gate), STATED_OK);
    *state = self;
    return 0;
}

int layer_teardown(void **state)
{
    struct layer *self = *state;
    gate_free(self->gate);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->mutex);
    free(self);
    return 0;
}

struct gate_entry layer_entry(struct layer *self, enum gate_access access, bool light)
{
    return (struct gate_entry){.access = access,
                               .light = light,
                               .bytes = 10,
                               .deadline_ns = clock_now_ns() + FAR_NS,
                               .party = &self->party,
                               .label = "test"};
}

void layer_submit(struct layer *self, struct gate_entry *entry)
{
    gate_submit(self->gate, &entry, 1, clock_now_ns());
}

void layer_submit_new(struct layer *self, struct gate_entry *entry, enum gate_access access,
                      bool light)
{
    *entry = layer_entry(self, access, light);
    layer_submit(self, entry);
}

/* Waits until *value, which the layer changes, is at least n. */
void layer_wait(struct layer *self, const uint32_t *value, uint32_t n)
{
    uint64_t deadline_ns = clock_now_ns() + BOUND_NS;
    pthread_mutex_lock(&self->mutex);
    while (*value < n) {
        assert_true(monotonic_cond_wait(&self->changed, &self->mutex, deadline_ns));
    }
    pthread_mutex_unlock(&self->mutex);
}

void layer_set_hold(struct layer *self, bool hold)
{
    pthread_mutex_lock(&self->mutex);
    self->hold = hold;
    pthread_mutex_unlock(&self->mutex);
}

void layer_set_block(struct layer *self, bool block)
{
    pthread_mutex_lock(&self->mutex);
    self->block = block;
    self->block_writes = false;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
}

struct gate_run *layer_hold_write(struct layer *self, struct gate_entry *write)
{
    uint32_t n_held = self->n_held;
    layer_set_hold(self, true);
    layer_submit_new(self, write, GATE_WRITE, false);
    layer_wait(self, &self->n_held, n_held + 1);
    return self->held[n_held];
}

void layer_let_go(struct layer *self, struct gate_run *run)
{
    layer_set_hold(self, false);
    gate_finish(self->gate, run);
}

void layer_wait_idle(struct layer *self)
{
    assert_true(gate_wait_idle(self->gate, 20000));
}

struct gate_figures layer_figures(struct layer *self)
{
    struct gate_figures figures;
    gate_read_figures(self->gate, &figures);
    return figures;
}
