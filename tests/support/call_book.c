#include "call_book.h"

#include <string.h>

#include "test.h"

enum { CALL_NS = 10, REPLY_NS = 5 };

static ProtobufCBinaryData bytes(const char *text)
{
    return (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)text, .len = strlen(text)};
}

void call_book_init(struct call_book *self)
{
    *self = (struct call_book){.file = tmpfile(), .epoch = 7, .ticket = 1, .time_ns = 1000};
    assert_non_null(self->file);
}

void call_book_deinit(struct call_book *self)
{
    fclose(self->file);
}

void call_book_entry(Stated__V1__Entry *entry, const char *key, const char *value,
                     uint64_t mod_revision)
{
    stated__v1__entry__init(entry);
    entry->key = bytes(key);
    entry->value = bytes(value);
    entry->create_revision = mod_revision;
    entry->mod_revision = mod_revision;
    entry->version = 1;
}

static void book_append(struct call_book *self, const char *method, ProtobufCMessage *request,
                        ProtobufCMessage *response)
{
    struct call_record record = {.method = method,
                                 .request = request,
                                 .response = response,
                                 .epoch = self->epoch,
                                 .ticket = self->ticket++,
                                 .sent_ns = self->time_ns,
                                 .received_ns = self->time_ns + REPLY_NS};
    self->time_ns += CALL_NS;
    assert_int_equal(call_log_append(self->file, &record), STATED_OK);
}

void call_book_read(struct call_book *self, Stated__V1__ReadRequest *request,
                    Stated__V1__Entry **entries, size_t n_entries)
{
    Stated__V1__ReadResponse response = STATED__V1__READ_RESPONSE__INIT;
    response.entries = entries;
    response.n_entries = n_entries;
    response.count = n_entries;
    response.revision = self->revision;
    book_append(self, "stated.v1.StateService/Read", &request->base, &response.base);
}

void call_book_get(struct call_book *self, const char *key, const char *value,
                   uint64_t mod_revision)
{
    Stated__V1__ReadRequest request = STATED__V1__READ_REQUEST__INIT;
    Stated__V1__Selector selector = STATED__V1__SELECTOR__INIT;
    Stated__V1__Selector *selectors = &selector;
    Stated__V1__Entry entry;
    Stated__V1__Entry *entries = &entry;
    selector.kind_case = STATED__V1__SELECTOR__KIND_KEY;
    selector.key = bytes(key);
    request.select = &selectors;
    request.n_select = 1;
    if (value != NULL) {
        call_book_entry(&entry, key, value, mod_revision);
    }
    call_book_read(self, &request, &entries, value == NULL ? 0 : 1);
}

void call_book_write(struct call_book *self, Stated__V1__WriteRequest *request,
                     Stated__V1__WriteResponse *response)
{
    self->revision += response->applied && request->n_mutations > 0 ? 1 : 0;
    response->revision = self->revision;
    book_append(self, "stated.v1.StateService/Write", &request->base, &response->base);
}

void call_book_put(struct call_book *self, const char *key, const char *value)
{
    Stated__V1__WriteRequest request = STATED__V1__WRITE_REQUEST__INIT;
    Stated__V1__WriteResponse response = STATED__V1__WRITE_RESPONSE__INIT;
    Stated__V1__Mutation mutation = STATED__V1__MUTATION__INIT;
    Stated__V1__Mutation *mutations = &mutation;
    Stated__V1__Put put = STATED__V1__PUT__INIT;
    put.key = bytes(key);
    put.value = bytes(value);
    mutation.kind_case = STATED__V1__MUTATION__KIND_PUT;
    mutation.put = &put;
    request.mutations = &mutations;
    request.n_mutations = 1;
    response.applied = 1;
    call_book_write(self, &request, &response);
}

void call_book_failure(struct call_book *self, const ProtobufCMessage *request,
                       enum stated_code code, uint64_t ticket)
{
    bool read = request->descriptor == &stated__v1__read_request__descriptor;
    struct call_record record = {.method = read ? "stated.v1.StateService/Read"
                                                : "stated.v1.StateService/Write",
                                 .request = (ProtobufCMessage *)(uintptr_t)request,
                                 .code = code,
                                 .epoch = ticket == 0 ? 0 : self->epoch,
                                 .ticket = ticket,
                                 .sent_ns = self->time_ns,
                                 .received_ns = self->time_ns + REPLY_NS};
    self->time_ns += CALL_NS;
    assert_int_equal(call_log_append(self->file, &record), STATED_OK);
}

void call_book_log(struct call_book *self, struct call_log *log)
{
    struct stated_status status = {0};
    rewind(self->file);
    call_log_init(log);
    enum stated_code code = call_log_read(log, self->file, &status);
    assert_string_equal(status.message, "");
    assert_int_equal(code, STATED_OK);
}
