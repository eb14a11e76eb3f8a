/* Requests of the state service, built piece by piece in an arena. Whoever gives an arena owns what
   comes back; running out of memory fails the test. Text arguments are NUL-terminated. */
#ifndef STATED_TESTS_REQUESTS_H
#define STATED_TESTS_REQUESTS_H

#include "rpc/arena.h"

#include "stated/v1/state.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A copy of the bytes. */
ProtobufCBinaryData request_bytes(struct arena *arena, const void *data, size_t length);
ProtobufCBinaryData request_text(struct arena *arena, const char *text);
/* `length` times `byte`. */
ProtobufCBinaryData request_fill(struct arena *arena, char byte, size_t length);

/* Selectors; an `end` of "" is open. */
Stated__V1__Selector *select_key(struct arena *arena, const char *key);
Stated__V1__Selector *select_key_bytes(struct arena *arena, ProtobufCBinaryData key);
Stated__V1__Selector *select_prefix(struct arena *arena, const char *prefix);
Stated__V1__Selector *select_range(struct arena *arena, const char *start, const char *end);
Stated__V1__Selector *select_range_bytes(struct arena *arena, ProtobufCBinaryData start,
                                         ProtobufCBinaryData end);

/* Guards. */
Stated__V1__Guard *guard_exists(struct arena *arena, const char *key, bool exists);
Stated__V1__Guard *guard_revision(struct arena *arena, const char *key, uint64_t mod_revision);
Stated__V1__Guard *guard_version(struct arena *arena, const char *key, uint64_t version);
Stated__V1__Guard *guard_value(struct arena *arena, const char *key, const char *value);

/* Mutations. */
Stated__V1__Mutation *mutation_put(struct arena *arena, const char *key, const char *value);
Stated__V1__Mutation *mutation_put_bytes(struct arena *arena, ProtobufCBinaryData key,
                                         ProtobufCBinaryData value);
Stated__V1__Mutation *mutation_add(struct arena *arena, const char *key, int64_t delta);
Stated__V1__Mutation *mutation_delete(struct arena *arena, Stated__V1__Selector *selector);

/* A write without anything, and what makes it grow; the last two return it. */
Stated__V1__WriteRequest *write_new(struct arena *arena);
Stated__V1__WriteRequest *write_guard(struct arena *arena, Stated__V1__WriteRequest *write,
                                      Stated__V1__Guard *guard);
Stated__V1__WriteRequest *write_mutation(struct arena *arena, Stated__V1__WriteRequest *write,
                                         Stated__V1__Mutation *mutation);

/* A read without anything, and what makes it grow; the second returns it. */
Stated__V1__ReadRequest *read_new(struct arena *arena);
Stated__V1__ReadRequest *read_select(struct arena *arena, Stated__V1__ReadRequest *read,
                                     Stated__V1__Selector *selector);

#endif
