/* Connections: one peer's byte stream, requests out of it into slots, replies out of slots into it.
 */
#ifndef STATED_NET_CONNECTION_H
#define STATED_NET_CONNECTION_H

#include "net/peer.h"
#include "net/share.h"
#include "net/slot.h"

#include "stated/status.h"

#include <nng/nng.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Why a connection was closed; counted. */
enum connection_end {
    CONNECTION_GONE,      /* the peer closed it or is dead, or we are stopping */
    CONNECTION_BROKEN,    /* it does not speak SP REQ, or announced too much */
    CONNECTION_IDLE,      /* no completed request for too long, or a frame that does not go on */
    CONNECTION_SLOW,      /* it does not take its replies */
    CONNECTION_NO_MEMORY, /* ours */
    CONNECTION_ENDS,
};

/* What the connections of a transport share; outlives them. */
struct connection_host {
    struct peer_table *peers;
    struct slot_pool *slots;
    size_t max_body_bytes;
    struct share share;
    /* A peer has come. Any thread; must not block. */
    void (*arrived)(void *context);
    /* A peer has left frames behind. Any thread; must not block. */
    void (*left_frames)(void *context);
    void *context;
    atomic_uint_least64_t ended[CONNECTION_ENDS];
};

/* What a connection receives into: many small frames at a time. A larger one gets what it needs,
   for as long as it lasts. */
#define CONNECTION_BUFFER_BYTES ((size_t)16 << 10)

/* Buffers that one send gathers; NNG takes no more. */
#define CONNECTION_BATCH 8

/* A part of the stream that is being sent. */
struct connection_part {
    const uint8_t *data;
    size_t bytes;
    struct slot *slot; /* whose reply it is; NULL: the greeting */
};

struct connection {
    struct peer peer;
    struct connection_host *host;
    nng_stream *stream;
    bool marked; /* ipc: a mark before each message */

    /* The receiving side: one owner at a time, in turn the receive's callback, and whoever takes a
       connection up again that was parked or waited for a slot. Holds one reference of the peer. */
    nng_aio *receive_aio;
    bool greeted;
    uint8_t *buffer;
    size_t capacity;
    size_t begin; /* of what was received and not yet taken */
    size_t end;
    struct list_node waiting; /* for a slot */

    /* The sending side: one owner at a time, who brought a reply while nobody sent, or the send's
       callback. Holds one reference of the peer while it sends. */
    nng_aio *send_aio;   /* with the callback, for what the socket has no room for */
    nng_aio *direct_aio; /* without one */
    struct connection_part parts[CONNECTION_BATCH];
    size_t n_parts;

    /* The receiving side has more frames to take: their replies wait for each other, a batch of
       them at most, to be sent together. */
    atomic_bool holding;

    pthread_mutex_t mutex;
    atomic_bool closed; /* says what guarded.closing says, to the receiving side in between */
    struct {
        bool closing;       /* nothing is posted any more */
        bool parked;        /* not read on, because of its share */
        uint32_t resume_at; /* frames in flight at which a parked one is read on */
        bool sending;       /* the sending side has an owner */
        struct slot *queue; /* replies that are not being sent yet, oldest first */
        struct slot **queue_end;
        uint32_t n_queued;
    } guarded;
};

/* Takes over a stream that was just accepted: admits the peer, greets it and receives. False:
   refused, or memory is out; the stream is closed. marked: it is ipc. Any thread, never blocks. */
bool connection_open(struct connection_host *host, nng_stream *stream, bool marked);

/* Closes it; harmless when it is closed already. Whoever calls has a reference. Any thread, never
   blocks. */
void connection_close(struct connection *self, enum connection_end end);

/* Waits until no callback of a closed connection runs. Not from a callback. */
void connection_stop(struct connection *self);

/* The exchange of one of its slots is answered: sends the reply. For slot_pool_options.answered. */
void connection_answered(struct exchange *exchange);

/* The frame of one of its slots waits for a parked call. For slot_pool_options.set_aside; false:
   the connection is closed. */
bool connection_set_aside(struct exchange *exchange);

/* For a connection that waited for a slot (its `waiting` node): goes on receiving. */
void connection_resume(struct list_node *waiting);

/* The connection that the peer is a part of. */
struct connection *connection_of_peer(struct peer *peer);

/* For the two halves of the connection alone. */

/* Goes on taking frames out of what has been received. By the owner of the receiving side, which it
   gives on. */
void connection_take_frames(struct connection *self);

/* The callbacks of the two aios; argument is the connection. */
void connection_receive_event(void *argument);
void connection_send_event(void *argument);

/* Sends the replies that were held back, after `holding` has ended. By who has a reference. */
void connection_send_held(struct connection *self);

/* Sends the greeting; the first thing that is sent. */
void connection_send_greeting(struct connection *self);

#endif
