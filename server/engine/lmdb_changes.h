/* The change log: what every write changed, by revision, in the `changes` table.

   A write whose events would take more than half of what the log may have is not logged: the log
   then begins anew behind it, and whoever watches is told so. Without that, a state that is full
   could not be emptied.

   A key is the revision and a part number, big endian: a write that changes much has several parts.
   A part is a checksum, seeded with its key, and then events one after the other: a fixed head,
   the key, the value, the previous value. */
#ifndef STATED_ENGINE_LMDB_CHANGES_H
#define STATED_ENGINE_LMDB_CHANGES_H

#include "engine/lmdb_record.h"
#include "state/store.h"

#include <lmdb.h>

struct lmdb_run;

enum {
    LMDB_CHANGES_KEY_BYTES = 12,
    LMDB_CHANGES_CHECKSUM_BYTES = 8, /* at the beginning of a part */
    LMDB_CHANGES_HEAD_BYTES = 56,    /* of an event, beside key and values */
};

/* One event, decoded; all of it borrowed from the part. */
struct lmdb_change {
    ProtobufCBinaryData key;
    bool is_delete;
    bool has_previous;
    struct lmdb_record record; /* of a PUT */
    struct lmdb_record previous;
};

/* Collects the events of the write that is being planned. In place, zeroed, in the EXCLUSIVE run.
 */
struct lmdb_change_writer {
    uint8_t *bytes;
    size_t used;
    size_t capacity;
    uint32_t part;         /* that comes next */
    uint64_t write_bytes;  /* of the write so far */
    bool is_dropped;       /* the write is too large for the log, which begins anew behind it */
    uint64_t logged_bytes; /* by this run */
    uint64_t logged_parts;
};

/* A new write begins. */
void lmdb_changes_begin(struct lmdb_run *run);

/* The write puts `record` at the key, or deletes it (NULL); previous: what was there, or NULL. May
   change the `changes` table. LMDB's code. */
int lmdb_changes_add(struct lmdb_run *run, const ProtobufCBinaryData *key,
                     const struct lmdb_record *record,
                     const struct lmdb_record *previous) STATED_MUST_USE;

/* The write will be applied: logs what is left. LMDB's code. */
int lmdb_changes_end(struct lmdb_run *run) STATED_MUST_USE;

/* The write will not be applied: takes back what has been logged. LMDB's code. */
int lmdb_changes_discard(struct lmdb_run *run) STATED_MUST_USE;

/* Drops old revisions beyond retention: a little more than the run has added. LMDB's code. */
int lmdb_changes_trim(struct lmdb_run *run) STATED_MUST_USE;

/* The oldest revision that the log has whole, as the transaction sees it; the one behind `newest`
   when the log is empty. LMDB's code. */
int lmdb_changes_oldest(MDB_txn *txn, MDB_dbi changes_table, uint64_t newest,
                        uint64_t *revision) STATED_MUST_USE;

/* 0 when the log, unless it is empty, ends with the newest revision; LMDB_RECORD_DAMAGED otherwise.
   LMDB's code. */
int lmdb_changes_check_newest(MDB_txn *txn, MDB_dbi changes_table, uint64_t newest) STATED_MUST_USE;

/* The vtable's member. */
void lmdb_changes_read(struct store *store, struct store_changes *changes);

/* lmdb_change_codec.c. All pure. */

/* The key of a part. */
void lmdb_changes_make_key(uint8_t key[LMDB_CHANGES_KEY_BYTES], uint64_t revision, uint32_t part);

/* Writes an event: HEAD_BYTES, the key and both values. record NULL: a delete; previous NULL: none.
 */
void lmdb_changes_encode(uint8_t *out, const ProtobufCBinaryData *key,
                         const struct lmdb_record *record, const struct lmdb_record *previous);

/* Writes the checksum into the beginning of a part that is complete. */
void lmdb_changes_seal(const uint8_t key[LMDB_CHANGES_KEY_BYTES], uint8_t *part, size_t bytes);

/* Takes a part apart. first: at its beginning, *at is 0. OK and the next event; NOT_FOUND at the
   end; DATA_LOSS when the part is damaged. */
enum stated_code lmdb_changes_decode(const MDB_val *key, const MDB_val *part, size_t *at,
                                     struct lmdb_change *change) STATED_MUST_USE;

/* The revision and part of a key of the table; false when it is none. */
bool lmdb_changes_decode_key(const MDB_val *key, uint64_t *revision, uint32_t *part);

/* False when the part's checksum does not match. */
bool lmdb_changes_is_intact(const MDB_val *key, const MDB_val *part);

/* Frees what the writer holds. */
/* Frees what the writer keeps between writes. */
void lmdb_changes_free(struct lmdb_change_writer *self);

#endif
