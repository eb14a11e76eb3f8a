/* Does a request frame come out as it went in, and is every other frame refused for the right
   reason, without memory that a client could run up? */
#include "test.h"

#include "fault_allocator.h"
#include "frame.h"
#include "google/protobuf/descriptor.pb-c.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CALLS 8

/* What a frame may make the decoder allocate, per byte of it. */
#define MAX_BYTES_PER_BYTE 128

static const uint8_t client_id[FRAME_CLIENT_ID_BYTES] = "0123456789abcdef";

/* A frame under construction. */
struct bytes {
    uint8_t data[64 << 10];
    size_t length;
};

static void add(struct bytes *self, const void *data, size_t length)
{
    assert_in_range(self->length + length, 0, sizeof(self->data));
    memcpy(self->data + self->length, data, length);
    self->length += length;
}

#define ADD(self, literal) add(self, literal, sizeof(literal) - 1)

static void add_header(struct bytes *self, const uint8_t *id, uint64_t acked_below)
{
    uint8_t *start = self->data + self->length;
    uint8_t *end = frame_put_request_header(start, id, acked_below);
    assert_int_equal(end - start, frame_request_header_size(id, acked_below));
    self->length += (size_t)(end - start);
}

static void add_call(struct bytes *self, const struct frame_call *call)
{
    uint8_t *start = self->data + self->length;
    uint8_t *end = frame_put_call(start, call);
    assert_int_equal(end - start, frame_call_size(call));
    self->length += (size_t)(end - start);
}

/* Unpacks a copy of exactly these bytes, so that a sanitizer sees a byte read too many. */
static enum stated_code unpack(const uint8_t *data, size_t length, size_t max_calls,
                               struct fault_allocator *memory, Stated__V1__RequestFrame **frame,
                               struct stated_status *status)
{
    uint8_t *copy = malloc(length + 1);
    assert_non_null(copy);
    memcpy(copy + 1, data, length);
    *status = (struct stated_status){.code = STATED_OK};
    enum stated_code code =
        frame_unpack_request(copy + 1, length, max_calls, &memory->allocator, frame, status);
    free(copy);
    assert_int_equal(*frame != NULL, code == STATED_OK);
    assert_int_equal(status->code, code);
    assert_int_equal(status->message[0] != '\0', code != STATED_OK);
    return code;
}

static void assert_refused(const struct bytes *bytes, enum stated_code code, const char *message)
{
    struct fault_allocator memory;
    Stated__V1__RequestFrame *frame;
    struct stated_status status;
    fault_allocator_init(&memory, 0);
    assert_int_equal(unpack(bytes->data, bytes->length, MAX_CALLS, &memory, &frame, &status), code);
    assert_string_equal(status.message, message);
    assert_int_equal(memory.live, 0);
}

static Stated__V1__RequestFrame *assert_accepted(const struct bytes *bytes)
{
    static struct fault_allocator memory;
    Stated__V1__RequestFrame *frame;
    struct stated_status status;
    fault_allocator_init(&memory, 0);
    enum stated_code code = unpack(bytes->data, bytes->length, MAX_CALLS, &memory, &frame, &status);
    assert_string_equal(status.message, "");
    assert_int_equal(code, STATED_OK);
    return frame;
}

static void free_frame(Stated__V1__RequestFrame *frame)
{
    stated__v1__request_frame__free_unpacked(frame, NULL);
}

/* Three calls: everything set, nothing but a name, and the largest figures. */
static void build_frame(struct bytes *bytes)
{
    bytes->length = 0;
    add_header(bytes, client_id, 41);
    add_call(bytes,
             &(struct frame_call){"a.b.C/Write", (const uint8_t *)"pay\0load", 8, 250, 17, NULL});
    add_call(bytes, &(struct frame_call){"a.b.C/Empty", NULL, 0, 0, 0, NULL});
    add_call(bytes, &(struct frame_call){"a.b.C/Max", (const uint8_t *)"x", 1, UINT32_MAX,
                                         UINT64_MAX, NULL});
}

static void test_round_trip(void **state)
{
    (void)state;
    struct bytes bytes;
    build_frame(&bytes);
    Stated__V1__RequestFrame *frame = assert_accepted(&bytes);
    assert_int_equal(frame->client_id.len, FRAME_CLIENT_ID_BYTES);
    assert_memory_equal(frame->client_id.data, client_id, FRAME_CLIENT_ID_BYTES);
    assert_int_equal(frame->acked_below, 41);
    assert_int_equal(frame->n_calls, 3);

    assert_string_equal(frame->calls[0]->method, "a.b.C/Write");
    assert_int_equal(frame->calls[0]->payload.len, 8);
    assert_memory_equal(frame->calls[0]->payload.data, "pay\0load", 8);
    assert_int_equal(frame->calls[0]->timeout_ms, 250);
    assert_int_equal(frame->calls[0]->sequence, 17);

    assert_string_equal(frame->calls[1]->method, "a.b.C/Empty");
    assert_int_equal(frame->calls[1]->payload.len, 0);
    assert_int_equal(frame->calls[1]->timeout_ms, 0);
    assert_int_equal(frame->calls[1]->sequence, 0);

    assert_true(frame->calls[2]->timeout_ms == UINT32_MAX);
    assert_true(frame->calls[2]->sequence == UINT64_MAX);
    free_frame(frame);
}

/* What we write is byte for byte what protobuf-c writes. */
static void test_encoding_is_protobufs(void **state)
{
    (void)state;
    struct bytes bytes;
    build_frame(&bytes);
    Stated__V1__RequestFrame *frame = assert_accepted(&bytes);
    struct bytes packed;
    packed.length = stated__v1__request_frame__pack(frame, packed.data);
    assert_int_equal(packed.length, bytes.length);
    assert_memory_equal(packed.data, bytes.data, bytes.length);
    free_frame(frame);
}

static void test_header_may_be_empty(void **state)
{
    (void)state;
    struct bytes bytes = {.length = 0};
    add_header(&bytes, NULL, 0);
    assert_int_equal(bytes.length, 0);
    add_call(&bytes, &(struct frame_call){"m", NULL, 0, 0, 0, NULL});
    Stated__V1__RequestFrame *frame = assert_accepted(&bytes);
    assert_int_equal(frame->client_id.len, 0);
    assert_int_equal(frame->acked_below, 0);
    free_frame(frame);
}

/* A header of 2^32 - 1 and a payload beside each border of a length's varint. */
static void test_payload_lengths(void **state)
{
    (void)state;
    static uint8_t payload[20000];
    static const size_t lengths[] = {1, 127, 128, 129, 16383, 16384, 16385, 20000};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct bytes bytes = {.length = 0};
        memset(payload, (int)i, lengths[i]);
        add_call(&bytes, &(struct frame_call){"m", payload, lengths[i], 0, 0, NULL});
        Stated__V1__RequestFrame *frame = assert_accepted(&bytes);
        assert_int_equal(frame->calls[0]->payload.len, lengths[i]);
        assert_memory_equal(frame->calls[0]->payload.data, payload, lengths[i]);
        free_frame(frame);
    }
}

static void test_a_request_is_packed_in_place(void **state)
{
    (void)state;
    Stated__V1__Order order = STATED__V1__ORDER__INIT; /* any message */
    for (uint64_t ticket = 0; ticket < 2; ticket++) {
        order.ticket = ticket;
        uint8_t packed[16];
        struct frame_call call = {.method = "a.B/C", .timeout_ms = 3, .sequence = 4};
        call.payload_bytes = stated__v1__order__pack(&order, packed);
        call.request = &order.base;
        struct bytes in_place = {0};
        add_call(&in_place, &call);
        call.request = NULL;
        call.payload = packed;
        struct bytes copied = {0};
        add_call(&copied, &call);
        assert_int_equal(in_place.length, copied.length);
        assert_memory_equal(in_place.data, copied.data, copied.length);
    }
}

static void test_no_calls(void **state)
{
    (void)state;
    struct bytes bytes = {.length = 0};
    assert_refused(&bytes, STATED_INVALID_ARGUMENT,
                   "a frame of 0 bytes without a call; send at least one");
    add_header(&bytes, client_id, 7);
    assert_refused(&bytes, STATED_INVALID_ARGUMENT,
                   "a frame of 20 bytes without a call; send at least one");
}

static void test_nothing_at_no_address(void **state)
{
    (void)state;
    struct fault_allocator memory;
    Stated__V1__RequestFrame *frame;
    fault_allocator_init(&memory, 0);
    assert_int_equal(frame_unpack_request(NULL, 0, 1, &memory.allocator, &frame, NULL),
                     STATED_INVALID_ARGUMENT);
}

static void test_number_of_calls(void **state)
{
    (void)state;
    struct bytes bytes = {.length = 0};
    struct fault_allocator memory;
    Stated__V1__RequestFrame *frame;
    struct stated_status status;
    for (size_t n = 1; n <= MAX_CALLS; n++) {
        ADD(&bytes, "\x1a\x00");
        frame = assert_accepted(&bytes);
        assert_int_equal(frame->n_calls, n);
        free_frame(frame);
    }
    ADD(&bytes, "\x1a\x00");
    fault_allocator_init(&memory, 0);
    assert_int_equal(unpack(bytes.data, bytes.length, MAX_CALLS, &memory, &frame, &status),
                     STATED_RESOURCE_EXHAUSTED);
    assert_string_equal(status.message, "9 calls in one frame, 8 are allowed; send several frames");
    assert_int_equal(memory.allocations, 0);
}

static void test_client_id_lengths(void **state)
{
    (void)state;
    for (size_t length = 0; length < 40; length++) {
        struct bytes bytes = {.length = 0};
        const uint8_t prefix[] = {0x0a, (uint8_t)length};
        add(&bytes, prefix, 2);
        add(&bytes, "0123456789012345678901234567890123456789", length);
        ADD(&bytes, "\x1a\x00");
        if (length == 0 || length == FRAME_CLIENT_ID_BYTES) {
            free_frame(assert_accepted(&bytes));
            continue;
        }
        char message[STATED_MESSAGE_BYTES];
        snprintf(message, sizeof(message),
                 "client_id is %zu bytes long; send the same 16 random bytes in every frame, or "
                 "none",
                 length);
        assert_refused(&bytes, STATED_INVALID_ARGUMENT, message);
    }
}

/* Only the last would count, but no client sends two. */
static void test_every_client_id_is_checked(void **state)
{
    (void)state;
    struct bytes bytes = {.length = 0};
    ADD(&bytes, "\x0a\x03xyz");
    add_header(&bytes, client_id, 0);
    ADD(&bytes, "\x1a\x00");
    assert_refused(&bytes, STATED_INVALID_ARGUMENT,
                   "client_id is 3 bytes long; send the same 16 random bytes in every frame, or "
                   "none");
}

static void test_not_protobuf(void **state)
{
    (void)state;
    struct bytes bytes = {.length = 0};
    ADD(&bytes, "GET / HTTP/1.1\r\n\r\n");
    assert_refused(&bytes, STATED_INVALID_ARGUMENT,
                   "not a stated.v1.RequestFrame: 18 bytes, no field at byte 0");
    bytes.length = 0;
    ADD(&bytes, "\x1a\x00\x1a\x7f");
    assert_refused(&bytes, STATED_INVALID_ARGUMENT,
                   "not a stated.v1.RequestFrame: 4 bytes, no field at byte 2");
}

/* The top level is well-formed; what is in a call is not. */
static void test_not_a_call(void **state)
{
    (void)state;
    static const char *const calls[] = {
        "\x1a\x02\x0a\x05", /* a method of five bytes, none there */
        "\x1a\x01\x18",     /* a timeout without a number */
        "\x1a\x02\x08\x01", /* a method that is a number */
        "\x1a\x01\x0b",     /* a group */
        "\x18\x01",         /* a call that is a number */
    };
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        struct bytes bytes = {.length = 0};
        add(&bytes, calls[i], strlen(calls[i]));
        char message[STATED_MESSAGE_BYTES];
        snprintf(message, sizeof(message),
                 "not a stated.v1.RequestFrame: %zu bytes, one of its 1 calls is no "
                 "stated.v1.Call",
                 bytes.length);
        assert_refused(&bytes, STATED_INVALID_ARGUMENT, message);
    }
}

static void test_unknown_fields_are_tolerated(void **state)
{
    (void)state;
    struct bytes bytes = {.length = 0};
    ADD(&bytes, "\xa0\x06\x05"); /* 100: varint */
    ADD(&bytes, "\xa1\x06"
                "12345678"); /* 100: fixed64 */
    ADD(&bytes, "\xa2\x06\x03"
                "abc"); /* 100: bytes */
    ADD(&bytes, "\xa5\x06"
                "1234");                            /* 100: fixed32 */
    ADD(&bytes, "\x1a\x08\xa2\x06\x02zz\x0a\x01m"); /* a call: 100, then its method */
    Stated__V1__RequestFrame *frame = assert_accepted(&bytes);
    assert_int_equal(frame->n_calls, 1);
    assert_string_equal(frame->calls[0]->method, "m");
    free_frame(frame);
}

/* Every beginning of a frame is either a frame of its own, where a call ends, or refused. */
static void test_cut_at_every_byte(void **state)
{
    (void)state;
    struct bytes bytes;
    build_frame(&bytes);
    size_t accepted = 0;
    for (size_t length = 0; length <= bytes.length; length++) {
        struct fault_allocator memory;
        Stated__V1__RequestFrame *frame;
        struct stated_status status;
        fault_allocator_init(&memory, 0);
        enum stated_code code = unpack(bytes.data, length, MAX_CALLS, &memory, &frame, &status);
        if (code == STATED_OK) {
            accepted++;
            assert_int_equal(frame->n_calls, accepted);
            free_frame(frame);
            continue;
        }
        assert_int_equal(code, STATED_INVALID_ARGUMENT);
        assert_int_equal(memory.allocations, 0);
    }
    assert_int_equal(accepted, 3);
}

static void test_memory_gives_out_everywhere(void **state)
{
    (void)state;
    struct bytes bytes;
    build_frame(&bytes);
    ADD(&bytes, "\xa2\x06\x03"
                "abc"); /* an unknown field takes memory as well */
    enum stated_code code = STATED_RESOURCE_EXHAUSTED;
    size_t n = 1;
    for (; code == STATED_RESOURCE_EXHAUSTED; n++) {
        struct fault_allocator memory;
        Stated__V1__RequestFrame *frame;
        struct stated_status status;
        fault_allocator_init(&memory, n);
        code = unpack(bytes.data, bytes.length, MAX_CALLS, &memory, &frame, &status);
        if (code == STATED_OK) {
            stated__v1__request_frame__free_unpacked(frame, &memory.allocator);
        } else {
            assert_non_null(strstr(status.message, "needs more memory"));
        }
        assert_int_equal(memory.live, 0);
        assert_in_range(n, 1, 100);
    }
    assert_int_equal(code, STATED_OK);
    assert_in_range(n, 10, 100); /* the frame needs as many allocations: the loop was no sham */
}

/* What a frame makes the decoder allocate grows with its length, whatever is in it. */
static void assert_bounded(const char *piece, size_t piece_length, const char *what)
{
    static struct bytes bytes;
    bytes.length = 0;
    ADD(&bytes, "\x1a\x00");
    while (bytes.length + piece_length <= sizeof(bytes.data)) {
        add(&bytes, piece, piece_length);
    }
    struct fault_allocator memory;
    Stated__V1__RequestFrame *frame;
    struct stated_status status;
    fault_allocator_init(&memory, 0);
    enum stated_code code =
        unpack(bytes.data, bytes.length, bytes.length, &memory, &frame, &status);
    if (code == STATED_OK) {
        stated__v1__request_frame__free_unpacked(frame, &memory.allocator);
    }
    print_message("%s: %zu bytes for %zu\n", what, memory.bytes, bytes.length);
    assert_int_equal(memory.live, 0);
    assert_in_range(memory.bytes, 0, MAX_BYTES_PER_BYTE * bytes.length);
}

#define ASSERT_BOUNDED(piece, what) assert_bounded(piece, sizeof(piece) - 1, what)

static void test_memory_is_bounded(void **state)
{
    (void)state;
    ASSERT_BOUNDED("\x1a\x00", "calls without anything");
    ASSERT_BOUNDED("\x1a\x02\x0a\x00", "calls with an empty method");
    ASSERT_BOUNDED("\x10\x01", "acked_below");
    ASSERT_BOUNDED("\x0a\x00", "empty client ids");
    ASSERT_BOUNDED("\x22\x00", "unknown bytes");
    ASSERT_BOUNDED("\x20\x01", "unknown varints");
    ASSERT_BOUNDED("\x1a\x08\x22\x00\x22\x00\x22\x00\x22\x00", "calls of unknown bytes");
}

/* All of it in one call: a method after the other, of which the last counts. */
static void test_memory_of_one_call_is_bounded(void **state)
{
    (void)state;
    static struct bytes bytes;
    bytes.length = 0;
    ADD(&bytes, "\x1a\xf8\xff\x03"); /* 65528 bytes */
    for (size_t i = 0; i < 65528 / 2; i++) {
        ADD(&bytes, "\x0a\x00");
    }
    struct fault_allocator memory;
    Stated__V1__RequestFrame *frame;
    struct stated_status status;
    fault_allocator_init(&memory, 0);
    assert_int_equal(unpack(bytes.data, bytes.length, 1, &memory, &frame, &status), STATED_OK);
    stated__v1__request_frame__free_unpacked(frame, &memory.allocator);
    assert_int_equal(memory.live, 0);
    assert_in_range(memory.bytes, 0, MAX_BYTES_PER_BYTE * bytes.length);
}

/* The control: the bound objects to a message of which protobuf merges one field again and again,
   each time copying what it has. No frame has such a field; FileDescriptorProto.options is one. */
static void test_bound_notices_quadratic_merging(void **state)
{
    (void)state;
    static struct bytes bytes;
    bytes.length = 0;
    while (bytes.length < 16 << 10) {
        ADD(&bytes, "\x42\x03\xba\x3e\x00"); /* options { uninterpreted_option {} } */
    }
    struct fault_allocator memory;
    fault_allocator_init(&memory, 0);
    Google__Protobuf__FileDescriptorProto *message =
        google__protobuf__file_descriptor_proto__unpack(&memory.allocator, bytes.length,
                                                        bytes.data);
    assert_non_null(message);
    assert_int_equal(message->options->n_uninterpreted_option, bytes.length / 5);
    google__protobuf__file_descriptor_proto__free_unpacked(message, &memory.allocator);
    assert_true(memory.bytes > MAX_BYTES_PER_BYTE * bytes.length);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_encoding_is_protobufs),
        cmocka_unit_test(test_header_may_be_empty),
        cmocka_unit_test(test_payload_lengths),
        cmocka_unit_test(test_a_request_is_packed_in_place),
        cmocka_unit_test(test_no_calls),
        cmocka_unit_test(test_nothing_at_no_address),
        cmocka_unit_test(test_number_of_calls),
        cmocka_unit_test(test_client_id_lengths),
        cmocka_unit_test(test_every_client_id_is_checked),
        cmocka_unit_test(test_not_protobuf),
        cmocka_unit_test(test_not_a_call),
        cmocka_unit_test(test_unknown_fields_are_tolerated),
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_memory_gives_out_everywhere),
        cmocka_unit_test(test_memory_is_bounded),
        cmocka_unit_test(test_memory_of_one_call_is_bounded),
        cmocka_unit_test(test_bound_notices_quadratic_merging),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
