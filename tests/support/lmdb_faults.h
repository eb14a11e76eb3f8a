/* Makes LMDB's calls fail on purpose: a program that links this and has the linker wrap them gets
   its own mdb_get, mdb_put and so on, in the engine's place as well. */
#ifndef STATED_TESTS_LMDB_FAULTS_H
#define STATED_TESTS_LMDB_FAULTS_H

#include <stdbool.h>

/* From now on the calls are counted, from 1; the nth fails with LMDB's code, and the next ones do
   not. 0: none fails. One thread at a time. */
void lmdb_faults_plan(unsigned long nth, int code);

/* No call is counted or fails any more. */
void lmdb_faults_stop(void);

/* Calls counted since the plan. */
unsigned long lmdb_faults_seen(void);

/* The call that has failed as planned; NULL: none has yet. */
const char *lmdb_faults_hit(void);

#endif
