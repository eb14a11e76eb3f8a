/* Writing a batch, and telling which of its conditions does not hold. */
#include "kv_batch.h"
#include "kv_entry.h"
#include "kv_request.h"

#include "escape.h"

#include <inttypes.h>
#include <string.h>

void kv_batch_forget_current(struct stated_kv_batch *self)
{
    kv_arena_clear(&self->current_arena);
    self->current = NULL;
    self->n_current = 0;
}

/* Keeps how the guarded keys are. False when memory is out. */
static bool keep_current(struct stated_kv_batch *self, const Stated__V1__WriteResponse *response)
{
    struct kv_arena *arena = &self->current_arena;
    self->current = kv_arena_take(arena, response->n_current * sizeof(*self->current));
    for (size_t i = 0; self->current != NULL && i < response->n_current; i++) {
        void *block = kv_arena_take(arena, kv_entry_block_bytes(response->current[i]));
        if (block == NULL) {
            return false;
        }
        self->current[self->n_current++] = kv_entry_fill(block, response->current[i]);
    }
    return self->current != NULL;
}

static bool is_same(struct stated_bytes a, struct stated_bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

const struct stated_kv_entry *stated_kv_batch_current(struct stated_kv_batch *batch,
                                                      struct stated_bytes key)
{
    for (size_t i = 0; batch != NULL && i < batch->n_current; i++) {
        if (is_same(batch->current[i]->key, key)) {
            return batch->current[i];
        }
    }
    return NULL;
}

static struct stated_bytes bytes_of(ProtobufCBinaryData data)
{
    return (struct stated_bytes){data.data, data.len};
}

static bool holds(const Stated__V1__Guard *guard, const struct stated_kv_entry *now)
{
    switch (guard->must_case) {
    case STATED__V1__GUARD__MUST_EXISTS:
        return (now != NULL) == (guard->exists != 0);
    case STATED__V1__GUARD__MUST_MOD_REVISION:
        return now != NULL && now->mod_revision == guard->mod_revision;
    default:
        return now != NULL && is_same(now->value, bytes_of(guard->value));
    }
}

/* Names a condition that does not hold. */
static enum stated_code say_which(const Stated__V1__Guard *guard, size_t index,
                                  const struct stated_kv_entry *now, struct stated_status *status)
{
    char key[ESCAPE_BYTES];
    escape_bytes(key, guard->key.data, guard->key.len);
    if (now == NULL) {
        return kv_say(status, STATED_ABORTED,
                      "nothing was written: condition %zu does not hold: there is no key \"%s\"",
                      index, key);
    }
    switch (guard->must_case) {
    case STATED__V1__GUARD__MUST_EXISTS:
        return kv_say(status, STATED_ABORTED,
                      "nothing was written: condition %zu does not hold: \"%s\" is there, at "
                      "revision %" PRIu64,
                      index, key, now->mod_revision);
    case STATED__V1__GUARD__MUST_MOD_REVISION:
        return kv_say(status, STATED_ABORTED,
                      "nothing was written: condition %zu does not hold: \"%s\" is at revision "
                      "%" PRIu64 ", not %" PRIu64,
                      index, key, now->mod_revision, guard->mod_revision);
    default:
        return kv_say(status, STATED_ABORTED,
                      "nothing was written: condition %zu does not hold: \"%s\" has another value, "
                      "of revision %" PRIu64,
                      index, key, now->mod_revision);
    }
}

static enum stated_code explain(struct stated_kv_batch *self,
                                const Stated__V1__WriteResponse *response,
                                struct stated_status *status)
{
    if (!keep_current(self, response)) {
        kv_batch_forget_current(self);
        return kv_say(status, STATED_RESOURCE_EXHAUSTED,
                      "nothing was written, and no memory to tell how the keys are");
    }
    for (size_t i = 0; i < self->request.n_guards; i++) {
        const Stated__V1__Guard *guard = self->request.guards[i];
        const struct stated_kv_entry *now = stated_kv_batch_current(self, bytes_of(guard->key));
        if (!holds(guard, now)) {
            return say_which(guard, i, now, status);
        }
    }
    return kv_say(status, STATED_ABORTED, "nothing was written: a condition does not hold");
}

static enum stated_code check(const struct stated_client *client,
                              const struct stated_kv_batch *batch, struct stated_status *status)
{
    enum stated_code code = kv_check_pointer(client, "client", status);
    if (code == STATED_OK && batch == NULL) {
        code = stated_status_set(status, STATED_RESOURCE_EXHAUSTED,
                                 "the batch is NULL: there was no memory for it");
    }
    if (code == STATED_OK && batch->failure.code != STATED_OK) {
        code = stated_status_set(status, batch->failure.code, "%s", batch->failure.message);
    }
    return code;
}

enum stated_code stated_kv_batch_write(struct stated_client *client, struct stated_kv_batch *batch,
                                       const struct stated_kv_options *options, uint64_t *revision,
                                       struct stated_status *status)
{
    Stated__V1__WriteResponse *response;
    kv_set(revision, 0);
    enum stated_code code = check(client, batch, status);
    if (code != STATED_OK) {
        return code;
    }
    kv_batch_forget_current(batch);
    code = kv_write_run(client, &batch->request, options == NULL ? 0 : options->timeout_ms,
                        &response, status);
    if (code != STATED_OK) {
        return code;
    }
    if (response->applied) {
        kv_set(revision, response->revision);
    } else {
        code = explain(batch, response, status);
    }
    kv_free_write(client, response);
    return code;
}
