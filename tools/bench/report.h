/* What a run came to: for people as an aligned table, for programs as JSON. */
#ifndef STATED_BENCH_REPORT_H
#define STATED_BENCH_REPORT_H

#include "bench/options.h"
#include "bench/runner.h"
#include "bench/summary.h"
#include "bench/verify.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct report {
    const struct bench_options *options;
    const struct runner_result *result;
    const struct verdict *verdict;
    struct summary read;
    struct summary write;
    struct summary all;
    uint64_t errors;
};

/* Collects; keeps the pointers. False when memory is out. */
bool report_init(struct report *self, const struct bench_options *options,
                 const struct runner_result *result, const struct verdict *verdict) STATED_MUST_USE;

/* Prints the table. */
void report_table(const struct report *self, FILE *file);

/* Prints one JSON object, a member a line. Rates are per second, times in microseconds unless the
   name says otherwise. False when memory is out. */
bool report_json(const struct report *self, FILE *file) STATED_MUST_USE;

#endif
