/* One Read: its selectors in the order given, until a bound of the reply is reached. */
#include "engine/entry_list.h"
#include "engine/lmdb_scan.h"

#include "escape.h"

struct reading {
    struct lmdb_run *run;
    struct store_op *op;
    const Stated__V1__ReadRequest *request;
    struct entry_list list;
    size_t limit;
    uint64_t count; /* with count_only */
    bool more;
    bool is_over; /* the reply is full, or the operation has failed */
};

static void refuse_too_large(struct reading *self, const MDB_val *key, size_t cost)
{
    char shown[ESCAPE_BYTES];
    self->op->code = STATED_RESOURCE_EXHAUSTED;
    self->op->message = arena_format(
        self->op->arena,
        "the entry of \"%s\" needs %zu bytes, the reply may have %zu; ask for keys_only, or raise "
        "the server's message limit",
        escape_bytes(shown, key->mv_data, key->mv_size), cost,
        self->list.max_bytes > self->list.bytes ? self->list.max_bytes - self->list.bytes : 0);
}

/* Adds one matching key, or ends the reading. */
static void add(struct reading *self, const MDB_val *key, const struct lmdb_record *record)
{
    size_t value_bytes = self->request->keys_only ? 0 : record->value_bytes;
    size_t cost = entry_list_cost(key->mv_size, value_bytes, record);
    bool has_room = entry_list_has_room(&self->list, cost);
    if (self->list.n == self->limit || (!has_room && self->list.n > 0)) {
        self->more = true;
        self->is_over = true;
    } else if (!has_room) {
        refuse_too_large(self, key, cost);
        self->is_over = true;
    } else if (!entry_list_append(&self->list, key->mv_data, key->mv_size, record,
                                  self->request->keys_only)) {
        lmdb_trouble_arena(self->op);
        self->is_over = true;
    }
}

static void add_damaged(struct reading *self, const MDB_val *key)
{
    lmdb_trouble_damaged(self->run->store, self->op, key->mv_data, key->mv_size);
    self->is_over = true;
}

static int read_key(struct reading *self, const ProtobufCBinaryData *key)
{
    struct lmdb_record record;
    int rc = lmdb_lookup(self->run, key, &record);
    MDB_val shown = {.mv_size = key->len, .mv_data = key->data};
    if (rc == LMDB_RECORD_DAMAGED) {
        add_damaged(self, &shown);
        return 0;
    }
    if (rc != 0) {
        return rc == MDB_NOTFOUND ? 0 : rc;
    }
    if (self->request->count_only) {
        self->count++;
    } else {
        add(self, &shown, &record);
    }
    return 0;
}

static int read_span(struct reading *self, const struct key_span *span)
{
    struct lmdb_scan scan;
    int rc = lmdb_scan_first(&scan, self->run, span, &self->request->after);
    while (rc == 0) {
        struct lmdb_record record;
        if (lmdb_scan_record(&scan, &record)) {
            add(self, &scan.key, &record);
        } else {
            add_damaged(self, &scan.key);
        }
        if (self->is_over) {
            return 0;
        }
        rc = lmdb_scan_next(&scan);
    }
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Counts without looking at records; the whole state is counted by LMDB already. */
static int count_span(struct reading *self, const struct key_span *span)
{
    bool is_everything = span->start.len == 0 && span->kind != KEY_SPAN_BEFORE;
    if (is_everything && self->request->after.len == 0) {
        MDB_stat stat;
        int rc = mdb_stat(self->run->txn, self->run->store->tables.state, &stat);
        self->count += rc == 0 ? stat.ms_entries : 0;
        return rc;
    }
    struct lmdb_scan scan;
    int rc = lmdb_scan_first(&scan, self->run, span, &self->request->after);
    while (rc == 0) {
        self->count++;
        rc = lmdb_scan_next(&scan);
    }
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int read_selector(struct reading *self, const Stated__V1__Selector *selector)
{
    if (selector->kind_case == STATED__V1__SELECTOR__KIND_KEY) {
        return read_key(self, &selector->key);
    }
    struct key_span span = key_span_of_selector(selector);
    return self->request->count_only ? count_span(self, &span) : read_span(self, &span);
}

int lmdb_read(struct lmdb_run *run, struct store_op *op)
{
    const Stated__V1__ReadRequest *request = op->read;
    struct reading self = {.run = run, .op = op, .request = request};
    bool is_limited = request->limit != 0 && request->limit < run->store->limits.max_entries;
    self.limit = is_limited ? request->limit : run->store->limits.max_entries;
    entry_list_init(&self.list, op->arena, op->max_response_bytes);
    for (size_t i = 0; !self.is_over && i < request->n_select; i++) {
        int rc = read_selector(&self, request->select[i]);
        if (rc != 0) {
            return rc;
        }
    }
    Stated__V1__ReadResponse *response = op->read_response;
    response->entries = self.list.entries;
    response->n_entries = self.list.n;
    response->count = request->count_only ? self.count : self.list.n;
    response->more = self.more;
    response->revision = run->revision;
    return 0;
}
