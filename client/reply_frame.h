/* Walks over a reply frame where it lies: what each reply says, without taking memory.

   Pure: no thread, clock, memory or socket. The layout is stated/v1/rpc.proto. */
#ifndef STATED_CLIENT_REPLY_FRAME_H
#define STATED_CLIENT_REPLY_FRAME_H

#include "wire.h"

#include "stated/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One reply, in the bytes of its frame. */
struct reply_view {
    enum stated_code code; /* UNKNOWN for a number that is no code of ours, which is in `number` */
    uint64_t number;
    uint32_t retry_after_ms;
    struct stated_order order; /* with the frame's epoch */
    const uint8_t *message;
    size_t message_bytes;
    const uint8_t *payload;
    size_t payload_bytes;
};

struct reply_frame {
    struct wire_reader rest;
    uint64_t epoch;
    size_t n_replies;
};

/* False when the bytes are no ReplyFrame. */
bool reply_frame_open(struct reply_frame *self, const uint8_t *body, size_t length) STATED_MUST_USE;

/* The next reply, of n_replies. False when it is no Reply; the walk may go on. */
bool reply_frame_next(struct reply_frame *self, struct reply_view *reply) STATED_MUST_USE;

#endif
