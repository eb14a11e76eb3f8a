#include "bench/journal.h"

#include "order/call_log.h"
#include "stated/v1/state.stated-client.h"

#include <errno.h>
#include <string.h>

enum stated_code journal_open(struct journal *self, const char *path, struct stated_status *status)
{
    self->file = fopen(path, "w");
    atomic_init(&self->incomplete, false);
    if (self->file == NULL) {
        return stated_status_set(status, STATED_INVALID_ARGUMENT, "cannot write %s: %s", path,
                                 strerror(errno));
    }
    return STATED_OK;
}

void journal_append(struct journal *self, const ProtobufCMessage *request,
                    const ProtobufCMessage *response, const struct stated_status *status,
                    uint64_t sent_ns, uint64_t received_ns)
{
    if (self == NULL) {
        return;
    }
    bool read = request->descriptor == stated_v1_state_service_read_method.request;
    const struct stated_client_method *method =
        read ? &stated_v1_state_service_read_method : &stated_v1_state_service_write_method;
    struct call_record record = {.method = method->name,
                                 .request = (ProtobufCMessage *)(uintptr_t)request,
                                 .response = (ProtobufCMessage *)(uintptr_t)response,
                                 .code = status->code,
                                 .epoch = status->order.epoch,
                                 .ticket = status->order.ticket,
                                 .sent_ns = sent_ns,
                                 .received_ns = received_ns};
    if (call_log_append(self->file, &record) != STATED_OK) {
        atomic_store(&self->incomplete, true);
    }
}

enum stated_code journal_close(struct journal *self, struct stated_status *status)
{
    bool flushed = fclose(self->file) == 0;
    if (!flushed || atomic_load(&self->incomplete)) {
        return stated_status_set(status, STATED_DATA_LOSS, "the order log is incomplete: %s",
                                 flushed ? "not every call could be written" : strerror(errno));
    }
    return STATED_OK;
}
