/* Writes ask for what was there before, so that every write is also a read that can be checked. */
#include "order_load.h"

#include "base/clock.h"
#include "order/call_log.h"
#include "stated/v1/state.stated-client.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

enum { NAME_BYTES = 24, VALUE_BYTES = 64, TIMEOUT_MS = 120000, SHORT_MS = 12, MAX_PARTS = 3 };

/* A request with room for its parts; only those that are used are linked. */
struct request {
    Stated__V1__ReadRequest read;
    Stated__V1__WriteRequest write;
    Stated__V1__Selector selectors[MAX_PARTS];
    Stated__V1__Selector *selector_list[MAX_PARTS];
    Stated__V1__Mutation mutations[MAX_PARTS];
    Stated__V1__Mutation *mutation_list[MAX_PARTS];
    Stated__V1__Put puts[MAX_PARTS];
    Stated__V1__Add add;
    Stated__V1__Delete delete;
    Stated__V1__Range range;
    Stated__V1__Guard guard;
    Stated__V1__Guard *guard_list[1];
    char names[2 * MAX_PARTS][NAME_BYTES];
    char values[MAX_PARTS][VALUE_BYTES];
    size_t n_names;
};

/* xorshift64*, by Vigna: small, and the same everywhere. */
static uint32_t load_random(struct order_load *self, uint32_t below)
{
    self->random ^= self->random >> 12;
    self->random ^= self->random << 25;
    self->random ^= self->random >> 27;
    return (uint32_t)((self->random * UINT64_C(0x2545F4914F6CDD1D)) >> 33) % below;
}

static ProtobufCBinaryData request_name(struct request *request, const char *folder,
                                        uint32_t number)
{
    char *name = request->names[request->n_names++];
    int length = snprintf(name, NAME_BYTES, "%s/%02" PRIu32, folder, number);
    return (ProtobufCBinaryData){.data = (uint8_t *)name, .len = (size_t)length};
}

static void request_init(struct request *request)
{
    memset(request, 0, sizeof *request);
    stated__v1__read_request__init(&request->read);
    stated__v1__write_request__init(&request->write);
    request->read.select = request->selector_list;
    request->write.mutations = request->mutation_list;
    request->write.guards = request->guard_list;
    request->write.return_previous = 1;
}

static Stated__V1__Selector *request_select(struct request *request)
{
    size_t n = request->read.n_select++;
    stated__v1__selector__init(&request->selectors[n]);
    request->selector_list[n] = &request->selectors[n];
    return &request->selectors[n];
}

static void request_select_key(struct request *request, const char *folder, uint32_t number)
{
    Stated__V1__Selector *selector = request_select(request);
    selector->kind_case = STATED__V1__SELECTOR__KIND_KEY;
    selector->key = request_name(request, folder, number);
}

static Stated__V1__Mutation *request_mutate(struct request *request)
{
    size_t n = request->write.n_mutations++;
    stated__v1__mutation__init(&request->mutations[n]);
    request->mutation_list[n] = &request->mutations[n];
    return &request->mutations[n];
}

static void request_put(struct order_load *self, struct request *request, uint32_t number)
{
    size_t n = request->write.n_mutations;
    Stated__V1__Mutation *mutation = request_mutate(request);
    int length = snprintf(request->values[n], VALUE_BYTES, "value %" PRIu64 " of %" PRIu32,
                          self->written++, self->number);
    stated__v1__put__init(&request->puts[n]);
    request->puts[n].key = request_name(request, "key", number);
    request->puts[n].value.data = (uint8_t *)request->values[n];
    request->puts[n].value.len = (size_t)length;
    mutation->kind_case = STATED__V1__MUTATION__KIND_PUT;
    mutation->put = &request->puts[n];
}

static void request_add(struct order_load *self, struct request *request)
{
    Stated__V1__Mutation *mutation = request_mutate(request);
    stated__v1__add__init(&request->add);
    request->add.key = request_name(request, "count", load_random(self, ORDER_LOAD_COUNTERS));
    request->add.delta = (int64_t)load_random(self, 200) - 100;
    mutation->kind_case = STATED__V1__MUTATION__KIND_ADD;
    mutation->add = &request->add;
}

/* One key, or the range of two neighbours. */
static void request_delete(struct order_load *self, struct request *request, uint32_t number)
{
    Stated__V1__Mutation *mutation = request_mutate(request);
    Stated__V1__Selector *selector = &request->selectors[0];
    stated__v1__delete__init(&request->delete);
    stated__v1__selector__init(selector);
    if (load_random(self, 2) == 0) {
        selector->kind_case = STATED__V1__SELECTOR__KIND_KEY;
        selector->key = request_name(request, "key", number);
    } else {
        stated__v1__range__init(&request->range);
        request->range.start = request_name(request, "key", number);
        request->range.end = request_name(request, "key", number + 2);
        selector->kind_case = STATED__V1__SELECTOR__KIND_RANGE;
        selector->range = &request->range;
    }
    request->delete.select = selector;
    mutation->kind_case = STATED__V1__MUTATION__KIND_DELETE;
    mutation->delete_ = &request->delete;
}

/* Sometimes as it was last seen, so that about half of them hold. */
static void request_guard(struct order_load *self, struct request *request, uint32_t number)
{
    stated__v1__guard__init(&request->guard);
    request->guard.key = request_name(request, "key", number);
    if (self->seen[number] == 0 || load_random(self, 4) == 0) {
        request->guard.must_case = STATED__V1__GUARD__MUST_EXISTS;
        request->guard.exists = (protobuf_c_boolean)load_random(self, 2);
    } else {
        request->guard.must_case = STATED__V1__GUARD__MUST_MOD_REVISION;
        request->guard.mod_revision = self->seen[number];
    }
    request->guard_list[0] = &request->guard;
    request->write.n_guards = 1;
}

/* How a call may end whose time was short or whose client went away. */
static bool is_impatient_end(enum stated_code code)
{
    return code == STATED_DEADLINE_EXCEEDED || code == STATED_CANCELLED || code == STATED_UNKNOWN ||
           code == STATED_RESOURCE_EXHAUSTED;
}

static bool load_record(struct order_load *self, ProtobufCMessage *request,
                        ProtobufCMessage *response, const struct stated_status *status,
                        uint64_t sent_ns)
{
    struct call_record record = {.method =
                                     request->descriptor == &stated__v1__read_request__descriptor
                                         ? "stated.v1.StateService/Read"
                                         : "stated.v1.StateService/Write",
                                 .request = request,
                                 .response = response,
                                 .code = status->code,
                                 .epoch = status->order.epoch,
                                 .ticket = status->order.ticket,
                                 .sent_ns = sent_ns,
                                 .received_ns = clock_now_ns()};
    if (self->impatient > 0 && is_impatient_end(status->code)) {
        self->impatient_failures++;
    } else if (status->code != STATED_OK && self->failures++ == 0) {
        self->first_failure = *status;
    }
    self->calls++;
    return call_log_append(self->log, &record) == STATED_OK;
}

static void load_remember(struct order_load *self, const Stated__V1__ReadResponse *response)
{
    for (size_t i = 0; i < response->n_entries; i++) {
        const Stated__V1__Entry *entry = response->entries[i];
        for (uint32_t key = 0; key < ORDER_LOAD_KEYS; key++) {
            char name[NAME_BYTES];
            int length = snprintf(name, sizeof name, "key/%02" PRIu32, key);
            if (entry->key.len == (size_t)length &&
                memcmp(entry->key.data, name, entry->key.len) == 0) {
                self->seen[key] = entry->mod_revision;
            }
        }
    }
}

static struct stated_call_options load_options(struct order_load *self)
{
    return (struct stated_call_options){
        .size = sizeof(struct stated_call_options),
        .timeout_ms = self->hurries ? 1 + load_random(self, SHORT_MS) : TIMEOUT_MS,
        .once = self->hurries,
    };
}

static bool load_read(struct order_load *self, struct request *request)
{
    struct stated_call_options options = load_options(self);
    struct stated_status status;
    Stated__V1__ReadResponse *response;
    uint64_t sent_ns = clock_now_ns();
    enum stated_code code =
        stated_v1_state_service_read(self->client, &options, &request->read, &response, &status);
    bool recorded = load_record(self, &request->read.base,
                                code == STATED_OK ? &response->base : NULL, &status, sent_ns);
    if (code == STATED_OK) {
        load_remember(self, response);
        stated__v1__read_response__free_unpacked(response, NULL);
    }
    return recorded;
}

/* What became of a write whose client was closed. */
struct left_call {
    struct stated_status status;
    Stated__V1__WriteResponse *response;
};

static void left_call_ended(void *argument, const struct stated_status *status,
                            Stated__V1__WriteResponse *response)
{
    struct left_call *self = argument;
    self->status = *status;
    self->response = response;
}

/* Issues the write and closes the client, which cancels what the server has not begun. */
static bool load_leave(struct order_load *self, struct request *request)
{
    const struct stated_call_options options = {
        .size = sizeof(struct stated_call_options), .timeout_ms = TIMEOUT_MS, .once = true};
    struct left_call left = {.response = NULL};
    uint64_t sent_ns = clock_now_ns();
    struct stated_status issued;
    if (stated_v1_state_service_write_async(self->client, &options, &request->write,
                                            left_call_ended, &left, &issued) != STATED_OK) {
        left.status = issued;
    }
    struct timespec moment = {.tv_nsec = (long)load_random(self, 2000000)};
    nanosleep(&moment, NULL);
    stated_client_close(self->client); /* the callback has run */
    bool recorded =
        load_record(self, &request->write.base, left.response != NULL ? &left.response->base : NULL,
                    &left.status, sent_ns);
    if (left.response != NULL) {
        stated__v1__write_response__free_unpacked(left.response, NULL);
    }
    self->client = self->open(self->endpoint);
    return recorded;
}

static bool load_write(struct order_load *self, struct request *request)
{
    if (self->hurries && load_random(self, 10) == 0) {
        return load_leave(self, request);
    }
    struct stated_call_options options = load_options(self);
    struct stated_status status;
    Stated__V1__WriteResponse *response;
    uint64_t sent_ns = clock_now_ns();
    enum stated_code code =
        stated_v1_state_service_write(self->client, &options, &request->write, &response, &status);
    bool recorded = load_record(self, &request->write.base,
                                code == STATED_OK ? &response->base : NULL, &status, sent_ns);
    if (code == STATED_OK) {
        stated__v1__write_response__free_unpacked(response, NULL);
    }
    return recorded;
}

static bool load_step_read(struct order_load *self, struct request *request, uint32_t kind)
{
    uint32_t number = load_random(self, ORDER_LOAD_KEYS);
    if (kind < 3) {
        Stated__V1__Selector *selector = request_select(request);
        selector->kind_case = STATED__V1__SELECTOR__KIND_PREFIX;
        selector->prefix = (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t) "key/", .len = 4};
        request->read.limit = kind == 0 ? 3 : 0;
    } else if (kind < 5) {
        request_select_key(request, "count", load_random(self, ORDER_LOAD_COUNTERS));
        request_select_key(request, "key", number);
    } else {
        request_select_key(request, "key", number);
    }
    if (kind == 9) {
        request->read.consistency = STATED__V1__CONSISTENCY__CONSISTENCY_COMMITTED;
    }
    return load_read(self, request);
}

static bool load_step_write(struct order_load *self, struct request *request, uint32_t kind)
{
    uint32_t number = load_random(self, ORDER_LOAD_KEYS);
    if (kind < 3) {
        request_guard(self, request, number);
    }
    if (self->hurries) {
        /* Were more lost than a value of its own, nobody could say afterwards what did happen. */
        request_put(self, request, number);
        return load_write(self, request);
    }
    if (kind == 0 || kind == 3) {
        request_delete(self, request, number);
    } else {
        request_put(self, request, number);
    }
    if (kind == 4) {
        request_put(self, request, (number + 1) % ORDER_LOAD_KEYS);
    }
    if (kind >= 4 && kind < 8) {
        request_add(self, request);
    }
    return load_write(self, request);
}

bool order_load_step(struct order_load *self)
{
    struct request request;
    uint32_t kind = load_random(self, 20);
    request_init(&request);
    self->hurries = load_random(self, 100) < self->impatient;
    return kind < 10 ? load_step_read(self, &request, kind)
                     : load_step_write(self, &request, kind - 10);
}
