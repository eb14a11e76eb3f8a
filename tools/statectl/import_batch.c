#include "statectl/import_batch.h"

#include "statectl/memory.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* Of one mutation around its key and value, at most. */
enum { ENTRY_OVERHEAD_BYTES = 32 };

void import_batch_init(struct import_batch *self, size_t most_entries, size_t most_bytes)
{
    *self = (struct import_batch){.request = STATED__V1__WRITE_REQUEST__INIT,
                                  .mutations = memory_new(most_entries, sizeof *self->mutations),
                                  .puts = memory_new(most_entries, sizeof *self->puts),
                                  .digests = memory_new(most_entries, sizeof *self->digests),
                                  .most_entries = most_entries,
                                  .most_bytes = most_bytes};
    self->request.mutations = memory_new(most_entries, sizeof *self->request.mutations);
    for (size_t i = 0; i < most_entries; i++) {
        stated__v1__mutation__init(&self->mutations[i]);
        stated__v1__put__init(&self->puts[i]);
        self->mutations[i].kind_case = STATED__V1__MUTATION__KIND_PUT;
        self->mutations[i].put = &self->puts[i];
        self->request.mutations[i] = &self->mutations[i];
    }
}

void import_batch_deinit(struct import_batch *self)
{
    import_batch_clear(self);
    free(self->request.mutations);
    free(self->digests);
    free(self->puts);
    free(self->mutations);
}

static bool has_digest(const struct import_batch *self, uint64_t digest)
{
    for (size_t i = 0; i < self->request.n_mutations; i++) {
        if (self->digests[i] == digest) {
            return true;
        }
    }
    return false;
}

/* The key and behind it the value, in one block that starts with the key. */
static void copy_entry(Stated__V1__Put *put, ProtobufCBinaryData key, ProtobufCBinaryData value)
{
    uint8_t *block = memory_new(key.len + value.len, 1);
    memcpy(block, key.data, key.len);
    if (value.len > 0) {
        memcpy(block + key.len, value.data, value.len);
    }
    put->key = (ProtobufCBinaryData){.data = block, .len = key.len};
    put->value = (ProtobufCBinaryData){.data = block + key.len, .len = value.len};
}

bool import_batch_add(struct import_batch *self, ProtobufCBinaryData key, ProtobufCBinaryData value,
                      uint64_t line)
{
    size_t n = self->request.n_mutations;
    size_t bytes = key.len + value.len + ENTRY_OVERHEAD_BYTES;
    uint64_t digest = XXH3_64bits(key.data, key.len);
    if (n == self->most_entries || (n > 0 && self->bytes + bytes > self->most_bytes) ||
        has_digest(self, digest)) {
        return false;
    }
    copy_entry(&self->puts[n], key, value);
    self->digests[n] = digest;
    self->bytes += bytes;
    self->first_line = n == 0 ? line : self->first_line;
    self->last_line = line;
    self->request.n_mutations++;
    return true;
}

size_t import_batch_size(const struct import_batch *self)
{
    return self->request.n_mutations;
}

void import_batch_clear(struct import_batch *self)
{
    for (size_t i = 0; i < self->request.n_mutations; i++) {
        free(self->puts[i].key.data);
    }
    self->request.n_mutations = 0;
    self->bytes = 0;
    self->due_ns = 0;
    self->give_up_ns = 0;
}

bool import_batch_overlaps(const struct import_batch *self, const struct import_batch *other)
{
    for (size_t i = 0; i < self->request.n_mutations; i++) {
        if (has_digest(other, self->digests[i])) {
            return true;
        }
    }
    return false;
}
