/* "Did you mean": the known name that a mistyped one is closest to. */
#ifndef STATED_STATECTL_SUGGEST_H
#define STATED_STATECTL_SUGGEST_H

#include <stddef.h>

/* One of the names, or NULL when none is close: at most two letters added, missing, wrong or
   swapped, and fewer than half of them. Pure. */
const char *suggest(const char *name, const char *const *names, size_t n);

#endif
