/* What one connection may have in flight, so that it is not in front of those who ask for little:
   what it sends beyond waits in its socket, which costs nobody anything. */
#ifndef STATED_NET_SHARE_H
#define STATED_NET_SHARE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* What a call that came now would wait for. */
struct share_outlook {
    bool is_long;
    bool has_writes;
    uint32_t calls; /* queued or granted, of all connections */
};

/* Any thread; must not block. */
typedef void (*share_look)(void *context, struct share_outlook *outlook);

/* Of all connections of a transport together. */
struct share {
    uint32_t max_frames; /* of a connection */
    share_look look;
    void *context;
    atomic_uintptr_t asked_last;       /* who, 0 = nobody has asked */
    atomic_uint_least64_t changing_ns; /* when somebody else than before asked last; 0 = never */
};

enum share_turn {
    SHARE_NOW,
    SHARE_LATER,   /* its connection is not read on */
    SHARE_REFUSED, /* its calls are refused */
};

/* Nobody has asked yet. look: NULL = never for long, and for no write. */
void share_init(struct share *self, uint32_t max_frames, share_look look, void *context);

/* What is to happen to a frame that has come: its connection has `frames` in flight, with `calls`
   that are queued or granted. A connection beyond its share waits until some are answered; where
   that would take long its frames are refused, so that the peer knows at once, as many again at
   most: one that does not take the refusals is not read on either. While others ask as well the
   share is less, but for two cases: where a write is queued or granted, whose commit what comes may
   share; and where answers take long for other reasons than its own calls, so that overload is
   refused and not kept waiting. connection: its address. Any thread; does not block. */
enum share_turn share_take_turn(struct share *self, const void *connection, uint32_t frames,
                                uint32_t calls);

#endif
