#include "order/call_log.h"

#include "stated/client.h"
#include "stated/v1/state.stated-client.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 1024, EPOCH_DIGITS = 16 };

/* Of the methods whose calls have a place in the order; NULL for others. */
static const struct stated_client_method *method_of(const char *name)
{
    for (size_t i = 0; stated_v1_state_service_calls[i] != NULL; i++) {
        const struct stated_client_method *method = stated_v1_state_service_calls[i];
        bool ordered =
            method->access == STATED_ACCESS_READ || method->access == STATED_ACCESS_WRITE;
        if (ordered && strcmp(method->name, name) == 0) {
            return method;
        }
    }
    return NULL;
}

/* The packed message in hexadecimal, malloc'ed; NULL when memory is out. */
static char *message_to_hex(const ProtobufCMessage *message)
{
    static const char digits[] = "0123456789abcdef";
    size_t length = protobuf_c_message_get_packed_size(message);
    char *hex = malloc(2 * length + 1);
    if (hex == NULL) {
        return NULL;
    }
    /* Packed into the upper half, spread out from the front: never catches up with itself. */
    uint8_t *packed = (uint8_t *)hex + length;
    protobuf_c_message_pack(message, packed);
    for (size_t i = 0; i < length; i++) {
        uint8_t byte = packed[i];
        hex[2 * i] = digits[byte >> 4];
        hex[2 * i + 1] = digits[byte & 15];
    }
    hex[2 * length] = '\0';
    return hex;
}

static int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static ProtobufCMessage *message_from_hex(const ProtobufCMessageDescriptor *type, const char *hex)
{
    ProtobufCMessage *message = NULL;
    size_t length = strlen(hex);
    uint8_t *packed = malloc(length / 2 + 1);
    if (packed == NULL || length % 2 != 0) {
        goto free_packed;
    }
    for (size_t i = 0; i < length; i += 2) {
        int high = hex_digit(hex[i]);
        int low = hex_digit(hex[i + 1]);
        if (high < 0 || low < 0) {
            goto free_packed;
        }
        packed[i / 2] = (uint8_t)(high << 4 | low);
    }
    message = protobuf_c_message_unpack(type, NULL, length / 2, packed);
free_packed:
    free(packed);
    return message;
}

enum stated_code call_log_append(FILE *file, const struct call_record *record)
{
    enum stated_code code = STATED_RESOURCE_EXHAUSTED;
    char *request = message_to_hex(record->request);
    char *response = record->response == NULL ? NULL : message_to_hex(record->response);
    if (request == NULL || (response == NULL && record->response != NULL)) {
        goto free_hex;
    }
    int written = fprintf(
        file,
        "{\"method\": \"%s\", \"code\": \"%s\", \"epoch\": \"%0*" PRIx64 "\", \"ticket\": %" PRIu64
        ", \"sent_ns\": %" PRIu64 ", \"received_ns\": %" PRIu64 ", \"request\": \"%s\"%s%s%s}\n",
        record->method, stated_code_name(record->code), EPOCH_DIGITS, record->epoch, record->ticket,
        record->sent_ns, record->received_ns, request, response == NULL ? "" : ", \"response\": \"",
        response == NULL ? "" : response, response == NULL ? "" : "\"");
    code = written < 0 ? STATED_UNAVAILABLE : STATED_OK;
free_hex:
    free(response);
    free(request);
    return code;
}

bool call_record_is_read(const struct call_record *self)
{
    return self->request->descriptor == &stated__v1__read_request__descriptor;
}

void call_log_init(struct call_log *self)
{
    *self = (struct call_log){0};
}

static void record_deinit(struct call_record *record)
{
    if (record->response != NULL) {
        protobuf_c_message_free_unpacked(record->response, NULL);
    }
    if (record->request != NULL) {
        protobuf_c_message_free_unpacked(record->request, NULL);
    }
}

void call_log_deinit(struct call_log *self)
{
    for (size_t i = 0; i < self->n_records; i++) {
        record_deinit(&self->records[i]);
    }
    free(self->records);
    call_log_init(self);
}

static struct call_record *log_grow(struct call_log *self)
{
    if (self->n_records == self->capacity) {
        size_t capacity = self->capacity == 0 ? FIRST_CAPACITY : 2 * self->capacity;
        struct call_record *records = realloc(self->records, capacity * sizeof *records);
        if (records == NULL) {
            return NULL;
        }
        self->records = records;
        self->capacity = capacity;
    }
    return &self->records[self->n_records];
}

static bool code_parse(const char *name, enum stated_code *code)
{
#define CODE_CASE(member, number)                                                                  \
    if (strcmp(name, #member) == 0) {                                                              \
        *code = STATED_##member;                                                                   \
        return true;                                                                               \
    }
    STATED_CODES(CODE_CASE)
#undef CODE_CASE
    return false;
}

/* A non-negative number of the line. */
static bool number_get(const json_t *line, const char *name, uint64_t *number)
{
    const json_t *value = json_object_get(line, name);
    if (!json_is_integer(value) || json_integer_value(value) < 0) {
        return false;
    }
    *number = (uint64_t)json_integer_value(value);
    return true;
}

/* NULL, or what of the line is not as it should be. */
static const char *record_read(struct call_record *record, const struct stated_client_method *types,
                               const json_t *line)
{
    const char *code = json_string_value(json_object_get(line, "code"));
    const char *epoch = json_string_value(json_object_get(line, "epoch"));
    const char *request = json_string_value(json_object_get(line, "request"));
    const char *response = json_string_value(json_object_get(line, "response"));
    char *end = NULL;

    *record = (struct call_record){.method = types->name};
    if (code == NULL || !code_parse(code, &record->code)) {
        return "code";
    }
    record->epoch = epoch == NULL ? 0 : strtoull(epoch, &end, 16);
    if (end == NULL || end == epoch || *end != '\0') {
        return "epoch";
    }
    if (!number_get(line, "ticket", &record->ticket)) {
        return "ticket";
    }
    if (!number_get(line, "sent_ns", &record->sent_ns)) {
        return "sent_ns";
    }
    if (!number_get(line, "received_ns", &record->received_ns)) {
        return "received_ns";
    }
    record->request = request == NULL ? NULL : message_from_hex(types->request, request);
    if (record->request == NULL) {
        return "request";
    }
    record->response = response == NULL ? NULL : message_from_hex(types->response, response);
    return (record->response == NULL) == (record->code == STATED_OK) ? "response" : NULL;
}

static enum stated_code log_add(struct call_log *self, const json_t *line, size_t line_number,
                                struct stated_status *status)
{
    const char *method = json_string_value(json_object_get(line, "method"));
    if (method == NULL) {
        return stated_status_set(status, STATED_INVALID_ARGUMENT,
                                 "line %zu: \"method\" is missing or no text", line_number);
    }
    const struct stated_client_method *types = method_of(method);
    if (types == NULL) {
        return STATED_OK;
    }
    struct call_record *record = log_grow(self);
    if (record == NULL) {
        return stated_status_set(status, STATED_RESOURCE_EXHAUSTED, "no memory for line %zu",
                                 line_number);
    }
    const char *wrong = record_read(record, types, line);
    if (wrong != NULL) {
        record_deinit(record);
        return stated_status_set(status, STATED_INVALID_ARGUMENT,
                                 "line %zu: \"%s\" is missing or not what a record has there",
                                 line_number, wrong);
    }
    self->n_records++;
    return STATED_OK;
}

enum stated_code call_log_read(struct call_log *self, FILE *file, struct stated_status *status)
{
    enum stated_code code = STATED_OK;
    char *text = NULL;
    size_t size = 0;
    size_t line_number = 0;
    ssize_t length;
    while (code == STATED_OK && (length = getline(&text, &size, file)) >= 0) {
        json_error_t error;
        line_number++;
        json_t *line = json_loadb(text, (size_t)length, 0, &error);
        if (line == NULL) {
            code = stated_status_set(status, STATED_INVALID_ARGUMENT, "line %zu is not JSON: %s",
                                     line_number, error.text);
        } else {
            code = log_add(self, line, line_number, status);
            json_decref(line);
        }
    }
    if (code == STATED_OK && ferror(file)) {
        code = stated_status_set(status, STATED_UNAVAILABLE, "the log cannot be read: %s",
                                 strerror(errno));
    }
    free(text);
    return code;
}
