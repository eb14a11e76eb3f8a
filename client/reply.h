/* From what a server replied to what the caller gets. */
#ifndef STATED_CLIENT_REPLY_H
#define STATED_CLIENT_REPLY_H

#include "reply_frame.h"

#include "stated/client.h"

/* *response is NULL unless OK, and then in the allocator's memory and the caller's. Without memory
   for it RESOURCE_EXHAUSTED, or for a WRITE UNKNOWN; a payload that is not the method's response is
   refused as below. status may be NULL. Any thread. */
enum stated_code reply_read(const struct stated_client_method *method,
                            const struct reply_view *reply, const char *endpoint,
                            ProtobufCAllocator *memory, ProtobufCMessage **response,
                            struct stated_status *status) STATED_MUST_USE;

/* What came is no reply to a call of the method but `what`: INTERNAL, or for a WRITE UNKNOWN, since
   it may have happened; the message names the endpoint. status may be NULL. */
enum stated_code reply_refuse(const struct stated_client_method *method, const char *endpoint,
                              const char *what, struct stated_status *status);

#endif
