/* Peers: who is connected, what they have in flight, and since when they are silent, stuck or slow.
   Knows no socket: a connection embeds its peer. */
#ifndef STATED_NET_PEER_H
#define STATED_NET_PEER_H

#include "base/list.h"
#include "sched/gate.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for a peer's description with its NUL. */
#define PEER_NAME_BYTES 64

struct peer_table;

/* Counted. The table holds one reference until the peer leaves, each of its frames one until its
   reply is gone, and the connection one for each operation under way. So the party outlives its
   last call. */
struct peer {
    struct gate_party party;
    char name[PEER_NAME_BYTES]; /* for people: an address, or a process and its user */
    struct peer_table *table;
    void (*destroy)(struct peer *self); /* the last reference has been given back */
    atomic_uint references;
    atomic_uint frames; /* received, the reply not yet gone; without those set aside */
    atomic_uint aside;  /* the same, of frames that wait for a parked call */
    atomic_bool served; /* has had a reply */
    /* Monotonic times; 0 = not so now. */
    atomic_uint_least64_t active_ns;  /* when it came, then when it last had a reply */
    atomic_uint_least64_t partial_ns; /* an unfinished frame: when its last bytes came */
    atomic_uint_least64_t sending_ns; /* an unfinished send: when its last bytes went */
    struct list_node node;            /* the table's */
    struct list_node gone_node;       /* the table's */
};

/* The limits a sweep checks. */
struct peer_limits {
    uint64_t idle_ns;    /* without a frame in flight, since its last reply */
    uint64_t first_ns;   /* without a frame in flight, before its first reply */
    uint64_t partial_ns; /* without a byte more of an unfinished frame */
    uint64_t sending_ns; /* without taking a byte more of an unfinished reply */
};

enum peer_fault { PEER_FINE, PEER_IDLE, PEER_STALLED, PEER_SLOW };

struct peer_table {
    uint32_t max_peers;
    atomic_uint count; /* that have not left */
    atomic_uint_least64_t admitted;
    atomic_uint_least64_t refused;
    pthread_mutex_t mutex;
    struct {
        struct list present; /* by `node`; swept in turn */
        struct list left;    /* by `node`; somebody still holds them */
        struct list taken;   /* by `node`; peer_table_take_next gave them out */
        struct list gone;    /* by `gone_node`; left with frames in flight, not yet taken */
        bool closed;
    } guarded;
};

/* An empty table. */
void peer_table_init(struct peer_table *self, uint32_t max_peers);

/* No peer may be left in it. */
void peer_table_deinit(struct peer_table *self);

/* Refuses every new peer from now on. Any thread. */
void peer_table_close(struct peer_table *self);

/* Makes a peer, in the connection's memory, and takes it in. name is copied. False: refuse the
   connection, there are too many or the table is closed; nothing is kept then. Any thread, never
   blocks. */
bool peer_admit(struct peer *self, struct peer_table *table, const char *name,
                void (*destroy)(struct peer *self), uint64_t now_ns);

/* The connection is closed; once per peer. Gives the table's reference back, at once or, when
   frames are in flight, by way of peer_table_take_gone. True in that case: that should be called
   soon. Any thread, never blocks. */
bool peer_leave(struct peer *self);

/* One that has left with frames in flight; the reference is the caller's. NULL: no more. */
struct peer *peer_table_take_gone(struct peer_table *self);

/* One more reference, for somebody who has one already. Any thread. */
void peer_acquire(struct peer *self);

/* Destroys the peer with the last reference. Any thread, never blocks. */
void peer_release(struct peer *self);

/* A frame has come: holds the peer until peer_end_frame. */
void peer_begin_frame(struct peer *self);

/* A frame that has begun waits for a parked call: it counts apart. On the thread that received it.
   Whoever closes the peer afterwards sees that it leaves frames behind. */
void peer_set_aside(struct peer *self);

/* The frame's reply is gone, or (with answered false) will never be sent. The peer may be
 * destroyed. */
void peer_end_frame(struct peer *self, bool answered, uint64_t now_ns);

/* The same for a frame that was set aside. */
void peer_end_aside(struct peer *self, bool answered, uint64_t now_ns);

/* The most peers that one step of a sweep looks at. */
#define PEER_SWEEP_STEP 128

struct peer_finding {
    struct peer *peer; /* a reference of the receiver's */
    enum peer_fault fault;
};

/* Looks at up to *to_do peers, those longest not looked at first, takes as many off *to_do, and
   says which are at fault; returns how many. *to_do is 0 when there are no more. Any thread; holds
   the table's mutex for the step. */
size_t peer_table_sweep(struct peer_table *self, const struct peer_limits *limits, uint64_t now_ns,
                        size_t *to_do, struct peer_finding findings[PEER_SWEEP_STEP]);

/* For taking everything apart: each peer that is not destroyed yet, whether it has left or not,
   once, with a reference of the caller's; NULL: that was all. */
struct peer *peer_table_take_next(struct peer_table *self);

/* When any peer that is there last had a reply; 0 = none had. Any thread. */
uint64_t peer_table_last_active_ns(struct peer_table *self);

#endif
