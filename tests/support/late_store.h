/* An asynchronous engine: applies nothing until commit, then works on a thread of its own and
   completes from there. It proves that nothing above store.h counts on an engine that completes at
   once. */
#ifndef STATED_TESTS_LATE_STORE_H
#define STATED_TESTS_LATE_STORE_H

#include "engine/lmdb_store.h"

/* A store that does its work through `inner`, which it closes with itself. NULL when memory or
   threads run out. */
struct store *late_store_new(struct store *inner);

/* lmdb_store_open, but of a late store. */
enum stated_code late_lmdb_open(const struct lmdb_store_options *options, struct store **store,
                                struct stated_status *status) STATED_MUST_USE;

#endif
