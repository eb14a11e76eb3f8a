/* Reads the reply to a frame of one call. */
#ifndef STATED_CLIENT_REPLY_H
#define STATED_CLIENT_REPLY_H

#include "stated/client.h"

#include <stddef.h>
#include <stdint.h>

/* From the body of a reply message to status and response. *response is NULL unless OK, and then
   the caller's. What is no reply to one call of `method` is INTERNAL, or for a WRITE UNKNOWN, since
   it may have happened; the message names the endpoint. status may be NULL. Any thread. */
enum stated_code reply_read(const struct stated_client_method *method, const uint8_t *body,
                            size_t length, const char *endpoint, ProtobufCMessage **response,
                            struct stated_status *status) STATED_MUST_USE;

#endif
