/* Which URLs a server can listen on, and a reason for those it cannot. */
#ifndef STATED_NET_LISTEN_URL_H
#define STATED_NET_LISTEN_URL_H

#include "stated/status.h"

enum listen_scheme {
    LISTEN_IPC, /* ipc://PATH */
    LISTEN_TCP, /* tcp://HOST:PORT; HOST may be empty or *, PORT may be 0 */
};

struct listen_url {
    enum listen_scheme scheme;
    const char *rest; /* after "://"; points into the text that was parsed */
};

/* Takes the URL apart. INVALID_ARGUMENT with a message that names the URL and what to give
   instead. Pure. */
enum stated_code listen_url_parse(const char *text, struct listen_url *url,
                                  struct stated_status *status) STATED_MUST_USE;

#endif
