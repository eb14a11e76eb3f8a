/* What stated-bench was asked to do: its command line, checked. */
#ifndef STATED_BENCH_OPTIONS_H
#define STATED_BENCH_OPTIONS_H

#include "bench/workload.h"

#include <stdbool.h>
#include <stdint.h>

enum bench_format { BENCH_TABLE, BENCH_JSON };

struct bench_options {
    char endpoint[512];
    uint32_t connections;
    uint32_t in_flight;   /* calls at a time per connection */
    uint32_t rate;        /* calls a second, whatever becomes of them; 0 = the closed loop */
    uint64_t calls;       /* measured ones; UINT64_MAX with a duration */
    uint64_t warmup;      /* calls before those */
    uint64_t duration_ns; /* 0 = until `calls` are done */
    uint32_t timeout_ms;  /* of one call */
    unsigned read_percent;
    uint32_t keys;
    uint32_t value_bytes;
    const char *prefix; /* of the keys */
    uint64_t seed;
    enum workload_distribution distribution;
    bool committed;     /* reads take no ticket */
    bool coalesce;      /* calls share frames */
    bool number_writes; /* writes are applied once, however often they are sent */
    enum bench_format format;
    const char *order_log; /* file, NULL = none */
    bool check;            /* replay the replies by ticket */
    bool alone;            /* calls of others during the run are a finding */
};

enum {
    BENCH_MAX_CHECKED_CALLS = 5000000, /* 88 bytes each are kept until the check */
    BENCH_KEY_DIGITS = 8,
    BENCH_MAX_KEYS = 10000000,
};

/* Reads the command line into *options; strings stay argv's. A mistake, --help and --version end
   the process: message on stderr and status 2, or the text on stdout and status 0. */
void bench_options_parse(struct bench_options *options, int argc, char **argv);

#endif
