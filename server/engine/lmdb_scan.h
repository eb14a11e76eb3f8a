/* Keys and records of the `state` table as one run sees them. */
#ifndef STATED_ENGINE_LMDB_SCAN_H
#define STATED_ENGINE_LMDB_SCAN_H

#include "engine/lmdb_engine.h"
#include "state/key_span.h"

/* Walks a span in key order. key and data are LMDB's, valid until the run changes something. */
struct lmdb_scan {
    MDB_cursor *cursor;
    const struct key_span *span;
    MDB_val key;
    MDB_val data;
};

/* The key's record. MDB_NOTFOUND, LMDB_RECORD_DAMAGED, or LMDB's code. */
int lmdb_lookup(struct lmdb_run *run, const ProtobufCBinaryData *key,
                struct lmdb_record *record) STATED_MUST_USE;

/* Goes to the span's first key, or with `after` (may be NULL or empty) to the first one behind
   that. The span is borrowed. MDB_NOTFOUND when there is none, or LMDB's code. */
int lmdb_scan_first(struct lmdb_scan *self, struct lmdb_run *run, const struct key_span *span,
                    const ProtobufCBinaryData *after) STATED_MUST_USE;

/* Goes to the next key, also when the current one has just been deleted. As above. */
int lmdb_scan_next(struct lmdb_scan *self) STATED_MUST_USE;

/* False when the record is damaged. */
bool lmdb_scan_record(const struct lmdb_scan *self, struct lmdb_record *record) STATED_MUST_USE;

#endif
