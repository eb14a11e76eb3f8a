/* A channel: a byte stream to one endpoint that is dialled again whenever it breaks, and the frames
   that are on their way over it. */
#ifndef STATED_CLIENT_CHANNEL_H
#define STATED_CLIENT_CHANNEL_H

#include "alarm.h"
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

/* Frames of up to this size are sent together; a larger one alone, from where it is. */
#define CHANNEL_BATCH_BYTES ((size_t)16 << 10)

/* What is received into; grows for a larger message, for as long as it lasts. */
#define CHANNEL_BUFFER_BYTES ((size_t)16 << 10)

/* The first pause between two attempts to dial; doubles up to the longest. */
#define CHANNEL_RETRY_MIN_MS 10
#define CHANNEL_RETRY_MAX_MS 1000

struct channel {
    char *endpoint;
    bool marked; /* ipc: a mark before each message */
    uint64_t max_message_bytes;
    nng_stream_dialer *dialer;
    nng_aio *dial;

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
        struct list unsent;  /* in the order of their submission */
        struct list sent;    /* the same */
        struct slot **by_id; /* buckets */
        uint32_t n_buckets;  /* a power of two */
        uint32_t next_id;
        struct alarm deadlines; /* of asynchronous slots; set while there is one */
        struct alarm retry;
        uint32_t retry_ms;      /* the next pause between two attempts to dial */
        int failure;            /* why the last attempt did not lead to UP; NNG's error */
        pthread_cond_t changed; /* of state and failure, and when a shut channel has come to rest */
    } guarded;
};

/* Dials `endpoint`, which was checked before and is copied. Waits up to connect_timeout_ms for the
   connection, and no longer than until the first attempt fails; 0 does not wait. On failure nothing
   is left open: UNAVAILABLE or PERMISSION_DENIED names the endpoint and what to do. max_slots: as
   many are submitted at a time. */
enum stated_code channel_open(struct channel *self, const char *endpoint,
                              uint64_t max_message_bytes, uint32_t connect_timeout_ms,
                              uint32_t max_slots, struct stated_status *status) STATED_MUST_USE;

/* True while a connection is there. Any thread. */
bool channel_is_connected(struct channel *self);

/* Sends the slot's frame once there is a connection and gives it the outcome: the reply, or that
   the connection broke, or of an asynchronous one that its deadline has passed. False when the
   channel is shut. Any thread; does not block. */
bool channel_submit(struct channel *self, struct slot *slot) STATED_MUST_USE;

/* Takes a slot back that has no outcome yet: true, and whether its frame may have left. False when
   the outcome is being handed over. Any thread. */
bool channel_withdraw(struct channel *self, struct slot *slot, bool *sent) STATED_MUST_USE;

/* Ends everything on its way with NNG_ECLOSED, on a thread of NNG. Returns at once. */
void channel_shut(struct channel *self);

/* Waits until a shut channel has come to rest, and frees. */
void channel_deinit(struct channel *self);

/* For the parts of the channel alone, all under the lock unless said otherwise. */

/* The connection is of no use: its sent slots go to `lost`, to be finished without the lock. */
void channel_drop_connection(struct channel *self, int failure, struct list *lost);

/* A side has ended: false in `receiving` or `sending`. Dials again when both have. */
void channel_leave_connection(struct channel *self);

/* Takes the slot off the lists. */
void channel_remove(struct channel *self, struct slot *slot);

/* Posts the send of the greeting, which is what is sent first. */
void channel_send_greeting(struct channel *self);

/* Posts the next send if there is a connection, frames wait and nothing is being sent. */
void channel_send_next(struct channel *self);

/* Posts a receive. */
void channel_receive_more(struct channel *self);

/* Gives every slot of the list this outcome. Without the lock. */
void channel_finish_all(struct list *slots, const struct outcome *outcome);

/* The callbacks of send, receive and the deadlines; argument is the channel. Without the lock. */
void channel_on_sent(void *argument);
void channel_on_received(void *argument);
void channel_on_deadline(void *argument);

#endif
