/* Keeps a peer that dies under load from stopping NNG 1.5. */
#ifndef STATED_CLIENT_NNG_GUARD_H
#define STATED_CLIENT_NNG_GUARD_H

#include <stdbool.h>

/* True when NNG's sends go through the guard, or one that the program has brought. Calling it is
   also what makes the linker take the guard along. Any thread. */
bool nng_guard_is_effective(void);

#endif
