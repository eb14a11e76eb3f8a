#include "bench/journal.h"

#include "order/call_log.h"
#include "stated/v1/state.pb-c.h"

#include <errno.h>
#include <string.h>

enum { METHOD_BYTES = 128 };

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

/* "package.Service/Method" of the method that takes this request. */
static void method_name(const ProtobufCMessage *request, char name[METHOD_BYTES])
{
    const ProtobufCServiceDescriptor *service = &stated__v1__state_service__descriptor;
    name[0] = '\0';
    for (unsigned i = 0; i < service->n_methods; i++) {
        if (service->methods[i].input == request->descriptor) {
            snprintf(name, METHOD_BYTES, "%s/%s", service->name, service->methods[i].name);
        }
    }
}

void journal_append(struct journal *self, const ProtobufCMessage *request,
                    const ProtobufCMessage *response, const struct stated_status *status,
                    uint64_t sent_ns, uint64_t received_ns)
{
    if (self == NULL) {
        return;
    }
    char method[METHOD_BYTES];
    method_name(request, method);
    struct call_record record = {.method = method,
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
