/* A client library whose asynchronous writes wait until the test answers them, in any order.

   It defines stated_client_open and the other functions of stated/client.h, so a program links it
   instead of libstated-client. One thread only. */
#ifndef STATED_TESTS_HAND_CLIENT_H
#define STATED_TESTS_HAND_CLIENT_H

#include "stated/status.h"
#include "stated/v1/state.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Forgets everything. limit = what Status says of the message limit, 0 = Status fails;
   refuse_open_at = the open that fails, from 1, 0 = none. */
void hand_reset(uint64_t limit, unsigned refuse_open_at);

/* From now on calls do not start, with this code; OK = they do. */
void hand_refuse_to_start(enum stated_code code);

/* Clients that are open. */
unsigned hand_clients(void);

/* Writes that wait for an answer, the oldest first, and how many different clients they are over.
 */
size_t hand_waiting(void);
size_t hand_waiting_clients(void);

/* The index-th of them. */
const Stated__V1__WriteRequest *hand_request(size_t index);

/* Answers the index-th of them; with a code that is not OK it gets the message and retry_after_ms.
 */
void hand_answer(size_t index, enum stated_code code, const char *message, uint32_t retry_after_ms);

#endif
