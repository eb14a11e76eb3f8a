/* Makes memory give out on purpose: the program that links this gets its own malloc, calloc,
   realloc and posix_memalign, in every library's place. Not with sanitizers, which have their own.
 */
#ifndef STATED_TESTS_MEMORY_FAULTS_H
#define STATED_TESTS_MEMORY_FAULTS_H

#include <stdbool.h>

/* From now on, this thread's nth allocation (from 1) fails, and all after it too when it is sticky.
   0: none fails, all are counted. */
void memory_faults_plan(unsigned long nth, bool is_sticky);

/* Back to plain allocations. Returns how many there were since the plan. */
unsigned long memory_faults_end(void);

/* The same for the allocations of every thread together, but for those that are spared. Any thread,
   one at a time. */
void memory_faults_plan_everywhere(unsigned long nth, bool is_sticky);
unsigned long memory_faults_end_everywhere(void);

/* From now on this thread's allocations are not counted with those of the others. */
void memory_faults_spare_me(void);

#endif
