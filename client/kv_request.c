#include "kv_request.h"

#include "handle.h"

#include "stated/v1/state.stated-client.h"

#include "escape.h"

#include <stdarg.h>
#include <stdio.h>

ProtobufCBinaryData kv_data(struct stated_bytes bytes)
{
    union {
        const void *given;
        uint8_t *wanted;
    } data = {.given = bytes.data};
    return (ProtobufCBinaryData){.len = bytes.size, .data = data.wanted};
}

enum stated_code kv_check_pointer(const void *pointer, const char *name,
                                  struct stated_status *status)
{
    return pointer != NULL ? STATED_OK
                           : stated_status_set(status, STATED_INVALID_ARGUMENT, "%s is NULL", name);
}

enum stated_code kv_check_bytes(struct stated_bytes bytes, const char *name,
                                struct stated_status *status)
{
    return bytes.data != NULL || bytes.size == 0
               ? STATED_OK
               : stated_status_set(status, STATED_INVALID_ARGUMENT,
                                   "%s.data is NULL, but %s.size is %zu", name, name, bytes.size);
}

enum stated_code kv_check_key(struct stated_bytes key, struct stated_status *status)
{
    char shown[ESCAPE_BYTES];
    enum stated_code code = kv_check_bytes(key, "key", status);
    if (code != STATED_OK) {
        return code;
    }
    if (key.size == 0) {
        return stated_status_set(status, STATED_INVALID_ARGUMENT,
                                 "the key is empty; a key has 1 to %d bytes", KV_MAX_KEY_BYTES);
    }
    if (key.size > KV_MAX_KEY_BYTES) {
        return stated_status_set(status, STATED_INVALID_ARGUMENT,
                                 "the key \"%s\" has %zu bytes; a key has 1 to %d bytes",
                                 escape_bytes(shown, key.data, key.size), key.size,
                                 KV_MAX_KEY_BYTES);
    }
    return STATED_OK;
}

enum stated_code kv_check(const struct stated_client *client, struct stated_bytes key,
                          struct stated_status *status)
{
    enum stated_code code = kv_check_pointer(client, "client", status);
    return code == STATED_OK ? kv_check_key(key, status) : code;
}

enum stated_code kv_check_put(const struct stated_client *client, struct stated_bytes key,
                              struct stated_bytes value, struct stated_status *status)
{
    enum stated_code code = kv_check(client, key, status);
    return code == STATED_OK ? kv_check_bytes(value, "value", status) : code;
}

enum stated_code kv_say(struct stated_status *status, enum stated_code code, const char *format,
                        ...)
{
    char message[STATED_MESSAGE_BYTES];
    va_list arguments;
    if (status == NULL) {
        return code;
    }
    struct stated_order order = status->order;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    stated_status_set(status, code, "%s", message);
    status->order = order;
    return code;
}

enum stated_code kv_read(struct stated_client *client, struct kv_selector *selector,
                         const struct kv_read *how, Stated__V1__ReadResponse **response,
                         struct stated_status *status)
{
    Stated__V1__Selector *select[] = {&selector->selector};
    Stated__V1__ReadRequest request = STATED__V1__READ_REQUEST__INIT;
    struct stated_call_options options = STATED_CALL_OPTIONS_INIT;
    request.select = select;
    request.n_select = 1;
    request.after = kv_data(how->after);
    request.limit = how->limit;
    request.keys_only = how->keys_only;
    request.count_only = how->count_only;
    request.consistency = how->committed ? STATED__V1__CONSISTENCY__CONSISTENCY_COMMITTED
                                         : STATED__V1__CONSISTENCY__CONSISTENCY_ORDERED;
    options.timeout_ms = how->timeout_ms;
    return stated_v1_state_service_read(client, &options, &request, response, status);
}

static void begin_write(struct kv_write *self)
{
    stated__v1__write_request__init(&self->request);
    stated__v1__mutation__init(&self->mutation);
    self->mutations[0] = &self->mutation;
    self->request.mutations = self->mutations;
    self->request.n_mutations = 1;
}

void kv_write_put(struct kv_write *self, struct stated_bytes key, struct stated_bytes value)
{
    begin_write(self);
    stated__v1__put__init(&self->put);
    self->put.key = kv_data(key);
    self->put.value = kv_data(value);
    self->mutation.kind_case = STATED__V1__MUTATION__KIND_PUT;
    self->mutation.put = &self->put;
}

void kv_write_delete(struct kv_write *self, struct kv_selector *selector)
{
    begin_write(self);
    stated__v1__delete__init(&self->delete_);
    self->delete_.select = &selector->selector;
    self->mutation.kind_case = STATED__V1__MUTATION__KIND_DELETE;
    self->mutation.delete_ = &self->delete_;
}

void kv_write_add(struct kv_write *self, struct stated_bytes key, int64_t delta)
{
    begin_write(self);
    stated__v1__add__init(&self->add);
    self->add.key = kv_data(key);
    self->add.delta = delta;
    self->mutation.kind_case = STATED__V1__MUTATION__KIND_ADD;
    self->mutation.add = &self->add;
}

static void begin_guard(struct kv_write *self, struct stated_bytes key)
{
    stated__v1__guard__init(&self->guard);
    self->guard.key = kv_data(key);
    self->guards[0] = &self->guard;
    self->request.guards = self->guards;
    self->request.n_guards = 1;
}

void kv_guard_exists(struct kv_write *self, struct stated_bytes key, bool exists)
{
    begin_guard(self, key);
    self->guard.must_case = STATED__V1__GUARD__MUST_EXISTS;
    self->guard.exists = exists;
}

void kv_guard_revision(struct kv_write *self, struct stated_bytes key, uint64_t mod_revision)
{
    if (mod_revision == 0) {
        kv_guard_exists(self, key, false);
        return;
    }
    begin_guard(self, key);
    self->guard.must_case = STATED__V1__GUARD__MUST_MOD_REVISION;
    self->guard.mod_revision = mod_revision;
}

enum stated_code kv_write_run(struct stated_client *client, const Stated__V1__WriteRequest *request,
                              uint32_t timeout_ms, Stated__V1__WriteResponse **response,
                              struct stated_status *status)
{
    struct stated_call_options options = STATED_CALL_OPTIONS_INIT;
    options.timeout_ms = timeout_ms;
    return stated_v1_state_service_write(client, &options, request, response, status);
}

void kv_free_read(struct stated_client *client, Stated__V1__ReadResponse *response)
{
    stated__v1__read_response__free_unpacked(response, &client->memory);
}

void kv_free_write(struct stated_client *client, Stated__V1__WriteResponse *response)
{
    stated__v1__write_response__free_unpacked(response, &client->memory);
}

void kv_free_watch(struct stated_client *client, Stated__V1__WatchResponse *response)
{
    stated__v1__watch_response__free_unpacked(response, &client->memory);
}
