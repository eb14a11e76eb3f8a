#include "statectl/key_source.h"

#include "stated/v1/state.stated-client.h"

enum { TIMEOUT_MS = 500, MOST_KEYS = 200 };

void key_source_list(void *argument, ProtobufCBinaryData prefix, struct complete *complete)
{
    struct key_source *self = argument;
    struct stated_call_options options = STATED_CALL_OPTIONS_INIT;
    Stated__V1__ReadRequest request = STATED__V1__READ_REQUEST__INIT;
    Stated__V1__Selector selector = STATED__V1__SELECTOR__INIT;
    Stated__V1__Selector *selectors = &selector;
    Stated__V1__ReadResponse *page;
    if (self->ctl->keys_in_base64 ||
        (self->client == NULL &&
         ctl_open(self->ctl, TIMEOUT_MS, &self->client, NULL) != STATED_OK)) {
        return;
    }
    options.timeout_ms = TIMEOUT_MS;
    selector.kind_case = STATED__V1__SELECTOR__KIND_PREFIX;
    selector.prefix = prefix;
    request.select = &selectors;
    request.n_select = 1;
    request.limit = MOST_KEYS;
    request.keys_only = true;
    request.consistency = STATED__V1__CONSISTENCY__CONSISTENCY_COMMITTED;
    if (stated_v1_state_service_read(self->client, &options, &request, &page, NULL) != STATED_OK) {
        return;
    }
    for (size_t i = 0; i < page->n_entries; i++) {
        complete_add(complete, page->entries[i]->key);
    }
    stated__v1__read_response__free_unpacked(page, NULL);
}

void key_source_close(struct key_source *self)
{
    stated_client_close(self->client);
    self->client = NULL;
}
