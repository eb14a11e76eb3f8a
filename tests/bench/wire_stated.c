/* stated: SP over tcp, and in it frames of one call or of many. Frames are protobuf messages, so
   those with one call each, one behind the other, are a frame of all of them. */
#include "frame.h"
#include "stated/v1/state.pb-c.h"
#include "wire.h"
#include "wire_protocol.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

enum {
    LENGTH_BYTES = 8,
    ID_BYTES = 4,
    TIMEOUT_MS = 60000,
    FIELD_REPLIES = 2,
    FIELD_STATUS = 1,
    FIELD_PAYLOAD = 2,
    KEY_BYTES = WIRE_PREFIX_BYTES + WIRE_KEY_DIGITS,
};

static const uint8_t greeting[8] = {0x00, 'S', 'P', 0x00, 0x00, 0x30, 0x00, 0x00};

/* A frame of one call as a template; the key is found in it by what it says. */
static void make_template(struct wire_template *template, const char *method,
                          const ProtobufCMessage *request, const char *key)
{
    const struct frame_call call = {.method = method,
                                    .request = request,
                                    .payload_bytes = protobuf_c_message_get_packed_size(request),
                                    .timeout_ms = TIMEOUT_MS};
    size_t size = frame_call_size(&call);
    uint8_t *bytes = malloc(size);
    if (bytes == NULL) {
        abort();
    }
    frame_put_call(bytes, &call);
    wire_template_add(template, bytes, size);
    free(bytes);
    size_t at = 0;
    while (memcmp(template->bytes + at, key, KEY_BYTES) != 0) {
        at++;
    }
    template->digits_at = at + WIRE_PREFIX_BYTES;
}

static void prepare(struct wire_speaker *speaker)
{
    static char key[] = "bench/00000000";
    const ProtobufCBinaryData name = {KEY_BYTES, (uint8_t *)key};
    Stated__V1__Selector selector = STATED__V1__SELECTOR__INIT;
    Stated__V1__Selector *select[] = {&selector};
    Stated__V1__ReadRequest read = STATED__V1__READ_REQUEST__INIT;
    selector.kind_case = STATED__V1__SELECTOR__KIND_KEY;
    selector.key = name;
    read.n_select = 1;
    read.select = select;
    read.consistency = speaker->committed ? STATED__V1__CONSISTENCY__CONSISTENCY_COMMITTED
                                          : STATED__V1__CONSISTENCY__CONSISTENCY_ORDERED;
    make_template(&speaker->read, "stated.v1.StateService/Read", &read.base, key);

    struct wire_template value = {0};
    wire_template_add_value(&value, speaker->value_bytes);
    Stated__V1__Put put = STATED__V1__PUT__INIT;
    Stated__V1__Mutation mutation = STATED__V1__MUTATION__INIT;
    Stated__V1__Mutation *mutations[] = {&mutation};
    Stated__V1__WriteRequest write = STATED__V1__WRITE_REQUEST__INIT;
    put.key = name;
    put.value = (ProtobufCBinaryData){speaker->value_bytes, value.bytes};
    mutation.kind_case = STATED__V1__MUTATION__KIND_PUT;
    mutation.put = &put;
    write.n_mutations = 1;
    write.mutations = mutations;
    make_template(&speaker->write, "stated.v1.StateService/Write", &write.base, key);
    free(value.bytes);
}

static uint8_t *put(const struct wire_speaker *speaker, const struct wire_call *calls, unsigned n,
                    uint8_t *out)
{
    for (unsigned i = 0; i < n;) {
        uint8_t *head = out;
        out += LENGTH_BYTES + ID_BYTES;
        for (unsigned end = i + speaker->calls_per_message; i < n && i < end; i++) {
            out = wire_template_put(calls[i].read ? &speaker->read : &speaker->write, calls[i].key,
                                    out);
        }
        uint64_t length = htobe64((uint64_t)(out - head) - LENGTH_BYTES);
        uint32_t id = htobe32(0x80000000u | i);
        memcpy(head, &length, LENGTH_BYTES);
        memcpy(head + LENGTH_BYTES, &id, ID_BYTES);
    }
    return out;
}

/* A read that shows nothing has a payload smaller than the value. */
static bool is_success(const struct wire_speaker *speaker, const struct wire_field *reply)
{
    struct wire_reader reader = wire_reader_init(reply->data, reply->length);
    struct wire_field field;
    bool success = true;
    bool read = reply->length > speaker->value_bytes;
    while (wire_next(&reader, &field) == WIRE_FIELD) {
        success = success && field.number != FIELD_STATUS;
        read = read || (field.number == FIELD_PAYLOAD && field.length > 0 && field.data[0] == 0x08);
    }
    return success && read; /* the first field of a write's response says that it was applied */
}

static size_t take(const struct wire_speaker *speaker, const uint8_t *data, size_t bytes,
                   unsigned *answers, unsigned *failed)
{
    uint64_t length;
    if (bytes < LENGTH_BYTES) {
        return 0;
    }
    memcpy(&length, data, LENGTH_BYTES);
    length = be64toh(length);
    if (bytes - LENGTH_BYTES < length) {
        return 0;
    }
    struct wire_reader reader =
        wire_reader_init(data + LENGTH_BYTES + ID_BYTES, (size_t)length - ID_BYTES);
    struct wire_field field;
    *answers = 0;
    *failed = 0;
    while (wire_next(&reader, &field) == WIRE_FIELD) {
        if (field.number == FIELD_REPLIES) {
            ++*answers;
            *failed += !is_success(speaker, &field);
        }
    }
    return LENGTH_BYTES + (size_t)length;
}

const struct wire_protocol wire_stated = {.name = "stated",
                                          .prepare = prepare,
                                          .put = put,
                                          .take = take,
                                          .greeting = greeting,
                                          .greeting_bytes = sizeof greeting};
