/* One frame on its way through the server, from receive to reply. Knows no transport: a slot of
   server/net/ owns it, another transport could as well. */
#ifndef STATED_RPC_EXCHANGE_H
#define STATED_RPC_EXCHANGE_H

#include "rpc/arena.h"
#include "sched/gate.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dispatch;
struct stated_call;
struct stated_parked;

struct exchange {
    struct dispatch *dispatch;
    struct arena arena;
    struct gate_party *party;
    const uint8_t *client_id;  /* of the frame, in the arena; NULL: it names none */
    uint64_t acked_below;      /* of the frame */
    struct stated_call *calls; /* in the arena, or the only one, parked */
    size_t n_calls;
    struct stated_parked *parked; /* of the frame, by `next`; freed with it */
    bool is_held;                 /* the park counts the frame among those of several calls */
    atomic_size_t open_calls;     /* without an outcome yet, plus one while begin runs */
    enum stated_code frame_code;  /* not OK: the frame as a whole was refused, with frame_message */
    const char *frame_message;
    bool over_share; /* set before begin: its party has its share in flight, so its calls that would
                        take their turn are refused */
    /* The transport's: every call has its outcome; encode the reply and send it. Called exactly
       once per begin, on whatever thread finished the last call, possibly before begin returns. */
    void (*answered)(struct exchange *self);
    /* The transport's, once per frame at most, within begin: the frame will wait for a parked call,
       so it should not count as one that is being worked on. False: the caller has gone, nobody
       will want an answer. NULL: it does not care. */
    bool (*set_aside)(struct exchange *self);
};

/* In place, for reuse over many frames. Takes no memory yet. */
void exchange_init(struct exchange *self, struct dispatch *dispatch,
                   void (*answered)(struct exchange *self));

/* Frees what it holds. No frame may be in it. */
void exchange_deinit(struct exchange *self);

/* Takes the frame apart and starts its calls; leads to exactly one answered(). The body is not
   needed after this returns. party: whose share it counts against; outlives the exchange's frame.
   Any thread; never blocks. */
void exchange_begin(struct exchange *self, const uint8_t *body, size_t length,
                    struct gate_party *party);

/* From answered() on: the bytes of the reply frame, and the frame itself into `out`. */
size_t exchange_reply_size(struct exchange *self);
void exchange_put_reply(struct exchange *self, uint8_t *out);

/* How large the response message of a call of this frame may be, packed: a read gets what the reply
   frame can hold (and is refused later if its neighbours leave too little); a write, whose reply
   must not be refused once it has taken effect, an equal share, and so does a call that parks. */
size_t exchange_response_share(const struct exchange *self, const struct stated_call *call);

/* For struct stated_call: one more call has its outcome. The exchange may be answered and used
   again before this returns. */
void exchange_call_done(struct exchange *self);

/* After the reply has been encoded: forgets the frame, ready for the next begin. */
void exchange_reset(struct exchange *self);

#endif
