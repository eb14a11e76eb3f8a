#include "order/order_log.h"

#include <inttypes.h>

struct order_log {
    FILE *file;
    order_log_name name;
    const void *argument;
};

static const char *truth(bool value)
{
    return value ? "true" : "false";
}

static void put_name(const struct order_log *self, const char *label, uint32_t key)
{
    char name[ORDER_LOG_NAME_BYTES];
    size_t length = self->name(self->argument, key, name);
    fprintf(self->file, "{\"%s\":\"%.*s\"", label, (int)length, name);
}

static void put_value(const struct order_log *self, struct oracle_value value)
{
    switch (value.kind) {
    case ORACLE_ABSENT:
        fputs(",\"value\":null", self->file);
        break;
    case ORACLE_BYTES:
        fprintf(self->file, ",\"value\":\"xxh3:%016" PRIx64 "\"", value.bits);
        break;
    case ORACLE_NUMBER:
        fprintf(self->file, ",\"value\":%" PRId64, (int64_t)value.bits);
        break;
    }
}

static void put_entry(const struct order_log *self, struct oracle_value value, uint64_t version,
                      uint64_t mod_revision)
{
    put_value(self, value);
    fprintf(self->file, ",\"version\":%" PRIu64 ",\"mod_revision\":%" PRIu64 "}", version,
            mod_revision);
}

static void put_step(const struct order_log *self, const struct oracle_step *step)
{
    static const char *const labels[] = {[ORACLE_EXPECT] = "expect",
                                         [ORACLE_PUT] = "put",
                                         [ORACLE_DELETE] = "delete",
                                         [ORACLE_ADD] = "add"};
    put_name(self, labels[step->action], step->key);
    if (step->action == ORACLE_EXPECT) {
        put_entry(self, step->value, step->version, step->mod_revision);
        return;
    }
    if (step->action != ORACLE_DELETE) {
        put_value(self, step->value);
    }
    fputc('}', self->file);
}

static void put_call(const struct order_log *self, const struct oracle_call *call)
{
    fprintf(self->file,
            "{\"ticket\":%" PRIu64 ",\"sent_ns\":%" PRIu64 ",\"received_ns\":%" PRIu64
            ",\"revision\":%" PRIu64 ",\"write\":%s,\"lost\":%s,\"steps\":[",
            call->ticket, call->sent_ns, call->received_ns, call->revision, truth(call->writes),
            truth(call->lost));
    for (uint32_t i = 0; i < call->n_steps; i++) {
        if (i > 0) {
            fputc(',', self->file);
        }
        put_step(self, &call->steps[i]);
    }
    fputs("]}\n", self->file);
}

void order_log_write(FILE *file, const struct oracle_history *history, order_log_name name,
                     const void *argument)
{
    const struct order_log log = {.file = file, .name = name, .argument = argument};
    for (size_t key = 0; key < history->n_keys; key++) {
        const struct oracle_cell *cell = &history->cells[key];
        if (cell->value.kind != ORACLE_ABSENT) {
            put_name(&log, "state", (uint32_t)key);
            put_entry(&log, cell->value, cell->version, cell->mod_revision);
            fputc('\n', file);
        }
    }
    for (size_t i = 0; i < history->n_calls; i++) {
        put_call(&log, &history->calls[i]);
    }
}
