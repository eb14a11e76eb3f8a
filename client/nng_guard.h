/* Keeps a peer that dies under load from stopping NNG 1.5. */
#ifndef STATED_CLIENT_NNG_GUARD_H
#define STATED_CLIENT_NNG_GUARD_H

#include <stdbool.h>

/* Does nothing when it runs: calling it is what makes the linker take the guard along. */
void nng_guard_link(void);

/* True when NNG's sends go through the guard, or through one that the program has brought; false
   when a library that was loaded before has put its own in between. Any thread. */
bool nng_guard_is_effective(void);

#endif
