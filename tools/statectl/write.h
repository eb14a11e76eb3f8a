/* One write and what statectl says about its outcome. */
#ifndef STATED_STATECTL_WRITE_H
#define STATED_STATECTL_WRITE_H

#include "statectl/ctl.h"

#include "stated/v1/state.pb-c.h"

/* Connects and writes. EXIT_DONE and *response, to free, when it was applied; EXIT_NEGATIVE after
   saying which guarded key is how; another exit code after saying what went wrong; then *response
   is NULL. Blocks. */
int write_run(struct ctl *ctl, const Stated__V1__WriteRequest *request,
              Stated__V1__WriteResponse **response) STATED_MUST_USE;

/* Prints what a write did: "revision 12", or more as JSON. deleted = how many keys went away, where
   that is what it was for; -1 = not. */
void write_print(const struct ctl *ctl, const Stated__V1__WriteResponse *response, int64_t deleted);

#endif
