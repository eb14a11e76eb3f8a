/* Frames without a socket: feeds request frames to an exchange and waits for the reply. */
#ifndef STATED_TESTS_FRAMES_H
#define STATED_TESTS_FRAMES_H

#include "rpc/dispatch.h"
#include "rpc/exchange.h"

#include "stated/v1/rpc.pb-c.h"

#include <pthread.h>

/* An exchange with somebody who waits for its answer. */
struct frames {
    struct exchange exchange;
    struct gate_party party;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool answered;
    unsigned answers; /* over its life: must equal the frames sent */
};

/* One call to send. */
struct frames_call {
    const char *method;
    const ProtobufCMessage *request;
    uint32_t timeout_ms;
    uint64_t sequence;
};

/* In place, on a dispatch that outlives it; nothing may be under way at deinit. */
void frames_init(struct frames *self, struct dispatch *dispatch);
void frames_deinit(struct frames *self);

/* Starts a frame of these bytes; frames_wait gives its reply. */
void frames_begin(struct frames *self, const void *body, size_t length);

/* Waits (a minute at most, then aborts) and unpacks the reply; the caller frees it. */
Stated__V1__ReplyFrame *frames_wait(struct frames *self);

/* Both, for raw bytes and for calls. */
Stated__V1__ReplyFrame *frames_send(struct frames *self, const void *body, size_t length);
Stated__V1__ReplyFrame *frames_call(struct frames *self, const struct frames_call *calls, size_t n);

/* Only starts a frame of calls. */
void frames_begin_calls(struct frames *self, const struct frames_call *calls, size_t n);

#endif
