/* What has to be worked around in the versions of NNG that this project runs with. */
#ifndef STATED_NET_NNG_COMPAT_H
#define STATED_NET_NNG_COMPAT_H

#include <nng/nng.h>
#include <stdbool.h>

#if NNG_MAJOR_VERSION != 1 || NNG_MINOR_VERSION < 5
#error "stated needs NNG 1.5 or a later 1.x"
#endif

/* NNG before 1.6 closes a listener for good when a peer leaves while it is being greeted: sendmsg
   says EPIPE, which NNG takes for its own "closed" (nng #1518). So a program that links the
   transport has its own sendmsg, which says ECONNRESET in that case.

   True when that one is what NNG calls in this process, or when it is not needed. A statically
   linked sendmsg can lose against another library's; the server warns then. Any thread. */
bool nng_compat_is_effective(void);

#endif
