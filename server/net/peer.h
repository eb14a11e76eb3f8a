/* Connections: who is there, what they have in flight, and since when they are silent. Knows pipes
   by number only and touches no socket. */
#ifndef STATED_NET_PEER_H
#define STATED_NET_PEER_H

#include "base/list.h"
#include "sched/gate.h"

#include "stated/status.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Room for a peer's description with its NUL. */
#define PEER_NAME_BYTES 64

/* One connection. Counted: the table holds one reference while the connection lives, each frame of
   it one more until its reply has been handed over. So the party outlives its last call. */
struct peer {
    struct gate_party party;
    uint32_t pipe;
    atomic_uint references;
    atomic_uint frames;              /* received, the reply not yet handed over */
    atomic_uint_least64_t active_ns; /* when it came, then when it last completed a request */
    atomic_bool served;              /* has completed a request */
    char name[PEER_NAME_BYTES];      /* for people: an address, or a process and its user */
    struct peer *next;               /* in its bucket; the table's */
    struct list_node node;           /* in the table, then in its list of the gone; the table's */
};

struct peer_table {
    uint32_t max_peers;
    uint32_t bucket_mask;
    atomic_uint count;
    atomic_uint_least64_t admitted;
    atomic_uint_least64_t refused;
    pthread_mutex_t mutex;
    struct {
        struct peer **buckets;
        struct list peers; /* in no particular order */
        struct list gone; /* removed with frames in flight, not yet taken by peer_table_take_gone */
        bool closed;
    } guarded;
};

/* RESOURCE_EXHAUSTED when memory is out. */
enum stated_code peer_table_init(struct peer_table *self, uint32_t max_peers) STATED_MUST_USE;

/* Forgets the connections that are left and frees. No frame may be in flight. */
void peer_table_deinit(struct peer_table *self);

/* Refuses every new connection from now on. Any thread. */
void peer_table_close(struct peer_table *self);

/* A connection has come. False: refuse it, there are too many or the table is closed, or memory is
   out. name is copied. Any thread, never blocks. */
bool peer_table_admit(struct peer_table *self, uint32_t pipe, const char *name,
                      uint64_t now_ns) STATED_MUST_USE;

/* A connection has gone; harmless when it was refused. True: it left frames behind, and
   peer_table_take_gone should be called soon. Any thread, never blocks. */
bool peer_table_remove(struct peer_table *self, uint32_t pipe);

/* One that has gone and left frames behind; to be released by the caller. NULL: no more. */
struct peer *peer_table_take_gone(struct peer_table *self) STATED_MUST_USE;

/* A frame has come: its peer, to be ended with peer_end_frame; NULL when the connection is gone.
   Any thread, never blocks. */
struct peer *peer_begin_frame(struct peer_table *self, uint32_t pipe) STATED_MUST_USE;

/* The frame's reply has been handed over (or, with completed false, given up). The peer may be gone
   afterwards. Any thread, never blocks. */
void peer_end_frame(struct peer *peer, bool completed, uint64_t now_ns);

/* Gives a reference back; frees the peer with the last one. */
void peer_release(struct peer *peer);

struct peer_sweep {
    uint64_t now_ns;
    uint64_t idle_ns;  /* without a completed request for this long, and no frame in flight */
    uint64_t first_ns; /* the same before the first request */
};

/* The most connections that one step of a sweep looks at. */
#define PEER_SWEEP_STEP 128

/* Looks at up to *left connections, those longest not looked at first, takes as many off *left, and
   writes the pipes of the idle ones; returns how many those are. *left is 0 when there are no more.
   Any thread; holds the table's mutex for the step. */
size_t peer_table_sweep(struct peer_table *self, const struct peer_sweep *sweep, size_t *left,
                        uint32_t pipes[PEER_SWEEP_STEP]);

/* When any connection that is there last completed a request; 0 = none did. Any thread. */
uint64_t peer_table_last_active_ns(struct peer_table *self);

#endif
