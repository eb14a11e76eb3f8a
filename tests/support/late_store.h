/* An asynchronous engine: applies nothing until commit, then works on a thread of its own and
   completes from there. It proves that nothing above store.h counts on an engine that completes at
   once. */
#ifndef STATED_TESTS_LATE_STORE_H
#define STATED_TESTS_LATE_STORE_H

#include "state/store.h"

/* A store that does its work through `inner`, which it closes with itself. NULL when memory or
   threads run out. */
struct store *late_store_new(struct store *inner);

/* Runs that were completed by the engine's thread so far. */
uint64_t late_store_completed(struct store *store);

#endif
