/* Why there is no connection, for people. */
#ifndef STATED_CLIENT_DIAL_ERROR_H
#define STATED_CLIENT_DIAL_ERROR_H

#include "stated/status.h"

#include <stdint.h>

/* Why an attempt to connect failed with this error of NNG's (NNG_EPROTO: what answered is no REP
   socket, but began with the eight bytes of `said`, which may be NULL; 0: no attempt has ended in
   time): a code and a message that names the endpoint and what to do. */
enum stated_code dial_error_explain(int error, const uint8_t *said, const char *endpoint,
                                    uint32_t connect_timeout_ms, struct stated_status *status);

#endif
