/* A channel: a byte stream to one of several servers, dialled again whenever it breaks, and the
   calls that are on their way over it. */
#ifndef STATED_CLIENT_CHANNEL_H
#define STATED_CLIENT_CHANNEL_H

#include "alarm.h"
#include "cancel.h"
#include "coalesce.h"
#include "flight.h"
#include "framing.h"
#include "numbering.h"
#include "retry.h"
#include "slot.h"

#include "base/list.h"
#include "stated/status.h"

#include <nng/nng.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* DOWN -> DIALING -> GREETING -> UP; a failure at any stage leads to DOWN, where the retry alarm
   dials again; closing leads to SHUT, from everywhere. */
enum channel_state { CHANNEL_DOWN, CHANNEL_DIALING, CHANNEL_GREETING, CHANNEL_UP, CHANNEL_SHUT };

/* Frames of up to this size are sent together; a larger one alone. */
#define CHANNEL_BATCH_BYTES ((size_t)64 << 10)

/* What is received into; grows for a larger message, for as long as it lasts. */
#define CHANNEL_BUFFER_BYTES ((size_t)64 << 10)

/* The first pause between two attempts to dial; doubles up to the longest. */
#define CHANNEL_RETRY_MIN_MS 10
#define CHANNEL_RETRY_MAX_MS 1000

struct channel_options {
    ProtobufCAllocator *memory; /* outlives the channel */
    const char *endpoints;      /* with commas between them; copied */
    uint32_t connect_timeout_ms;
    uint64_t max_message_bytes;
    uint32_t max_calls; /* sent at a time */
    uint32_t try_timeout_ms;
    bool numbers; /* gives writes their sequences */
    struct coalesce_rules coalesce;
    struct retry_policy retry;
    void (*on_news)(void *argument); /* without a lock held: channel_take_news has some */
    void *news_argument;
};

/* One of the servers. */
struct channel_endpoint {
    char *url;
    bool marked; /* ipc: a mark before each message */
    nng_stream_dialer *dialer;
};

/* The connection came up, or was lost, or could not be had for a new reason. */
struct channel_news {
    bool connected;
    const char *endpoint; /* as long as the channel */
    struct stated_status why;
};

struct channel {
    struct channel_options options;
    struct channel_endpoint *endpoints;
    size_t n_endpoints;
    nng_aio *dial;

    bool marked; /* of the endpoint that is connected; set before either side begins */

    /* The receiving side: one receive at a time, and its callback. */
    nng_aio *receive;
    bool greeted;
    uint8_t *input;
    size_t input_capacity;
    size_t input_begin; /* of what was received and not yet taken */
    size_t input_end;
    /* The sending side: whoever found `sending` false and set it, and then the send's callback. */
    nng_aio *send;
    uint8_t *batch; /* CHANNEL_BATCH_BYTES */
    uint8_t *large; /* a frame on its own, or NULL; ours to free */
    const uint8_t *output;
    size_t output_bytes;

    pthread_mutex_t lock;
    struct {
        enum channel_state state;
        nng_stream *stream; /* GREETING, UP, and until both sides have left it */
        bool receiving;
        bool sending;
        bool dialing;        /* its callback is to come */
        size_t endpoint;     /* that is dialled or connected */
        uint32_t finishing;  /* callbacks of ours that have not returned */
        struct list unsent;  /* in the order in which they are to be sent */
        struct list resting; /* to be sent again later */
        struct list ending;  /* cancelled */
        struct flights flights;
        uint32_t n_sent; /* calls in flights */
        struct coalesce_rules coalesce;
        struct numbering numbering;
        bool plain;         /* this server keeps no record of sequences */
        uint32_t random;    /* of pauses */
        struct alarm timer; /* deadlines of asynchronous calls, rests, tries */
        struct alarm retry;
        uint32_t retry_ms;                    /* the next pause between two attempts to dial */
        uint8_t said[FRAMING_GREETING_BYTES]; /* by a peer that did not greet as it should */
        int failure;       /* why the last attempt did not lead to UP; NNG's error */
        bool round_failed; /* no endpoint has answered since the connection was lost */
        bool connected;    /* what the news are about */
        bool news;         /* not taken yet */
        bool announced;    /* on_news was called for it, or is about to be */
        const char *news_endpoint;
        int news_failure;
        bool telling;           /* somebody who has taken the news tells them */
        pthread_cond_t changed; /* of state and failure, and when a shut channel has come to rest */
    } guarded;
};

/* Dials the endpoint, which was checked before. Waits up to connect_timeout_ms for the connection,
   and no longer than until the first attempt fails; 0 does not wait. On failure nothing is left
   open: UNAVAILABLE or PERMISSION_DENIED names the endpoint and what to do. */
enum stated_code channel_open(struct channel *self, const struct channel_options *options,
                              struct stated_status *status) STATED_MUST_USE;

/* Which endpoint is dialled or connected, whether a connection is there, and whether as many calls
   as may be are on their way. Any thread. */
void channel_look(struct channel *self, const char **endpoint, bool *connected, bool *busy);

/* The newest state of the connection, if it was not taken yet and nobody tells an older one just
   now. Whoever has taken it tells it, calls the second function, and looks again. Any thread. */
bool channel_take_news(struct channel *self, struct channel_news *news) STATED_MUST_USE;
void channel_told_news(struct channel *self);

/* Sends the slot's call once there is a connection, again if that may help, and gives it the
   outcome; of an asynchronous one also that its deadline has passed. 0, or NNG_ECLOSED when the
   channel is shut, NNG_ECANCELED when the call's handle was cancelled. Any thread; does not block.
 */
int channel_submit(struct channel *self, struct slot *slot) STATED_MUST_USE;

/* Between the two, what this thread submits waits, and leaves together at the end. */
void channel_cork(struct channel *self);
void channel_uncork(struct channel *self);

/* Ends the calls of the handle with NNG_ECANCELED, on a thread of NNG, now and when they are
   submitted. Any thread; returns at once. */
void channel_cancel(struct channel *self, struct stated_cancel *cancel);

/* The handle is no longer the one of any call. Any thread. */
void channel_forget_cancel(struct channel *self, struct stated_cancel *cancel);

/* Takes a slot back whose time is over and that has no outcome yet: true, and the outcome is set.
   False when the outcome is being handed over. Any thread. */
bool channel_withdraw(struct channel *self, struct slot *slot) STATED_MUST_USE;

/* Ends everything on its way with NNG_ECLOSED, on a thread of NNG. Returns at once. */
void channel_shut(struct channel *self);

/* Waits until a shut channel has come to rest: every call has been finished, and no callback of
   ours runs any more. */
void channel_join(struct channel *self);

/* Frees a channel at rest. */
void channel_deinit(struct channel *self);

/* For the parts of the channel alone, all under the lock unless said otherwise. */

/* Where calls go that are taken off the lists. */
struct channel_settled {
    struct list done;  /* with their outcomes, to be finished without the lock */
    struct list again; /* to be sent once more, in order */
};

/* Nothing is settled yet. Without the lock. */
void channel_settled_init(struct channel_settled *self);

/* Puts what is to be sent again in front of what waits, and sends. `done` stays: channel_finish is
   to follow. */
void channel_resend(struct channel *self, struct channel_settled *settled);

/* Finishes what is done, tells the news. Without the lock. Calls that its callbacks issue leave
 * together. */
void channel_finish(struct channel *self, struct channel_settled *settled);

/* The connection is of no use: its sent calls are settled. */
void channel_drop_connection(struct channel *self, int failure, struct channel_settled *settled);

/* The attempt to connect to this endpoint has failed: on to the next one. */
void channel_fail_attempt(struct channel *self, int failure);

/* There is news: connected to the current endpoint, or not for this reason. */
void channel_note_news(struct channel *self, bool connected, int failure);

/* A side has ended: false in `receiving` or `sending`. Dials again when both have. */
void channel_leave_connection(struct channel *self);

/* Takes the slot off its list, and its flight off the table if that was its last call. */
void channel_remove(struct channel *self, struct slot *slot);

/* The call has this outcome: off its list, its sequence is settled, to `done`. */
void channel_end(struct channel *self, struct slot *slot, const struct outcome *outcome,
                 struct channel_settled *settled);

/* The call's try has brought this reply; it has been taken off its flight. */
void channel_judge_reply(struct channel *self, struct slot *slot, const struct reply_view *reply,
                         bool shared, struct channel_settled *settled);

/* The call's try has brought no reply, for this reason. */
void channel_judge_loss(struct channel *self, struct slot *slot, int error,
                        struct channel_settled *settled);

/* To be sent again, without pause; alone: in a frame of its own. */
void channel_again(struct channel *self, struct slot *slot, bool alone,
                   struct channel_settled *settled);

/* Posts the send of the greeting, which is what is sent first. */
void channel_send_greeting(struct channel *self);

/* Posts the next send if there is a connection, calls wait, frames may leave and nothing is being
   sent. */
void channel_send_next(struct channel *self);

/* Posts a receive. */
void channel_receive_more(struct channel *self);

/* What a reply frame, or one that is too large for us, says about the calls of a flight, which is
   over. */
void channel_settle_flight(struct channel *self, struct flight *flight, const uint8_t *body,
                           size_t length, struct channel_settled *settled);
void channel_settle_too_large(struct channel *self, struct flight *flight, uint64_t reply_bytes,
                              struct channel_settled *settled);

/* The callbacks of send, receive and the timer; argument is the channel. Without the lock. */
void channel_on_sent(void *argument);
void channel_on_received(void *argument);
void channel_on_timer(void *argument);

#endif
