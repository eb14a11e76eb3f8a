/* The layer above a gate, for its unit tests: an executor whose runs the test keeps open, or keeps
   on their worker, and that counts all it is told. */
#ifndef STATED_TESTS_GATE_LAYER_H
#define STATED_TESTS_GATE_LAYER_H

#include "sched/gate.h"

#include <pthread.h>

#define LAYER_MAX_HELD 64

struct layer {
    struct gate *gate;
    struct gate_party party;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool hold;         /* execute leaves the run open for the test to finish */
    bool block;        /* execute keeps its thread until this ends */
    bool block_writes; /* the same for exclusive runs alone */
    bool recovers;     /* what recover says */
    struct gate_run *held[LAYER_MAX_HELD];
    uint32_t n_held;
    uint32_t executed; /* calls */
    uint32_t finished;
    uint32_t dropped;
    uint32_t recoveries;
    pthread_t executed_on;
};

extern const struct gate_ops layer_ops;
extern const struct gate_options layer_usual_options;

/* For cmocka: a new layer with a gate, in *state. With other ops than layer_ops, and options of
   one's own. The teardown frees both; the gate must be idle. */
int layer_setup_with(void **state, const struct gate_options *options, const struct gate_ops *ops);
int layer_teardown(void **state);

/* An entry of the layer's party, of 10 bytes, with a deadline far away. */
struct gate_entry layer_entry(struct layer *self, enum gate_access access, bool light);

/* Submits a frame of one. */
void layer_submit(struct layer *self, struct gate_entry *entry);

/* Makes `entry` anew and submits it. */
void layer_submit_new(struct layer *self, struct gate_entry *entry, enum gate_access access,
                      bool light);

/* Waits until *value, one of the layer's counts, is at least n; fails the test after a while. */
void layer_wait(struct layer *self, const uint32_t *value, uint32_t n);

/* Sets what execute does from now on. Ending a block lets go of what it keeps. */
void layer_set_hold(struct layer *self, bool hold);
void layer_set_block(struct layer *self, bool block);

/* Submits a write and waits until its run is held; gives the run. */
struct gate_run *layer_hold_write(struct layer *self, struct gate_entry *write);

/* From here on runs finish by themselves, this one now. */
void layer_let_go(struct layer *self, struct gate_run *run);

/* Waits until the gate is idle; fails the test after a while. */
void layer_wait_idle(struct layer *self);

/* The gate's figures now. */
struct gate_figures layer_figures(struct layer *self);

#endif
