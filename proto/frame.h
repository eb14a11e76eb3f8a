/* The frame codec: calls <-> RequestFrame, outcomes <-> ReplyFrame, encoded straight into a buffer.

   Pure: no thread, clock or socket; memory only through the allocator it is given. The layout is
   stated/v1/rpc.proto. Both the server and the client use it. */
#ifndef STATED_PROTO_FRAME_H
#define STATED_PROTO_FRAME_H

#include "stated/status.h"
#include "stated/v1/rpc.pb-c.h"

#include <stddef.h>
#include <stdint.h>

/* Bytes of a client id. */
#define FRAME_CLIENT_ID_BYTES 16

/* Unpacks a request frame. OK and *frame (in the allocator's memory); else INVALID_ARGUMENT (not a
   RequestFrame, no calls, a client_id that is neither empty nor 16 bytes) or RESOURCE_EXHAUSTED
   (more than max_calls, or the allocator gave out), *frame is NULL and status->message says what
   and how much. Counts the calls before it allocates for them. */
enum stated_code frame_unpack_request(const uint8_t *data, size_t length, size_t max_calls,
                                      ProtobufCAllocator *allocator,
                                      Stated__V1__RequestFrame **frame,
                                      struct stated_status *status) STATED_MUST_USE;

/* One call of a request frame, as the client encodes it. */
struct frame_call {
    const char *method;     /* "package.Service/Method" */
    const uint8_t *payload; /* packed request message; NULL = `request` is packed in place */
    size_t payload_bytes;   /* in either case */
    uint32_t timeout_ms;
    uint64_t sequence;
    const ProtobufCMessage *request; /* without payload */
};

/* Bytes that frame_put_request_header / frame_put_call will write. client_id: 16 bytes, or NULL. */
size_t frame_request_header_size(const uint8_t *client_id, uint64_t acked_below);
size_t frame_call_size(const struct frame_call *call);

/* Write to `out`, which has room (see the sizes), and return the end of what was written. A frame
   is one header and then its calls. */
uint8_t *frame_put_request_header(uint8_t *out, const uint8_t *client_id, uint64_t acked_below);
uint8_t *frame_put_call(uint8_t *out, const struct frame_call *call);

/* One reply of a reply frame, as the server encodes it. */
struct frame_reply {
    enum stated_code code;
    const char *message; /* with a code that is not OK; never NULL */
    uint32_t retry_after_ms;
    const ProtobufCMessage *payload; /* response message; NULL = none. Only sent with OK */
    struct stated_order order;       /* epoch is sent in the frame's header */
    size_t payload_bytes;            /* the codec's own, from frame_reply_size to frame_put_reply */
};

/* As above: one header, then the replies. frame_reply_size must come before frame_put_reply. */
size_t frame_reply_header_size(void);
size_t frame_reply_size(struct frame_reply *reply);
uint8_t *frame_put_reply_header(uint8_t *out, uint64_t epoch);
uint8_t *frame_put_reply(uint8_t *out, const struct frame_reply *reply);

/* Unpacks a reply frame; NULL when it is none. Free with stated__v1__reply_frame__free_unpacked. */
Stated__V1__ReplyFrame *frame_unpack_reply(const uint8_t *data, size_t length,
                                           ProtobufCAllocator *allocator) STATED_MUST_USE;

/* What a Reply says, in the shape callers get: code, message, order (with the frame's epoch). A
   code this version does not know becomes UNKNOWN with the number in the message. */
void frame_read_status(const Stated__V1__ReplyFrame *frame, const Stated__V1__Reply *reply,
                       struct stated_status *status);

#endif
