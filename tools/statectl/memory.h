/* Memory for a program that has nothing better to do without it than to say so and end. */
#ifndef STATED_STATECTL_MEMORY_H
#define STATED_STATECTL_MEMORY_H

#include "stated/status.h"

#include <stddef.h>

/* Zeroed room for count things of a size, to free with free(); ends the process when there is none.
   Never NULL. Any thread. */
void *memory_new(size_t count, size_t size) STATED_MUST_USE;

/* A larger or smaller block with the old one's content; the old one is gone. As above. */
void *memory_resize(void *old, size_t count, size_t size) STATED_MUST_USE;

/* Ends the process with what it says when memory is out, unless pointer is one. Returns it. */
void *memory_check(void *pointer);

/* The printf-style text, to free with free(). As above. */
char *memory_format(const char *format, ...) STATED_PRINTF(1, 2) STATED_MUST_USE;

#endif
