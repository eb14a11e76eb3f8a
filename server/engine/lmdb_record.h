/* How a key's record looks in the `state` table.

   A record is the checksum, create_revision, mod_revision and version, 8 bytes each, little endian,
   and then the value. The checksum is XXH64 over everything behind it, seeded with XXH64 of the
   key: LMDB has no checksums, and a record under a wrong key is as wrong as a damaged one. */
#ifndef STATED_ENGINE_LMDB_RECORD_H
#define STATED_ENGINE_LMDB_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LMDB_RECORD_HEADER_BYTES = 32 };

/* A decoded record; the value is borrowed from the encoded one. */
struct lmdb_record {
    uint64_t create_revision;
    uint64_t mod_revision;
    uint64_t version;
    const void *value;
    size_t value_bytes;
};

/* Writes the record to out, LMDB_RECORD_HEADER_BYTES + value_bytes of room. Pure. */
void lmdb_record_encode(void *out, const void *key, size_t key_bytes,
                        const struct lmdb_record *record);

/* False when the bytes are no intact record of that key. Pure. */
bool lmdb_record_decode(const void *key, size_t key_bytes, const void *data, size_t data_bytes,
                        struct lmdb_record *record);

#endif
