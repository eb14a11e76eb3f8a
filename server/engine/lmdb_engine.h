/* What the files of the LMDB engine share: the store, its runs, and how trouble is told.

   Threads: an EXCLUSIVE run belongs to one thread from begin to commit (LMDB's writer lock does);
   the gate lets only one be open. A SHARED run belongs to one thread too; any number are open at
   once. What both sides touch is atomic or under the mutex that names it. */
#ifndef STATED_ENGINE_LMDB_ENGINE_H
#define STATED_ENGINE_LMDB_ENGINE_H

#include "engine/lmdb_changes.h"
#include "engine/lmdb_flusher.h"
#include "engine/lmdb_record.h"
#include "engine/lmdb_refusal.h"
#include "engine/lmdb_space.h"
#include "engine/lmdb_store.h"

#include <limits.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>

enum { LMDB_FORMAT_VERSION = 1 };

/* Beside LMDB's own codes (negative from -30799 on) and errno (positive): a record's checksum does
   not match. */
#define LMDB_RECORD_DAMAGED INT_MIN

struct lmdb_store;

struct lmdb_tables {
    MDB_dbi state;   /* key -> record (lmdb_record.h) */
    MDB_dbi changes; /* revision -> events (lmdb_changes.h) */
    MDB_dbi calls;   /* client and sequence -> answer (lmdb_calls.h) */
    MDB_dbi meta;    /* whose file this is, and struct lmdb_totals (lmdb_meta.c) */
};

/* Figures that every commit writes. */
struct lmdb_totals {
    uint64_t revision;
    uint64_t change_bytes; /* keys and parts of the change log */
    uint64_t answers;      /* stored ones */
    uint64_t answer_bytes;
    uint64_t clients;   /* that have stored answers */
    uint64_t forgotten; /* clients of which only the floor is kept */
    uint64_t stamp;     /* newest place in the order of use */
};

/* What is kept at most. */
struct lmdb_limits {
    uint32_t max_entries; /* of a reply */
    uint64_t max_changes; /* revisions in the change log */
    uint64_t max_change_bytes;
    uint64_t max_clients;
    uint64_t max_client_answers;
    uint64_t max_answer_bytes;
    uint64_t max_forgotten;
};

struct lmdb_run {
    struct lmdb_store *store;
    enum store_mode mode;
    MDB_txn *txn;       /* NULL: not open */
    MDB_cursor *cursor; /* over `state`; NULL until the first scan */
    bool cursor_is_old; /* a SHARED run's cursor is of an earlier transaction: renew it first */
    uint64_t revision;  /* of the state that the run sees */
    int trouble;        /* 0, or the code that broke the transaction */
    struct lmdb_run *next_idle;

    /* The rest is of the EXCLUSIVE run. */
    struct store_op *first; /* its operations in order */
    struct store_op *last;
    struct lmdb_totals totals;         /* as they will be, but for the revision */
    struct lmdb_change_writer changes; /* of the write in hand */
    uint64_t oldest_revision;          /* of the change log */
    uint64_t pages_before;             /* live pages when the transaction began */
    size_t put_bytes;                  /* keys and values put so far */
    bool has_changes;                  /* there is something to commit */
    bool grows;                        /* an operation may have added to the state */
    bool drops_log;                    /* no room to log the write: the log begins anew behind it */
    bool committing;                   /* trouble came from the commit itself */
};

struct lmdb_store {
    struct store store; /* first: what the layers above see */
    MDB_env *env;
    struct lmdb_tables tables;
    struct lmdb_limits limits;
    int lock_fd;
    char *directory;
    char *data_path;
    enum store_durability durability;
    struct lmdb_space space; /* of the thread that has the EXCLUSIVE run */
    struct lmdb_refusal refusal;
    struct lmdb_flusher flusher; /* relaxed mode only */
    struct lmdb_run exclusive;
    struct {
        pthread_mutex_t mutex; /* never held while another lock is taken */
        struct lmdb_run *idle;
    } shared;
    struct {
        atomic_uint_fast64_t
            transaction; /* LMDB's number of the newest commit; 0 while it changes */
        atomic_uint_fast64_t revision;
        atomic_uint_fast64_t keys;
        atomic_uint_fast64_t oldest_revision; /* of the change log */
    } newest;
    struct lmdb_totals totals; /* of the newest commit; of the thread that has the EXCLUSIVE run */
    struct {
        store_committed call; /* NULL: nobody wants to know */
        void *argument;
    } committed;
    struct {
        pthread_mutex_t mutex;
        atomic_bool set; /* the text is final */
        char text[STATED_MESSAGE_BYTES];
    } failure;
};

/* lmdb_run.c: the vtable's members. */
struct store_run *lmdb_run_begin(struct store *store, enum store_mode mode);
void lmdb_run_apply(struct store_run *store_run, struct store_op *op);
enum store_progress lmdb_run_commit(struct store_run *store_run, store_done done, void *argument);
/* Gives op the outcome that LMDB's code means, outside an EXCLUSIVE run. */
void lmdb_run_refuse(struct lmdb_run *run, struct store_op *op, int code);
/* Frees the idle SHARED runs. Nothing may be open. */
void lmdb_run_free_idle(struct lmdb_store *self);

/* lmdb_commit.c: the EXCLUSIVE run's transaction. */

/* Begins it; run->trouble says if that failed. */
void lmdb_commit_open(struct lmdb_run *run);

/* Gives op a clean outcome and response, whatever an earlier attempt left in it. */
void lmdb_commit_reset_op(struct store_op *op);

/* Executes op in the open transaction. LMDB's code, as of lmdb_read and lmdb_write. */
int lmdb_commit_execute(struct lmdb_run *run, struct store_op *op) STATED_MUST_USE;

/* Ends it: afterwards every operation of the run has its outcome. */
void lmdb_commit_finish(struct lmdb_run *run);

/* lmdb_read.c, lmdb_write.c: execute one operation in the run's transaction. 0: op has its outcome.
   Else LMDB's code: the transaction is of no use any more, and op has no outcome. */
int lmdb_read(struct lmdb_run *run, struct store_op *op) STATED_MUST_USE;
int lmdb_write(struct lmdb_run *run, struct store_op *op) STATED_MUST_USE;

/* lmdb_meta.c */

/* Makes the tables in a new file and says in `meta` whose they are. LMDB's code. */
int lmdb_meta_create(MDB_env *env) STATED_MUST_USE;

/* Opens the tables of self->env and reads the revision. DATA_LOSS for a file that is not ours or
   not whole, FAILED_PRECONDITION for a newer format. Changes nothing. */
enum stated_code lmdb_meta_open(struct lmdb_store *self,
                                struct stated_status *status) STATED_MUST_USE;

/* Opens the tables of a file in a transaction. DATA_LOSS when they are not ours or not all there,
   FAILED_PRECONDITION for a newer format. Changes nothing. */
enum stated_code lmdb_meta_open_tables(MDB_txn *txn, const char *path, struct lmdb_tables *tables,
                                       struct stated_status *status) STATED_MUST_USE;

/* Writes the totals into a transaction. LMDB's code. */
int lmdb_meta_put(MDB_txn *txn, MDB_dbi meta_table,
                  const struct lmdb_totals *totals) STATED_MUST_USE;

/* Writes the EXCLUSIVE run's totals and revision into its transaction. LMDB's code. */
int lmdb_meta_put_totals(struct lmdb_run *run) STATED_MUST_USE;

/* The totals that a transaction sees. LMDB's code, or LMDB_RECORD_DAMAGED. */
int lmdb_meta_get_totals(MDB_txn *txn, MDB_dbi meta_table,
                         struct lmdb_totals *totals) STATED_MUST_USE;

/* lmdb_reader.c */

/* Begins a read transaction, or renews one that was reset, that sees one whole state, and says
   which revision's. *txn NULL: none yet; an error may leave one there, reset, for the caller to
   abort or renew. LMDB's code, or LMDB_RECORD_DAMAGED. Any thread; does not wait for writers. */
int lmdb_reader_begin(struct lmdb_store *self, MDB_txn **txn, uint64_t *revision) STATED_MUST_USE;

/* lmdb_trouble.c */

/* What a code means for the one who waits. */
enum lmdb_trouble {
    LMDB_TROUBLE_SPACE, /* the map or the disk is full: nothing changed, smaller work may succeed */
    LMDB_TROUBLE_MEMORY, /* the same for memory */
    LMDB_TROUBLE_DAMAGE, /* the file's structure is broken where this operation looked */
    LMDB_TROUBLE_IO,     /* the disk failed: nothing more is to be trusted to it */
};

/* Which kind of trouble a code of LMDB or errno is. Any thread. */
enum lmdb_trouble lmdb_trouble_of(const struct lmdb_store *self, int code);

/* Sets op's code and message for trouble that is not LMDB_TROUBLE_IO. */
void lmdb_trouble_settle(struct lmdb_store *self, struct store_op *op, int code);

/* The store has failed for good: keeps the first cause, logs it. Any thread. */
void lmdb_trouble_fail(struct lmdb_store *self, const char *what, int code);

/* True once it has. Any thread. */
bool lmdb_trouble_is_final(struct lmdb_store *self);

/* Sets op's outcome: UNAVAILABLE, because the store has failed. */
void lmdb_trouble_refuse(struct lmdb_store *self, struct store_op *op);

/* Sets op's outcome: DATA_LOSS, the key's record is damaged. */
void lmdb_trouble_damaged(struct lmdb_store *self, struct store_op *op, const void *key,
                          size_t key_bytes);

/* Sets op's outcome: RESOURCE_EXHAUSTED, its arena gave out. */
void lmdb_trouble_arena(struct store_op *op);

#endif
