/* Two passes over the log: the first collects the keys, the second writes each call's steps. */
#include "order/history.h"

#include "stated/v1/state.pb-c.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_STEPS = 1024 };

static struct oracle_step *step_new(struct history *self, enum oracle_action action, uint32_t key)
{
    static struct oracle_step nowhere;
    if (self->n_steps == self->steps_capacity) {
        size_t capacity = self->steps_capacity == 0 ? FIRST_STEPS : 2 * self->steps_capacity;
        struct oracle_step *steps = realloc(self->steps, capacity * sizeof *steps);
        if (steps == NULL) {
            self->no_memory = true;
            return &nowhere;
        }
        self->steps = steps;
        self->steps_capacity = capacity;
    }
    struct oracle_step *step = &self->steps[self->n_steps++];
    *step = (struct oracle_step){.action = action, .key = key};
    return step;
}

/* entry NULL: the reply said that the key was not there. */
static void step_expect(struct history *self, uint32_t key, const Stated__V1__Entry *entry)
{
    struct oracle_step *step = step_new(self, ORACLE_EXPECT, key);
    if (entry != NULL) {
        step->value = oracle_value_of(entry->value.data, entry->value.len);
        step->mod_revision = entry->mod_revision;
        step->version = entry->version;
    }
}

static const Stated__V1__Entry *entry_find(Stated__V1__Entry *const *entries, size_t n,
                                           ProtobufCBinaryData key)
{
    for (size_t i = 0; i < n; i++) {
        if (binary_equal(entries[i]->key, key)) {
            return entries[i];
        }
    }
    return NULL;
}

static bool selector_has(const Stated__V1__Selector *selector, ProtobufCBinaryData key)
{
    switch (selector->kind_case) {
    case STATED__V1__SELECTOR__KIND_KEY:
        return binary_equal(selector->key, key);
    case STATED__V1__SELECTOR__KIND_PREFIX:
        return selector->prefix.len <= key.len &&
               (selector->prefix.len == 0 ||
                memcmp(selector->prefix.data, key.data, selector->prefix.len) == 0);
    case STATED__V1__SELECTOR__KIND_RANGE:
        return binary_compare(selector->range->start, key) <= 0 &&
               (selector->range->end.len == 0 || binary_compare(key, selector->range->end) < 0);
    default:
        return false;
    }
}

/* Of a reply that was cut, only what it shows is a statement; of a whole one also what it lacks. */
static void steps_of_read(struct history *self, const Stated__V1__ReadRequest *request,
                          const Stated__V1__ReadResponse *response)
{
    if (request->keys_only || request->count_only) {
        return;
    }
    for (size_t i = 0; response->more && i < response->n_entries; i++) {
        step_expect(self, key_set_find(&self->keys, response->entries[i]->key),
                    response->entries[i]);
    }
    if (response->more) {
        return;
    }
    for (size_t key = 0; key < self->keys.n; key++) {
        bool selected = binary_compare(self->keys.keys[key], request->after) > 0;
        bool wanted = false;
        for (size_t i = 0; i < request->n_select && selected && !wanted; i++) {
            wanted = selector_has(request->select[i], self->keys.keys[key]);
        }
        if (wanted) {
            step_expect(self, (uint32_t)key,
                        entry_find(response->entries, response->n_entries, self->keys.keys[key]));
        }
    }
}

static void steps_of_delete(struct history *self, const Stated__V1__Selector *selector)
{
    if (selector->kind_case == STATED__V1__SELECTOR__KIND_KEY) {
        step_new(self, ORACLE_DELETE, key_set_find(&self->keys, selector->key));
        return;
    }
    for (size_t key = 0; key < self->keys.n; key++) {
        if (selector_has(selector, self->keys.keys[key])) {
            step_new(self, ORACLE_DELETE, (uint32_t)key);
        }
    }
}

static void steps_of_mutation(struct history *self, const Stated__V1__Mutation *mutation)
{
    switch (mutation->kind_case) {
    case STATED__V1__MUTATION__KIND_PUT:
        step_new(self, ORACLE_PUT, key_set_find(&self->keys, mutation->put->key))->value =
            oracle_value_of(mutation->put->value.data, mutation->put->value.len);
        break;
    case STATED__V1__MUTATION__KIND_ADD:
        step_new(self, ORACLE_ADD, key_set_find(&self->keys, mutation->add->key))->value =
            oracle_value_number(mutation->add->delta);
        break;
    case STATED__V1__MUTATION__KIND_DELETE:
        steps_of_delete(self, mutation->delete_->select);
        break;
    default:
        break;
    }
}

/* What a guard that held says about its key, where it says all of it. */
static void steps_of_guard(struct history *self, const Stated__V1__Guard *guard)
{
    uint32_t key = key_set_find(&self->keys, guard->key);
    switch (guard->must_case) {
    case STATED__V1__GUARD__MUST_VALUE:
        step_new(self, ORACLE_EXPECT, key)->value =
            oracle_value_of(guard->value.data, guard->value.len);
        break;
    case STATED__V1__GUARD__MUST_EXISTS:
        if (!guard->exists) {
            step_expect(self, key, NULL);
        }
        break;
    default:
        break;
    }
}

static const ProtobufCBinaryData *mutation_key(const Stated__V1__Mutation *mutation)
{
    switch (mutation->kind_case) {
    case STATED__V1__MUTATION__KIND_PUT:
        return &mutation->put->key;
    case STATED__V1__MUTATION__KIND_ADD:
        return &mutation->add->key;
    case STATED__V1__MUTATION__KIND_DELETE:
        if (mutation->delete_->select->kind_case == STATED__V1__SELECTOR__KIND_KEY) {
            return &mutation->delete_->select->key;
        }
        return NULL;
    default:
        return NULL;
    }
}

static void steps_of_previous(struct history *self, const Stated__V1__WriteRequest *request,
                              const Stated__V1__WriteResponse *response)
{
    for (size_t i = 0; i < response->n_previous; i++) {
        step_expect(self, key_set_find(&self->keys, response->previous[i]->key),
                    response->previous[i]);
    }
    for (size_t i = 0; i < request->n_mutations; i++) {
        const ProtobufCBinaryData *key = mutation_key(request->mutations[i]);
        if (key != NULL && entry_find(response->previous, response->n_previous, *key) == NULL) {
            step_expect(self, key_set_find(&self->keys, *key), NULL);
        }
    }
}

static void steps_of_mutations(struct history *self, const Stated__V1__WriteRequest *request)
{
    for (size_t i = 0; i < request->n_mutations; i++) {
        steps_of_mutation(self, request->mutations[i]);
    }
}

static void steps_of_applied(struct history *self, const Stated__V1__WriteRequest *request,
                             const Stated__V1__WriteResponse *response)
{
    for (size_t i = 0; i < request->n_guards; i++) {
        steps_of_guard(self, request->guards[i]);
    }
    if (request->return_previous) {
        steps_of_previous(self, request, response);
    }
    steps_of_mutations(self, request);
}

static bool guard_holds(const Stated__V1__Guard *guard, const Stated__V1__Entry *entry)
{
    switch (guard->must_case) {
    case STATED__V1__GUARD__MUST_EXISTS:
        return guard->exists == (entry != NULL);
    case STATED__V1__GUARD__MUST_MOD_REVISION:
        return guard->mod_revision == (entry == NULL ? 0 : entry->mod_revision);
    case STATED__V1__GUARD__MUST_VERSION:
        return guard->version == (entry == NULL ? 0 : entry->version);
    case STATED__V1__GUARD__MUST_VALUE:
        return entry != NULL && binary_equal(guard->value, entry->value);
    default:
        return false;
    }
}

/* False when the reply shows that every guard held. */
static bool steps_of_refused(struct history *self, const Stated__V1__WriteRequest *request,
                             const Stated__V1__WriteResponse *response)
{
    bool all_hold = true;
    for (size_t i = 0; i < request->n_guards; i++) {
        const Stated__V1__Guard *guard = request->guards[i];
        const Stated__V1__Entry *entry =
            entry_find(response->current, response->n_current, guard->key);
        step_expect(self, key_set_find(&self->keys, guard->key), entry);
        all_hold = all_hold && guard_holds(guard, entry);
    }
    return !all_hold;
}

static bool code_leaves_open(enum stated_code code)
{
    return code == STATED_UNAVAILABLE || code == STATED_DEADLINE_EXCEEDED ||
           code == STATED_CANCELLED || code == STATED_UNKNOWN;
}

/* False when the reply contradicts itself. */
static bool call_fill(struct history *self, struct oracle_call *call,
                      const struct call_record *record)
{
    const Stated__V1__WriteRequest *write = (const void *)record->request;
    const Stated__V1__WriteResponse *written = (const void *)record->response;

    *call = (struct oracle_call){
        .ticket = record->ticket, .sent_ns = record->sent_ns, .received_ns = record->received_ns};
    if (call_record_is_read(record)) {
        const Stated__V1__ReadResponse *response = (const void *)record->response;
        if ((record->ticket != 0 || self->by_time) && response != NULL) {
            call->revision = response->revision;
            steps_of_read(self, (const void *)record->request, response);
        }
        /* One that took effect never, but may have taken a ticket. */
        call->lost = response == NULL && !self->by_time && record->ticket == 0 &&
                     code_leaves_open(record->code);
        return true;
    }
    if (written == NULL) {
        call->lost = code_leaves_open(record->code) &&
                     (record->ticket == 0 || record->code == STATED_UNKNOWN);
        if (call->lost) {
            steps_of_mutations(self, write);
        }
        return true;
    }
    call->revision = written->revision;
    call->writes = written->applied && write->n_mutations > 0;
    if (!written->applied) {
        return steps_of_refused(self, write, written);
    }
    steps_of_applied(self, write, written);
    return true;
}

static enum stated_code history_calls(struct history *self, const struct call_log *log,
                                      struct stated_status *status)
{
    uint64_t epoch = 0;
    for (size_t i = 0; i < log->n_records; i++) {
        const struct call_record *record = &log->records[i];
        size_t first = self->n_steps;
        if (record->epoch != 0 && epoch != 0 && record->epoch != epoch && !self->by_time) {
            return stated_status_set(status, STATED_INVALID_ARGUMENT,
                                     "record %zu is of epoch %016" PRIx64 ", those before of "
                                     "%016" PRIx64 ": check each epoch by itself",
                                     i + 1, record->epoch, epoch);
        }
        epoch = record->epoch != 0 ? record->epoch : epoch;
        if (!call_fill(self, &self->calls[i], record)) {
            return stated_status_set(status, STATED_DATA_LOSS,
                                     "ticket %" PRIu64
                                     " was not applied, but its reply shows that every guard held",
                                     record->ticket);
        }
        self->calls[i].n_steps = (uint32_t)(self->n_steps - first);
    }
    return self->no_memory
               ? stated_status_set(status, STATED_RESOURCE_EXHAUSTED,
                                   "no memory for the steps of %zu calls", log->n_records)
               : STATED_OK;
}

/* Unless the log has every call since the state was empty, nobody can say what was there. */
static void history_forget(struct history *self)
{
    for (size_t key = 0; key < self->keys.n; key++) {
        self->oracle.cells[key].value.kind = ORACLE_UNKNOWN;
    }
}

static void history_link(struct history *self, size_t n_calls)
{
    const struct oracle_step *next = self->steps;
    for (size_t i = 0; i < n_calls; i++) {
        self->calls[i].steps = next;
        next = next == NULL ? NULL : next + self->calls[i].n_steps;
    }
    self->oracle.calls = self->calls;
    self->oracle.n_calls = n_calls;
}

static enum stated_code init(struct history *self, const struct call_log *log, bool alone,
                             struct stated_status *status)
{
    enum stated_code code = STATED_RESOURCE_EXHAUSTED;
    if (key_set_init(&self->keys, log)) {
        self->oracle.n_keys = self->keys.n;
        self->calls = calloc(log->n_records + 1, sizeof *self->calls);
        self->oracle.cells = calloc(self->keys.n + 1, sizeof *self->oracle.cells);
    }
    if (self->calls == NULL || self->oracle.cells == NULL) {
        stated_status_set(status, code, "no memory for %zu calls", log->n_records);
    } else {
        code = history_calls(self, log, status);
    }
    if (code != STATED_OK) {
        history_deinit(self);
        return code;
    }
    history_link(self, log->n_records);
    if (!alone) {
        history_forget(self);
    }
    return STATED_OK;
}

enum stated_code history_init(struct history *self, const struct call_log *log, bool alone,
                              struct stated_status *status)
{
    *self = (struct history){.oracle.alone = alone};
    return init(self, log, alone, status);
}

enum stated_code history_init_by_time(struct history *self, const struct call_log *log, bool alone,
                                      struct stated_status *status)
{
    *self = (struct history){.oracle.alone = alone, .by_time = true};
    return init(self, log, alone, status);
}

void history_deinit(struct history *self)
{
    free(self->steps);
    free(self->oracle.cells);
    free(self->calls);
    key_set_deinit(&self->keys);
    *self = (struct history){0};
}
