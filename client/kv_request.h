/* What the kv layer asks: requests on the caller's stack over the caller's bytes, their checks, and
   the calls themselves. */
#ifndef STATED_CLIENT_KV_REQUEST_H
#define STATED_CLIENT_KV_REQUEST_H

#include "kv_range.h"

#include "stated/kv.h"
#include "stated/v1/state.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A key's longest, in bytes (source: stated/v1/state.proto). */
enum { KV_MAX_KEY_BYTES = 480 };

/* As protobuf-c has them; it only reads them. */
ProtobufCBinaryData kv_data(struct stated_bytes bytes);

/* INVALID_ARGUMENT when there is no client, or no pointer where there must be one; name is the
   argument's. */
enum stated_code kv_check_pointer(const void *pointer, const char *name,
                                  struct stated_status *status) STATED_MUST_USE;

/* INVALID_ARGUMENT unless these are bytes; name is the argument's. */
enum stated_code kv_check_bytes(struct stated_bytes bytes, const char *name,
                                struct stated_status *status) STATED_MUST_USE;

/* INVALID_ARGUMENT unless these are the bytes of a key. */
enum stated_code kv_check_key(struct stated_bytes key,
                              struct stated_status *status) STATED_MUST_USE;

/* All of these that a function with a client and a key needs. */
enum stated_code kv_check(const struct stated_client *client, struct stated_bytes key,
                          struct stated_status *status) STATED_MUST_USE;

/* The same for one and a value. */
enum stated_code kv_check_put(const struct stated_client *client, struct stated_bytes key,
                              struct stated_bytes value,
                              struct stated_status *status) STATED_MUST_USE;

/* *number = value, if there is one. */
static inline void kv_set(uint64_t *number, uint64_t value)
{
    if (number != NULL) {
        *number = value;
    }
}

/* Sets code and message, and leaves the call's place in the order as it is. Returns code. */
enum stated_code kv_say(struct stated_status *status, enum stated_code code, const char *format,
                        ...) STATED_PRINTF(3, 4);

/* Of a read, beside its selector. */
struct kv_read {
    struct stated_bytes after;
    uint32_t timeout_ms; /* 0 = the client's */
    uint32_t limit;
    bool keys_only;
    bool count_only;
    bool committed;
};

/* Reads. *response is the caller's on OK and NULL otherwise. Blocks. */
enum stated_code kv_read(struct stated_client *client, struct kv_selector *selector,
                         const struct kv_read *how, Stated__V1__ReadResponse **response,
                         struct stated_status *status) STATED_MUST_USE;

/* A write of one change under at most one guard, and what it points at; not to be moved once
   begun. */
struct kv_write {
    Stated__V1__WriteRequest request;
    Stated__V1__Guard guard;
    Stated__V1__Guard *guards[1];
    Stated__V1__Mutation mutation;
    Stated__V1__Mutation *mutations[1];
    Stated__V1__Put put;
    Stated__V1__Delete delete_;
    Stated__V1__Add add;
};

/* Begin a write with its change. The selector lives as long as the write. */
void kv_write_put(struct kv_write *self, struct stated_bytes key, struct stated_bytes value);
void kv_write_delete(struct kv_write *self, struct kv_selector *selector);
void kv_write_add(struct kv_write *self, struct stated_bytes key, int64_t delta);

/* Give it its guard. Revision 0: the key is not there. */
void kv_guard_exists(struct kv_write *self, struct stated_bytes key, bool exists);
void kv_guard_revision(struct kv_write *self, struct stated_bytes key, uint64_t mod_revision);

/* Frees a response of the client. NULL is allowed. */
void kv_free_read(struct stated_client *client, Stated__V1__ReadResponse *response);
void kv_free_write(struct stated_client *client, Stated__V1__WriteResponse *response);
void kv_free_watch(struct stated_client *client, Stated__V1__WatchResponse *response);

/* Writes. *response is the caller's on OK, which it also is when a guard did not hold, and NULL
   otherwise. Blocks. */
enum stated_code kv_write_run(struct stated_client *client, const Stated__V1__WriteRequest *request,
                              uint32_t timeout_ms, Stated__V1__WriteResponse **response,
                              struct stated_status *status) STATED_MUST_USE;

#endif
