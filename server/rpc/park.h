/* Parked calls: those of PARK methods that wait for something, without thread, lock or ticket. One
   per server. The public half, for services, is in stated/server.h.

   One thread does everything that happens to a call while it is parked: it resumes those that were
   woken, ends those whose time is over or whose caller has gone. So each ends exactly once, and a
   service never has two threads at the same call. */
#ifndef STATED_RPC_PARK_H
#define STATED_RPC_PARK_H

#include "rpc/call.h"

#include "stated/server.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct park;

struct park_options {
    uint32_t max_calls;
    uint32_t max_party_calls; /* of one connection */
    /* Frames that wait with other calls beside their parked ones: each keeps all its memory, of
       requests and of what has been answered, until its last call is done. */
    uint32_t max_held_frames;
};

/* One call that is parked, or about to be. The park's from park_begin on until it is complete;
   freed with its frame. */
struct stated_parked {
    struct park *park;
    struct stated_parked *next; /* the exchange's: of its frame */
    struct stated_call *call;   /* in its frame's arena, or the copy below */
    struct stated_call own;
    const struct stated_park_ops *ops;
    /* Under the park's mutex. */
    struct list_node node;       /* of all that have begun */
    struct list_node party_node; /* of those of its party */
    struct list_node ready_node; /* of those that the thread has to look at */
    unsigned raised;             /* why it has to */
    bool has_begun;
    bool is_resuming; /* the thread is at it */
    max_align_t memory[];
};

/* Makes a park and starts its thread. RESOURCE_EXHAUSTED when memory or threads run out. */
enum stated_code park_new(const struct park_options *options, struct park **park) STATED_MUST_USE;

/* Ends the thread and frees the park, in which no call may be left. NULL is allowed. */
void park_free(struct park *self);

/* Moves the call out of its frame's arena, into the parked call's own memory, and gives it: nothing
   else of the arena is needed any more. For the only call of a frame, before park_begin. */
struct stated_call *park_take_call(struct stated_parked *parked);

/* A frame of several calls is about to wait for its parked ones, linked by `next`. True:
   park_release_frame, once its reply has been encoded. False: as many wait as may, and those calls
   have failed with RESOURCE_EXHAUSTED and are complete. On the thread that received the frame. */
bool park_hold_frame(struct park *self, struct stated_parked *first) STATED_MUST_USE;
void park_release_frame(struct park *self);

/* Frees the parked calls of a frame, linked by `next`, when its reply has been encoded: what they
   answered may point into their memory. NULL is allowed. */
void park_free_all(struct stated_parked *first);

/* The call is parked from now on; it may be resumed, and its frame answered, before this returns.
   On the thread that received the frame. */
void park_begin(struct park *self, struct stated_parked *parked);

/* The handler wanted its call parked and then failed it: it never was. */
void park_abandon(struct stated_call *call);

/* The party is gone: what it has parked ends, and what it is still parking will. Any thread; never
   blocks. */
void park_cancel_party(struct park *self, struct gate_party *party);

/* Parks nothing more (UNAVAILABLE) and answers what is parked (STATED_WAKE_STOPPING). Any thread.
 */
void park_drain(struct park *self);

/* Waits until no call is parked, at most timeout_ms; after park_drain. True when so. Blocks. */
bool park_wait_idle(struct park *self, uint32_t timeout_ms) STATED_MUST_USE;

/* Calls that are parked. Any thread. */
uint32_t park_count(struct park *self);

#endif
