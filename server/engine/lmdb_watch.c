/* Reading the change log for a watch: whole revisions, so that a revision is where to go on. */
#include "engine/lmdb_changes.h"
#include "engine/lmdb_engine.h"
#include "engine/numbers.h"
#include "state/key_span.h"

#include <inttypes.h>
#include <string.h>

/* What a WatchResponse needs beside its events, and an event beside its own bytes, at most. */
enum { RESPONSE_BYTES = 16, EVENT_TAG_BYTES = 6 };

enum { FIRST_CAPACITY = 8 };

/* What of the events the reply has. */
enum wanted { WANTED_ALL, WANTED_NO_PREVIOUS_VALUES, WANTED_KEYS };

struct watching {
    struct lmdb_run *run;
    struct store_changes *changes;
    struct key_span span;
    MDB_cursor *cursor;
    Stated__V1__Event **events;
    size_t n;
    size_t capacity;
    size_t bytes; /* of the encoded reply so far */
    size_t limit;
    enum wanted wanted;
    bool is_full; /* an event did not fit the bytes */
};

static void fail(struct watching *self, enum stated_code code, const char *message)
{
    self->changes->code = code;
    self->changes->message = message;
}

static bool grow(struct watching *self)
{
    size_t capacity = self->capacity == 0 ? FIRST_CAPACITY : 2 * self->capacity;
    Stated__V1__Event **events =
        arena_alloc(self->changes->arena, capacity * sizeof(Stated__V1__Event *));
    if (events == NULL) {
        return false;
    }
    if (self->n > 0) {
        memcpy(events, self->events, self->n * sizeof(Stated__V1__Event *));
    }
    self->events = events;
    self->capacity = capacity;
    return true;
}

/* An event with its two entries, in one piece of the arena. */
struct whole_event {
    Stated__V1__Event event;
    Stated__V1__Entry entry;
    Stated__V1__Entry previous;
};

static void set_entry(Stated__V1__Entry *entry, const ProtobufCBinaryData *key,
                      const struct lmdb_record *record, size_t value_bytes)
{
    union {
        const void *borrowed; /* only read, by the encoder and by copy_out */
        uint8_t *data;
    } value = {.borrowed = record->value};
    stated__v1__entry__init(entry);
    entry->key = *key;
    entry->value = (ProtobufCBinaryData){.len = value_bytes, .data = value.data};
    entry->create_revision = record->create_revision;
    entry->mod_revision = record->mod_revision;
    entry->version = record->version;
}

static void set_event(struct whole_event *whole, const struct lmdb_change *change,
                      enum wanted wanted)
{
    stated__v1__event__init(&whole->event);
    whole->event.type = change->is_delete ? STATED__V1__EVENT__TYPE__TYPE_DELETE
                                          : STATED__V1__EVENT__TYPE__TYPE_PUT;
    set_entry(&whole->entry, &change->key, &change->record,
              wanted == WANTED_KEYS ? 0 : change->record.value_bytes);
    whole->event.entry = &whole->entry;
    if (change->has_previous && wanted != WANTED_KEYS) {
        set_entry(&whole->previous, &change->key, &change->previous,
                  wanted == WANTED_ALL ? change->previous.value_bytes : 0);
        whole->event.previous = &whole->previous;
    }
}

static bool copy_bytes(struct arena *arena, ProtobufCBinaryData *bytes)
{
    uint8_t *copy = arena_copy(arena, bytes->data, bytes->len);
    bytes->data = copy;
    return copy != NULL;
}

/* The event as the reply keeps it; NULL when the arena gives out. */
static Stated__V1__Event *copy_out(struct arena *arena, const struct whole_event *whole)
{
    struct whole_event *copy = arena_alloc(arena, sizeof(*copy));
    if (copy == NULL) {
        return NULL;
    }
    *copy = *whole;
    copy->event.entry = &copy->entry;
    bool is_copied = copy_bytes(arena, &copy->entry.key) && copy_bytes(arena, &copy->entry.value);
    if (whole->event.previous != NULL) {
        copy->event.previous = &copy->previous;
        copy->previous.key = copy->entry.key;
        is_copied = is_copied && copy_bytes(arena, &copy->previous.value);
    }
    return is_copied ? &copy->event : NULL;
}

static bool is_selected(const struct watching *self, const ProtobufCBinaryData *key)
{
    return key_compare(key, &self->span.start) >= 0 && key_span_reaches(&self->span, key);
}

static void add(struct watching *self, const struct lmdb_change *change)
{
    struct whole_event whole;
    set_event(&whole, change, self->wanted);
    size_t bytes = EVENT_TAG_BYTES + stated__v1__event__get_packed_size(&whole.event);
    if (bytes > self->changes->max_response_bytes - self->bytes) {
        self->is_full = true;
        return;
    }
    Stated__V1__Event *event = copy_out(self->changes->arena, &whole);
    if (event == NULL || (self->n == self->capacity && !grow(self))) {
        fail(self, STATED_RESOURCE_EXHAUSTED,
             "the call has used up its memory; ask for fewer events");
        return;
    }
    self->events[self->n++] = event;
    self->bytes += bytes;
}

static bool is_over(const struct watching *self)
{
    return self->is_full || self->changes->code != STATED_OK;
}

static void add_part(struct watching *self, const MDB_val *key, const MDB_val *part)
{
    struct lmdb_change change;
    size_t at = 0;
    enum stated_code code = lmdb_changes_is_intact(key, part) ? STATED_OK : STATED_DATA_LOSS;
    while (code == STATED_OK && !is_over(self)) {
        code = lmdb_changes_decode(key, part, &at, &change);
        if (code == STATED_OK && is_selected(self, &change.key)) {
            add(self, &change);
        }
    }
    if (code == STATED_DATA_LOSS) {
        fail(self, code,
             arena_format(self->changes->arena,
                          "the change log of revision %" PRIu64 " in %s is damaged; restore a "
                          "snapshot, or watch from a later revision",
                          get_key_u64(key->mv_data), self->run->store->data_path));
    }
}

/* Adds the revision's parts, or nothing of it. LMDB's code. */
static int add_revision(struct watching *self, uint64_t revision)
{
    size_t n = self->n;
    size_t bytes = self->bytes;
    uint8_t start[LMDB_CHANGES_KEY_BYTES] = {0};
    put_key_u64(start, revision);
    MDB_val key = {.mv_size = sizeof(start), .mv_data = start};
    MDB_val part;
    int rc = mdb_cursor_get(self->cursor, &key, &part, MDB_SET_RANGE);
    uint64_t found;
    uint32_t number;
    while (rc == 0 && lmdb_changes_decode_key(&key, &found, &number) && found == revision) {
        add_part(self, &key, &part);
        if (is_over(self)) {
            self->n = n;
            self->bytes = bytes;
            return 0;
        }
        rc = mdb_cursor_get(self->cursor, &key, &part, MDB_NEXT);
    }
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static void refuse_too_large(struct watching *self, uint64_t revision)
{
    fail(self, STATED_RESOURCE_EXHAUSTED,
         arena_format(self->changes->arena,
                      "revision %" PRIu64 " changed more than the %zu bytes a reply may have; "
                      "read the keys, and watch from revision %" PRIu64,
                      revision, self->changes->max_response_bytes, revision + 1));
}

/* A revision that is too large even for an empty reply comes without previous values. */
static int add_first(struct watching *self, uint64_t revision)
{
    self->is_full = false;
    self->wanted = self->changes->keys_only ? WANTED_KEYS : WANTED_NO_PREVIOUS_VALUES;
    int rc = add_revision(self, revision);
    self->wanted = self->changes->keys_only ? WANTED_KEYS : WANTED_ALL;
    if (rc == 0 && self->is_full) {
        refuse_too_large(self, revision);
    }
    return rc;
}

static int add_revisions(struct watching *self, uint64_t from)
{
    uint64_t next = from;
    uint64_t last = self->run->revision;
    uint64_t most = self->changes->max_revisions;
    if (most > 0 && from <= last && last - from >= most) {
        last = from + most - 1;
    }
    while (next <= last && self->n < self->limit) {
        bool is_empty = self->n == 0;
        int rc = add_revision(self, next);
        if (rc == 0 && self->is_full && is_empty) {
            rc = add_first(self, next);
        }
        if (rc != 0 || self->changes->code != STATED_OK) {
            return rc;
        }
        if (self->is_full) {
            break;
        }
        next++;
    }
    Stated__V1__WatchResponse *response = self->changes->response;
    response->events = self->events;
    response->n_events = self->n;
    response->next_revision = next;
    return 0;
}

/* OK when the log has `from`, or it is the next to come. */
static bool check_from(struct watching *self, uint64_t from, uint64_t oldest)
{
    if (from > self->run->revision + 1) {
        fail(self, STATED_OUT_OF_RANGE,
             arena_format(self->changes->arena,
                          "revision %" PRIu64 " is still to come, the newest is %" PRIu64
                          "; watch from 0 for what comes next",
                          from, self->run->revision));
    } else if (from < oldest) {
        fail(self, STATED_OUT_OF_RANGE,
             arena_format(self->changes->arena,
                          "the change log does not go back to revision %" PRIu64
                          ", its oldest is %" PRIu64 "; read the keys, and watch from there",
                          from, oldest));
    }
    return self->changes->code == STATED_OK;
}

static int watch(struct watching *self)
{
    uint64_t oldest;
    uint64_t from = self->changes->from_revision;
    int rc = lmdb_changes_oldest(self->run->txn, self->run->store->tables.changes,
                                 self->run->revision, &oldest);
    if (rc != 0) {
        return rc;
    }
    from = from == 0 ? self->run->revision + 1 : from;
    if (!check_from(self, from, oldest)) {
        return 0;
    }
    rc = mdb_cursor_open(self->run->txn, self->run->store->tables.changes, &self->cursor);
    if (rc == 0) {
        rc = add_revisions(self, from);
        mdb_cursor_close(self->cursor);
    }
    return rc;
}

void lmdb_changes_read(struct store *store, struct store_changes *changes)
{
    struct lmdb_store *owner = (struct lmdb_store *)store;
    struct watching self = {
        .changes = changes,
        .span = key_span_of_selector(changes->select),
        .bytes = RESPONSE_BYTES,
        .wanted = changes->keys_only ? WANTED_KEYS : WANTED_ALL,
        .limit = changes->limit != 0 && changes->limit < owner->limits.max_entries
                     ? changes->limit
                     : owner->limits.max_entries,
    };
    changes->code = STATED_OK;
    changes->message = "";
    stated__v1__watch_response__init(changes->response);
    struct lmdb_run *run = (struct lmdb_run *)lmdb_run_begin(store, STORE_SHARED);
    if (run == NULL) {
        fail(&self, STATED_RESOURCE_EXHAUSTED, "the server is out of memory; try again later");
        return;
    }
    /* Failures are told through an operation's outcome, as those of reads are. */
    struct store_op op = {.arena = changes->arena, .message = ""};
    self.run = run;
    if (changes->max_response_bytes < RESPONSE_BYTES) {
        self.bytes = changes->max_response_bytes;
    }
    int rc = lmdb_trouble_is_final(owner) ? MDB_PANIC : run->trouble;
    rc = rc == 0 ? watch(&self) : rc;
    if (rc != 0) {
        lmdb_run_refuse(run, &op, rc);
        fail(&self, op.code, op.message);
    }
    (void)lmdb_run_commit((struct store_run *)run, NULL, NULL);
}
