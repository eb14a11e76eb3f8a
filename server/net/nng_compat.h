/* What has to be worked around in the versions of NNG that this project runs with. */
#ifndef STATED_NET_NNG_COMPAT_H
#define STATED_NET_NNG_COMPAT_H

#include <nng/nng.h>
#include <stdbool.h>

#if NNG_MAJOR_VERSION != 1 || NNG_MINOR_VERSION < 5
#error "stated needs NNG 1.5 or a later 1.x"
#endif

/* A program that links the transport has a sendmsg of its own, because NNG 1.5 takes two answers of
   the system's badly:
   - EPIPE while a peer is greeted counts as "closed" and ends the listener for good (nng #1518).
     It becomes ECONNRESET.
   - A send that fails later closes the connection while a receive may be half done, whose end is
     then lost; the one thread that frees connections waits for it for ever. So the send to a dead
     peer pretends to succeed, and the receive finds the death, where nothing is pending.

   True when that sendmsg is what NNG calls in this process. A statically linked one can lose
   against another library's; the server warns then. Any thread. */
bool nng_compat_is_effective(void);

#endif
