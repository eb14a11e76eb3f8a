#include "engine/lmdb_scan.h"

static MDB_val to_val(const ProtobufCBinaryData *data)
{
    return (MDB_val){.mv_size = data->len, .mv_data = data->data};
}

static ProtobufCBinaryData to_data(const MDB_val *val)
{
    return (ProtobufCBinaryData){.len = val->mv_size, .data = val->mv_data};
}

int lmdb_lookup(struct lmdb_run *run, const ProtobufCBinaryData *key, struct lmdb_record *record)
{
    MDB_val wanted = to_val(key);
    MDB_val data;
    int rc = mdb_get(run->txn, run->store->tables.state, &wanted, &data);
    if (rc != 0) {
        return rc;
    }
    return lmdb_record_decode(key->data, key->len, data.mv_data, data.mv_size, record)
               ? 0
               : LMDB_RECORD_DAMAGED;
}

static int prepare_cursor(struct lmdb_run *run)
{
    if (run->cursor == NULL) {
        run->cursor_is_old = false;
        return mdb_cursor_open(run->txn, run->store->tables.state, &run->cursor);
    }
    if (!run->cursor_is_old) {
        return 0;
    }
    run->cursor_is_old = false;
    return mdb_cursor_renew(run->txn, run->cursor);
}

static int stop_behind_span(const struct lmdb_scan *self, int rc)
{
    ProtobufCBinaryData key = to_data(&self->key);
    return rc != 0 || key_span_reaches(self->span, &key) ? rc : MDB_NOTFOUND;
}

int lmdb_scan_first(struct lmdb_scan *self, struct lmdb_run *run, const struct key_span *span,
                    const ProtobufCBinaryData *after)
{
    int rc = prepare_cursor(run);
    if (rc != 0) {
        return rc;
    }
    bool continues = after != NULL && after->len > 0 && key_compare(after, &span->start) >= 0;
    const ProtobufCBinaryData *from = continues ? after : &span->start;
    *self = (struct lmdb_scan){.cursor = run->cursor, .span = span, .key = to_val(from)};
    rc = mdb_cursor_get(self->cursor, &self->key, &self->data,
                        from->len == 0 ? MDB_FIRST : MDB_SET_RANGE);
    if (rc == 0 && continues) {
        ProtobufCBinaryData found = to_data(&self->key);
        if (key_compare(&found, after) == 0) {
            return lmdb_scan_next(self);
        }
    }
    return stop_behind_span(self, rc);
}

int lmdb_scan_next(struct lmdb_scan *self)
{
    return stop_behind_span(self, mdb_cursor_get(self->cursor, &self->key, &self->data, MDB_NEXT));
}

bool lmdb_scan_record(const struct lmdb_scan *self, struct lmdb_record *record)
{
    return lmdb_record_decode(self->key.mv_data, self->key.mv_size, self->data.mv_data,
                              self->data.mv_size, record);
}
