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

/* The same, but *response is there, to free, also when a guard did not hold: its current entries
   are the guarded keys as they are. */
int write_try(struct ctl *ctl, const Stated__V1__WriteRequest *request,
              Stated__V1__WriteResponse **response) STATED_MUST_USE;

/* Writes one key, if the guard (NULL = none) holds. As write_try. */
int write_put(struct ctl *ctl, ProtobufCBinaryData key, ProtobufCBinaryData value,
              Stated__V1__Guard *guard, Stated__V1__WriteResponse **response) STATED_MUST_USE;

/* The entry that a guarded key has, NULL = none, in the response to a write that was not applied.
 */
const Stated__V1__Entry *write_current(const Stated__V1__WriteResponse *response,
                                       ProtobufCBinaryData key);

/* Prints what a write did: "revision 12", or more as JSON. deleted = how many keys went away, where
   that is what it was for; -1 = not. */
void write_print(const struct ctl *ctl, const Stated__V1__WriteResponse *response, int64_t deleted);

#endif
