#include "bench/lane.h"

#include "base/clock.h"
#include "stated/v1/state.stated-client.h"

#include <string.h>

void lane_init(struct lane *self, struct runner *runner, struct stated_client *client,
               const struct keyspace *keyspace, char *value, size_t value_bytes)
{
    *self = (struct lane){.runner = runner, .client = client, .keyspace = keyspace, .value = value};
    self->call_options = (struct stated_call_options)STATED_CALL_OPTIONS_INIT;
    workload_value_init(value, value_bytes);

    stated__v1__selector__init(&self->selector);
    self->selector.kind_case = STATED__V1__SELECTOR__KIND_KEY;
    self->selector.key.data = (uint8_t *)self->name;
    self->select[0] = &self->selector;
    stated__v1__read_request__init(&self->read);
    self->read.n_select = 1;
    self->read.select = self->select;

    stated__v1__put__init(&self->put);
    self->put.key.data = (uint8_t *)self->name;
    self->put.value = (ProtobufCBinaryData){value_bytes, (uint8_t *)value};
    stated__v1__mutation__init(&self->mutation);
    self->mutation.kind_case = STATED__V1__MUTATION__KIND_PUT;
    self->mutation.put = &self->put;
    self->mutations[0] = &self->mutation;
    stated__v1__write_request__init(&self->write);
    self->write.n_mutations = 1;
    self->write.mutations = self->mutations;
}

void lane_read_committed(struct lane *self)
{
    self->read.consistency = STATED__V1__CONSISTENCY__CONSISTENCY_COMMITTED;
}

enum stated_code lane_send(struct lane *self, lane_read_done read_done, lane_write_done write_done,
                           struct stated_status *status)
{
    size_t length = keyspace_name(self->keyspace, self->asked.key, self->name);
    if (self->asked.read) {
        self->selector.key.len = length;
        self->sent_ns = clock_now_ns();
        return stated_v1_state_service_read_async(self->client, &self->call_options, &self->read,
                                                  read_done, self, status);
    }
    self->put.key.len = length;
    workload_value_stamp(self->value, self->put.value.len, self->slot);
    self->written = oracle_value_of(self->put.value.data, self->put.value.len);
    self->sent_ns = clock_now_ns();
    return stated_v1_state_service_write_async(self->client, &self->call_options, &self->write,
                                               write_done, self, status);
}

ProtobufCMessage *lane_request(struct lane *self)
{
    return self->asked.read ? &self->read.base : &self->write.base;
}

struct oracle_step lane_read_step(const struct lane *self, const Stated__V1__ReadResponse *response)
{
    struct oracle_step step = {.action = ORACLE_EXPECT, .key = self->asked.key};
    if (response->n_entries == 0) {
        return step;
    }
    const Stated__V1__Entry *entry = response->entries[0];
    ProtobufCBinaryData shown = entry->value;
    if (entry->key.len != self->selector.key.len ||
        memcmp(entry->key.data, self->name, entry->key.len) != 0) {
        shown = entry->key; /* another key's: record what no write of ours can have left */
    }
    step.value = oracle_value_of(shown.data, shown.len);
    step.mod_revision = entry->mod_revision;
    step.version = entry->version;
    return step;
}

struct oracle_step lane_write_step(const struct lane *self)
{
    return (struct oracle_step){
        .action = ORACLE_PUT, .key = self->asked.key, .value = self->written};
}
