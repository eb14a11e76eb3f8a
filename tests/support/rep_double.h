/* A server's double for client tests: it speaks the wire by hand on a unix socket, one thread for
   all connections, and says what the test tells it to. */
#ifndef STATED_TESTS_REP_DOUBLE_H
#define STATED_TESTS_REP_DOUBLE_H

#include "stated/v1/rpc.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rep_double;

/* What the double does with one request. */
struct rep_answer {
    enum {
        REP_SEND,    /* `bytes` as they are; rep_answer_* fill them */
        REP_HOLD,    /* keeps it until rep_double_release */
        REP_DROP,    /* never answers */
        REP_HANG_UP, /* closes the connection */
    } kind;
    uint8_t *bytes; /* malloc'ed; the double frees them */
    size_t length;
    size_t cut; /* of REP_SEND: bytes of the message to leave out before hanging up; 0 = send it
                   whole */
};

/* Decides, one request at a time. A held request is asked for again when it is released. */
typedef void (*rep_handler)(void *argument, const Stated__V1__RequestFrame *frame,
                            struct rep_answer *answer);

/* Listens on a socket in a temporary directory; aborts the test program when that fails. */
struct rep_double *rep_double_start(rep_handler handler, void *argument);

/* The same on a URL; for a server that comes back, or that comes late. */
struct rep_double *rep_double_start_at(const char *url, rep_handler handler, void *argument);

/* A URL in a new temporary directory where nobody listens yet. Valid until the next call. */
const char *rep_double_new_url(void);

/* Where it listens. Valid as long as it runs. */
const char *rep_double_url(const struct rep_double *self);

/* Closes every connection and the listener, frees. */
void rep_double_stop(struct rep_double *self);

/* Waits until `count` requests have come in all; aborts after a minute. */
void rep_double_wait(struct rep_double *self, unsigned count);

/* Asks the handler again for every request it holds. */
void rep_double_release(struct rep_double *self);

/* One reply, OK, with this payload. */
void rep_answer_ok(struct rep_answer *answer, const ProtobufCMessage *payload);

/* One reply of several. */
struct rep_reply {
    Stated__V1__Code code;
    const char *message;
    uint32_t retry_after_ms;
    bool replayed;
    const ProtobufCMessage *payload; /* with code 0 */
};

#define REP_REPLIES 1024

/* A frame with these replies, at most REP_REPLIES. */
void rep_answer_replies(struct rep_answer *answer, const struct rep_reply *replies, size_t n);

/* Any reply frame. */
void rep_answer_frame(struct rep_answer *answer, const Stated__V1__ReplyFrame *frame);

/* Any bytes. */
void rep_answer_bytes(struct rep_answer *answer, const void *bytes, size_t length);

#endif
