/* The interface to an engine: what keeps the state. The handlers above see nothing else of it.

   Work comes in runs. begin a run, apply operations in ticket order, commit it. A SHARED run sees
   one committed state and changes nothing; an EXCLUSIVE run is one transaction with one commit: a
   read in it sees the writes before it, and no result counts before commit has completed.

   commit may complete later and from another thread. So results are read only after completion: an
   engine over a distributed store may fill them then. The LMDB engine fills them at apply. */
#ifndef STATED_STATE_STORE_H
#define STATED_STATE_STORE_H

#include "rpc/arena.h"

#include "stated/status.h"
#include "stated/v1/state.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;
struct store_run;

enum store_mode { STORE_SHARED, STORE_EXCLUSIVE };

/* What an engine can do beyond runs; what it cannot is answered UNIMPLEMENTED. */
enum store_capability {
    STORE_CAN_CHANGES = 1 << 0,      /* a change log: Watch and history */
    STORE_CAN_EXACTLY_ONCE = 1 << 1, /* remembers replies by client and sequence */
    STORE_CAN_SNAPSHOT = 1 << 2,
};

enum store_kind { STORE_READ, STORE_WRITE };

/* Who numbered a write, so that it happens once however often it is sent: a write whose number has
   been applied already is answered with the first answer. Zeroed: the write has no number. */
struct store_once {
    const uint8_t *client_id; /* 16 bytes, alive as long as the operation; NULL: no number */
    uint64_t sequence;        /* from 1; 0: no number */
    uint64_t acked_below;     /* the client has the answers of all its sequences below this */
    uint64_t request_hash;    /* of the request's bytes: a write sent again has the same */
};

/* One operation of a run; embedded in struct stated_call, alive until the run has completed. The
   request is already valid (state/validate.h): an engine fails only for reasons of storage or of
   what the state holds (an Add on a value that is no number). */
struct store_op {
    enum store_kind kind;
    union {
        const Stated__V1__ReadRequest *read;
        const Stated__V1__WriteRequest *write;
    };
    union {
        Stated__V1__ReadResponse *read_response; /* initialised; the engine fills it from `arena` */
        Stated__V1__WriteResponse *write_response;
    };
    struct store_once once;    /* of a WRITE */
    bool replayed;             /* the engine's: the answer is that of an earlier, identical write */
    struct arena *arena;       /* for everything the response points at */
    size_t max_response_bytes; /* a read stops (more = true) before its encoding grows past this */
    enum stated_code code;     /* the outcome, OK unless the engine says otherwise */
    const char *message;       /* with code: static, or in the arena; "" when OK */
    struct store_op *next;     /* the engine's own, links the run's operations */
};

struct store_status {
    const char *engine;     /* static */
    const char *durability; /* static */
    const char *directory;  /* the store's, as long as it is open; "" when it keeps no files */
    uint64_t revision;
    uint64_t keys;
    uint64_t file_bytes;
    uint64_t size_limit_bytes;
    uint64_t live_bytes;          /* of the file: in use; the rest is free for what comes */
    uint64_t retention_revisions; /* that the change log keeps at most */
    uint64_t retention_bytes;
    uint64_t remembered_clients; /* at most: whose numbered writes are known */
    uint64_t remembered_writes;  /* at most, of each */
    uint64_t oldest_revision;    /* that the change log still has; the next one when it has none */
    uint32_t format_version;
    bool failed; /* storage failed for good: every operation is UNAVAILABLE, stop the server */
    const char
        *failure; /* with failed: what happened, for people; else "". Lives as long as the store */
    char refusal[STATED_MESSAGE_BYTES]; /* why writes that add are refused; "" while there is room
                                         */
};

/* A look into the change log. */
struct store_changes {
    const Stated__V1__Selector *select; /* valid (state/validate.h) */
    uint64_t from_revision;             /* 0: from the next one */
    uint32_t limit;                     /* events; 0: the engine's */
    uint32_t max_revisions;             /* looked at, whether selected or not; 0: all there are */
    bool keys_only;                     /* events have no values and no previous entry */
    size_t max_response_bytes;
    struct arena *arena;                 /* for everything the response points at */
    Stated__V1__WatchResponse *response; /* initialised; the engine fills it */
    enum stated_code code;
    const char *message; /* static, or in the arena; "" when OK */
};

/* What a snapshot or a check has seen. */
struct store_contents {
    uint64_t revision;
    uint64_t keys;
    uint64_t oldest_revision; /* of the change log */
    uint64_t stored_replies;
    uint64_t file_bytes;
};

/* The one who asked for something that takes long. */
struct store_task {
    /* Called now and then, on the operation's thread; permille: how far it is. False: it is to
       stop, and ends with CANCELLED as if it had failed. */
    bool (*go_on)(void *argument, unsigned permille);
    void *argument;
};

/* Revisions up to `revision` are committed and can be read. */
typedef void (*store_committed)(void *argument, uint64_t revision);

enum store_progress {
    STORE_COMPLETE, /* the run has completed; done is not called */
    STORE_PENDING,  /* done is called exactly once, later, on a thread of the engine's choice */
};

typedef void (*store_done)(void *argument);

/* Each member may be called from any thread unless it says otherwise. */
struct store_ops {
    uint32_t capabilities;

    /* Starts a run. EXCLUSIVE runs are never begun while another one is open (the gate's lock);
       SHARED ones may overlap with anything. A failure to start is reported by every operation of
       the run, so that there is one path for errors; NULL only when memory is out. Does not block
       beyond disk. */
    struct store_run *(*begin)(struct store *self, enum store_mode mode);

    /* Adds op to the run, in ticket order. In a SHARED run op must be a READ. May execute it at
     * once. */
    void (*apply)(struct store_run *run, struct store_op *op);

    /* Ends the run: on completion every op has its final code and response. An op whose outcome
       cannot be known (a failed sync) has code UNKNOWN. The run is gone afterwards. */
    enum store_progress (*commit)(struct store_run *run, store_done done, void *argument);

    /* Figures for Status. Never blocks on a writer. */
    void (*read_status)(struct store *self, struct store_status *status);

    /* Reads the change log: events of selected keys from a revision on, whole revisions in order,
       until `limit` events, the bytes or max_revisions are reached. next_revision is where to go
       on: nothing is left out or repeated. A revision with more events than `limit` comes whole all
       the same; when it does not fit the bytes, its events' previous values are left out; when it
       does not fit even so, RESOURCE_EXHAUSTED names it. OUT_OF_RANGE: the log does not go back
       that far, and the message names its oldest revision, or the revision is still to come. Blocks
       on disk at most. With STORE_CAN_CHANGES. */
    void (*read_changes)(struct store *self, struct store_changes *changes);

    /* From now on calls `committed` after each commit that made revisions, on the thread that
       committed, with no lock held; it must not block. Before the first run. With
       STORE_CAN_CHANGES. */
    void (*notify)(struct store *self, store_committed committed, void *argument);

    /* Writes a snapshot of the newest committed state into a new file, mode 0600. It is not synced:
       who keeps it does that, and a file that goes over the wire shall not keep writers from the
       disk. Goes on beside runs. When it fails, no file is left: INVALID_ARGUMENT (there is one
       already), RESOURCE_EXHAUSTED (no room), PERMISSION_DENIED, UNAVAILABLE (I/O), DATA_LOSS (the
       state itself is damaged), CANCELLED (task, which may be NULL, wanted it so). Blocks long:
       never on a worker. With STORE_CAN_SNAPSHOT. */
    enum stated_code (*snapshot)(struct store *self, const char *path,
                                 const struct store_task *task, struct store_contents *contents,
                                 struct stated_status *status);

    /* Looks at everything that the newest committed state consists of, beside runs. DATA_LOSS and
       the first finding when something is wrong; CANCELLED as above. Blocks long: never on a
       worker. With STORE_CAN_SNAPSHOT. */
    enum stated_code (*check)(struct store *self, const struct store_task *task,
                              struct store_contents *contents, struct stated_status *status);

    /* No run will be begun any more: flushes what the durability mode still owes. When that fails,
       `failed` has been called by the end of this, and nothing calls it later. NULL: nothing is
       ever owed. Blocks on disk. */
    void (*settle)(struct store *self);

    /* Flushes what is still owed, closes files and frees. No run may be open. */
    void (*close)(struct store *self);
};

/* The first member of every engine's own struct. */
struct store {
    const struct store_ops *ops;
    /* Set by the server before the first run. The engine calls it once, from any thread and with no
       lock held, when it can no longer promise anything (a sync failed): the server logs it and
       stops with a non-zero status. reason is static or the store's. */
    void (*failed)(void *context, const char *reason);
    void *failed_context;
};

#endif
