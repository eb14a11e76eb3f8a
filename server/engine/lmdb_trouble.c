#include "engine/lmdb_engine.h"

#include "base/log.h"
#include "escape.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum lmdb_trouble lmdb_trouble_of(const struct lmdb_store *self, int code)
{
    switch (code) {
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return LMDB_TROUBLE_SPACE;
    case EIO:
        return lmdb_space_explains(self) ? LMDB_TROUBLE_SPACE : LMDB_TROUBLE_IO;
    case ENOMEM:
    case MDB_READERS_FULL:
        return LMDB_TROUBLE_MEMORY;
    case LMDB_RECORD_DAMAGED:
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_CURSOR_FULL:
    case MDB_PAGE_FULL:
    case MDB_BAD_TXN:
    case MDB_INCOMPATIBLE:
        return LMDB_TROUBLE_DAMAGE;
    default:
        return LMDB_TROUBLE_IO;
    }
}

static void settle_full(struct lmdb_store *self, struct store_op *op, int code)
{
    char text[STATED_MESSAGE_BYTES];
    lmdb_refusal_explain(self, code, text, sizeof(text));
    op->code = STATED_RESOURCE_EXHAUSTED;
    op->message = arena_format(op->arena, "%s", text);
}

void lmdb_trouble_settle(struct lmdb_store *self, struct store_op *op, int code)
{
    switch (lmdb_trouble_of(self, code)) {
    case LMDB_TROUBLE_SPACE:
        settle_full(self, op, code);
        return;
    case LMDB_TROUBLE_MEMORY:
        op->code = STATED_RESOURCE_EXHAUSTED;
        op->message = arena_format(op->arena, "the server is out of memory (%s); try again later",
                                   mdb_strerror(code));
        return;
    default:
        op->code = STATED_DATA_LOSS;
        op->message =
            arena_format(op->arena, "%s is damaged (%s); restore a snapshot or check the disk",
                         self->data_path, mdb_strerror(code));
        return;
    }
}

void lmdb_trouble_fail(struct lmdb_store *self, const char *what, int code)
{
    pthread_mutex_lock(&self->failure.mutex);
    bool is_first = !self->failure.set;
    if (is_first) {
        struct stated_status text;
        (void)stated_status_set(&text, STATED_UNAVAILABLE, "%s %s failed: %s", what,
                                self->data_path, mdb_strerror(code));
        memcpy(self->failure.text, text.message, sizeof(self->failure.text));
        self->failure.set = true;
    }
    pthread_mutex_unlock(&self->failure.mutex);
    if (is_first) {
        log_error("storage failed, the state takes no more requests: %s", self->failure.text);
        if (self->store.failed != NULL) {
            self->store.failed(self->store.failed_context, self->failure.text);
        }
    }
}

bool lmdb_trouble_is_final(struct lmdb_store *self)
{
    return self->failure.set;
}

void lmdb_trouble_refuse(struct lmdb_store *self, struct store_op *op)
{
    op->code = STATED_UNAVAILABLE;
    op->message = self->failure.text;
}

void lmdb_trouble_damaged(struct lmdb_store *self, struct store_op *op, const void *key,
                          size_t key_bytes)
{
    char shown[ESCAPE_BYTES];
    op->code = STATED_DATA_LOSS;
    op->message =
        arena_format(op->arena,
                     "the record of \"%s\" in %s is damaged: its checksum does not match; "
                     "restore a snapshot, or delete the key",
                     escape_bytes(shown, key, key_bytes), self->data_path);
}

void lmdb_trouble_arena(struct store_op *op)
{
    op->code = STATED_RESOURCE_EXHAUSTED;
    op->message = "the call has used up its memory; ask for fewer or smaller entries";
}
