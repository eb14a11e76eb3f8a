/* One key at a time. Each function is one call. */
#include "handle.h"
#include "kv_entry.h"
#include "kv_request.h"

#include "escape.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static uint32_t timeout_of(const struct stated_kv_options *options)
{
    return options == NULL ? 0 : options->timeout_ms;
}

enum stated_code stated_kv_get(struct stated_client *client, struct stated_bytes key,
                               const struct stated_kv_options *options,
                               struct stated_kv_entry **entry, struct stated_status *status)
{
    struct kv_selector selector;
    struct kv_read how = {.timeout_ms = timeout_of(options),
                          .keys_only = entry == NULL,
                          .committed = options != NULL && options->committed};
    Stated__V1__ReadResponse *response;
    char shown[ESCAPE_BYTES];
    if (entry != NULL) {
        *entry = NULL;
    }
    enum stated_code code = kv_check(client, key, status);
    if (code != STATED_OK) {
        return code;
    }
    kv_select_key(&selector, key);
    code = kv_read(client, &selector, &how, &response, status);
    if (code != STATED_OK) {
        return code;
    }
    if (response->n_entries == 0) {
        code = kv_say(status, STATED_NOT_FOUND, "there is no key \"%s\"",
                      escape_bytes(shown, key.data, key.size));
    } else if (entry != NULL) {
        *entry = kv_entry_new(&client->memory, response->entries[0]);
        if (*entry == NULL) {
            code = kv_say(status, STATED_RESOURCE_EXHAUSTED, "no memory for the entry");
        }
    }
    kv_free_read(client, response);
    return code;
}

/* Writes; refused = the outcome when the guard did not hold. */
static enum stated_code write_key(struct stated_client *client, const struct kv_write *write,
                                  struct stated_bytes key, const struct stated_kv_options *options,
                                  enum stated_code refused, uint64_t *revision,
                                  struct stated_status *status)
{
    char shown[ESCAPE_BYTES];
    Stated__V1__WriteResponse *response;
    enum stated_code code =
        kv_write_run(client, &write->request, timeout_of(options), &response, status);
    if (code != STATED_OK) {
        return code;
    }
    if (response->applied) {
        kv_set(revision, response->revision);
    } else if (response->n_current > 0) {
        code = kv_say(status, refused,
                      "nothing was written: \"%s\" is there already, at revision %" PRIu64,
                      escape_bytes(shown, key.data, key.size), response->current[0]->mod_revision);
    } else {
        code = kv_say(status, refused, "nothing was written: there is no key \"%s\"",
                      escape_bytes(shown, key.data, key.size));
    }
    kv_free_write(client, response);
    return code;
}

enum stated_code stated_kv_put(struct stated_client *client, struct stated_bytes key,
                               struct stated_bytes value, const struct stated_kv_options *options,
                               uint64_t *revision, struct stated_status *status)
{
    struct kv_write put;
    kv_set(revision, 0);
    enum stated_code code = kv_check_put(client, key, value, status);
    if (code != STATED_OK) {
        return code;
    }
    kv_write_put(&put, key, value);
    return write_key(client, &put, key, options, STATED_INTERNAL, revision, status);
}

enum stated_code stated_kv_create(struct stated_client *client, struct stated_bytes key,
                                  struct stated_bytes value,
                                  const struct stated_kv_options *options, uint64_t *revision,
                                  struct stated_status *status)
{
    struct kv_write put;
    kv_set(revision, 0);
    enum stated_code code = kv_check_put(client, key, value, status);
    if (code != STATED_OK) {
        return code;
    }
    kv_write_put(&put, key, value);
    kv_guard_exists(&put, key, false);
    return write_key(client, &put, key, options, STATED_ALREADY_EXISTS, revision, status);
}

enum stated_code stated_kv_delete(struct stated_client *client, struct stated_bytes key,
                                  const struct stated_kv_options *options, uint64_t *revision,
                                  struct stated_status *status)
{
    struct kv_write delete_;
    struct kv_selector selector;
    kv_set(revision, 0);
    enum stated_code code = kv_check(client, key, status);
    if (code != STATED_OK) {
        return code;
    }
    kv_select_key(&selector, key);
    kv_write_delete(&delete_, &selector);
    kv_guard_exists(&delete_, key, true);
    return write_key(client, &delete_, key, options, STATED_NOT_FOUND, revision, status);
}

/* The counter after a write that the server has applied: so what was there was a number, and the
   sum is one. */
static int64_t sum(const Stated__V1__WriteResponse *response, int64_t delta)
{
    char text[32] = "0";
    if (response->n_previous > 0) {
        ProtobufCBinaryData before = response->previous[0]->value;
        snprintf(text, sizeof(text), "%.*s", (int)before.len, (const char *)before.data);
    }
    return strtoll(text, NULL, 10) + delta;
}

enum stated_code stated_kv_add(struct stated_client *client, struct stated_bytes key, int64_t delta,
                               const struct stated_kv_options *options, int64_t *value,
                               struct stated_status *status)
{
    struct kv_write add;
    Stated__V1__WriteResponse *response;
    if (value != NULL) {
        *value = 0;
    }
    enum stated_code code = kv_check(client, key, status);
    if (code != STATED_OK) {
        return code;
    }
    kv_write_add(&add, key, delta);
    add.request.return_previous = value != NULL;
    code = kv_write_run(client, &add.request, timeout_of(options), &response, status);
    if (code == STATED_OK && value != NULL) {
        *value = sum(response, delta);
    }
    kv_free_write(client, response);
    return code;
}
