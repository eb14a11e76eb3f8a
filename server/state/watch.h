/* StateService/Watch: a look into the change log, and when there is nothing yet, a parked call. */
#ifndef STATED_STATE_WATCH_H
#define STATED_STATE_WATCH_H

#include "stated/server.h"
#include "stated/v1/state.pb-c.h"

/* The two handlers; the service's state is a struct watch_feed, or NULL when the engine keeps no
   change log. As all handlers: any thread, neither blocks. */
enum stated_code watch_admit(struct stated_call *call, const Stated__V1__WatchRequest *request,
                             struct stated_admission *admission);
enum stated_code watch_changes(struct stated_call *call, const Stated__V1__WatchRequest *request,
                               Stated__V1__WatchResponse *response);

#endif
