/* Compare-and-set, once and in a loop. A write that is refused brings the key as it is, so each
   further try is one call. */
#include "handle.h"
#include "kv_entry.h"
#include "kv_request.h"

#include "base/clock.h"
#include "escape.h"

#include <inttypes.h>
#include <stdlib.h>

/* From so many lost tries on there is a pause before the next, so that the many who want the same
   key do not all come back at once: random, up to twice as long each time. */
enum { FIRST_PAUSE = 3, LONGEST_PAUSE_MS = 32 };

struct update {
    struct stated_client *client;
    struct stated_bytes key;
    uint64_t deadline_ns;
    unsigned tries;
    struct stated_kv_entry *now; /* NULL = not there */
};

/* The key is at another revision than it was to be. */
static enum stated_code say_changed(struct stated_bytes key, uint64_t expected,
                                    const Stated__V1__WriteResponse *response,
                                    struct stated_status *status)
{
    char shown[ESCAPE_BYTES];
    escape_bytes(shown, key.data, key.size);
    if (response->n_current == 0) {
        return kv_say(status, STATED_ABORTED,
                      "nothing was written: there is no key \"%s\"; it was to be at revision "
                      "%" PRIu64,
                      shown, expected);
    }
    return expected == 0
               ? kv_say(status, STATED_ABORTED,
                        "nothing was written: \"%s\" is there already, at revision %" PRIu64, shown,
                        response->current[0]->mod_revision)
               : kv_say(status, STATED_ABORTED,
                        "nothing was written: \"%s\" is at revision %" PRIu64 ", not %" PRIu64,
                        shown, response->current[0]->mod_revision, expected);
}

/* Writes under a guard on the key's revision. ABORTED when it does not hold; then *current (may be
   NULL) is the key as it is. */
static enum stated_code write_guarded(struct stated_client *client, struct kv_write *write,
                                      struct stated_bytes key, uint64_t expected,
                                      uint32_t timeout_ms, uint64_t *revision,
                                      struct stated_kv_entry **current,
                                      struct stated_status *status)
{
    Stated__V1__WriteResponse *response;
    kv_guard_revision(write, key, expected);
    enum stated_code code = kv_write_run(client, &write->request, timeout_ms, &response, status);
    if (code != STATED_OK) {
        return code;
    }
    if (response->applied) {
        kv_set(revision, response->revision);
    } else {
        code = say_changed(key, expected, response, status);
        if (current != NULL && response->n_current > 0) {
            *current = kv_entry_new(&client->memory, response->current[0]);
            if (*current == NULL) {
                code = kv_say(status, STATED_RESOURCE_EXHAUSTED,
                              "nothing was written, and no memory to tell how the key is");
            }
        }
    }
    kv_free_write(client, response);
    return code;
}

enum stated_code stated_kv_compare_and_set(struct stated_client *client, struct stated_bytes key,
                                           uint64_t mod_revision, struct stated_bytes value,
                                           const struct stated_kv_options *options,
                                           uint64_t *revision, struct stated_kv_entry **current,
                                           struct stated_status *status)
{
    struct kv_write put;
    kv_set(revision, 0);
    if (current != NULL) {
        *current = NULL;
    }
    enum stated_code code = kv_check_put(client, key, value, status);
    if (code != STATED_OK) {
        return code;
    }
    kv_write_put(&put, key, value);
    return write_guarded(client, &put, key, mod_revision, options == NULL ? 0 : options->timeout_ms,
                         revision, current, status);
}

/* What is left of the update's time; 0 when it is over. */
static uint32_t left_ms(const struct update *self)
{
    uint64_t now_ns = clock_now_ns();
    return now_ns >= self->deadline_ns
               ? 0
               : (uint32_t)((self->deadline_ns - now_ns + CLOCK_NS_PER_MS - 1) / CLOCK_NS_PER_MS);
}

static void pause_before_next(const struct update *self)
{
    if (self->tries < FIRST_PAUSE) {
        return;
    }
    unsigned doublings = self->tries - FIRST_PAUSE;
    uint64_t most_ms = doublings >= 5 ? LONGEST_PAUSE_MS : UINT64_C(1) << doublings;
    /* The time is as random as this has to be, once its last digits are spread over all bits. */
    uint64_t random = clock_now_ns() * UINT64_C(0x9e3779b97f4a7c15) >> 32;
    struct timespec pause = {.tv_nsec = (long)(random % (most_ms * CLOCK_NS_PER_MS))};
    nanosleep(&pause, NULL);
}

/* Does what the updater wants. ABORTED: the key has changed, and self->now is how it is. */
static enum stated_code try_change(struct update *self, enum stated_kv_change change,
                                   struct stated_bytes value, uint64_t *revision,
                                   struct stated_status *status)
{
    struct kv_write write;
    struct kv_selector selector;
    struct stated_kv_entry *current = NULL;
    char shown[ESCAPE_BYTES];
    uint32_t timeout_ms = left_ms(self);
    if (timeout_ms == 0) {
        return kv_say(status, STATED_DEADLINE_EXCEEDED,
                      "nothing was written: others changed \"%s\" before each of %u %s",
                      escape_bytes(shown, self->key.data, self->key.size), self->tries,
                      self->tries == 1 ? "try" : "tries");
    }
    if (change == STATED_KV_SET) {
        kv_write_put(&write, self->key, value);
    } else {
        kv_select_key(&selector, self->key);
        kv_write_delete(&write, &selector);
    }
    self->tries++;
    enum stated_code code = write_guarded(self->client, &write, self->key,
                                          self->now == NULL ? 0 : self->now->mod_revision,
                                          timeout_ms, revision, &current, status);
    if (code == STATED_ABORTED) {
        stated_kv_entry_free(self->now);
        self->now = current;
    }
    return code;
}

static enum stated_code check_change(enum stated_kv_change change, struct stated_bytes value,
                                     struct stated_status *status)
{
    if (change == STATED_KV_SET) {
        return kv_check_bytes(value, "value", status);
    }
    return change == STATED_KV_KEEP || change == STATED_KV_REMOVE
               ? STATED_OK
               : kv_say(status, STATED_INVALID_ARGUMENT,
                        "the updater returned %d, which is no enum stated_kv_change", (int)change);
}

static enum stated_code run_update(struct update *self, stated_kv_updater updater, void *argument,
                                   uint64_t *revision, struct stated_status *status)
{
    for (;;) {
        struct stated_bytes value = {NULL, 0};
        enum stated_kv_change change = updater(argument, self->now, &value);
        enum stated_code code = check_change(change, value, status);
        if (code != STATED_OK || change == STATED_KV_KEEP ||
            (change == STATED_KV_REMOVE && self->now == NULL)) {
            return code;
        }
        code = try_change(self, change, value, revision, status);
        if (code != STATED_ABORTED) {
            return code;
        }
        pause_before_next(self);
    }
}

enum stated_code stated_kv_update(struct stated_client *client, struct stated_bytes key,
                                  stated_kv_updater updater, void *argument,
                                  const struct stated_kv_options *options, uint64_t *revision,
                                  struct stated_status *status)
{
    kv_set(revision, 0);
    enum stated_code code = kv_check(client, key, status);
    if (code != STATED_OK) {
        return code;
    }
    if (updater == NULL) {
        return stated_status_set(status, STATED_INVALID_ARGUMENT, "updater is NULL");
    }
    uint32_t timeout_ms =
        options == NULL || options->timeout_ms == 0 ? client->timeout_ms : options->timeout_ms;
    struct update self = {
        .client = client, .key = key, .deadline_ns = clock_now_ns() + timeout_ms * CLOCK_NS_PER_MS};
    struct stated_kv_options reading = STATED_KV_OPTIONS_INIT;
    reading.timeout_ms = timeout_ms;
    reading.committed = options != NULL && options->committed;
    code = stated_kv_get(client, key, &reading, &self.now, status);
    if (code == STATED_OK || code == STATED_NOT_FOUND) {
        kv_say(status, STATED_OK, "%s", "");
        code = run_update(&self, updater, argument, revision, status);
    }
    stated_kv_entry_free(self.now);
    return code;
}
