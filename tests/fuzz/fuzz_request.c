/* Any bytes as a request of the state service: a clean refusal that says why, or a request that the
   engine may run as it is.

   The first byte of an input says which request it is and how much memory there is. */
#include "fuzz.h"

#include "state/validate.h"

#include <stdbool.h>
#include <string.h>

static void check_key(const ProtobufCBinaryData *key)
{
    FUZZ_CHECK(key->len >= 1 && key->len <= VALIDATE_MAX_KEY_BYTES);
}

static int compare(const ProtobufCBinaryData *a, const ProtobufCBinaryData *b)
{
    size_t both = a->len < b->len ? a->len : b->len;
    int order = both == 0 ? 0 : memcmp(a->data, b->data, both);
    return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

static void check_selector(const Stated__V1__Selector *selector)
{
    FUZZ_CHECK(selector);
    switch (selector->kind_case) {
    case STATED__V1__SELECTOR__KIND_KEY:
        check_key(&selector->key);
        break;
    case STATED__V1__SELECTOR__KIND_PREFIX:
        FUZZ_CHECK(selector->prefix.len <= VALIDATE_MAX_KEY_BYTES);
        break;
    case STATED__V1__SELECTOR__KIND_RANGE:
        FUZZ_CHECK(selector->range);
        FUZZ_CHECK(selector->range->start.len <= VALIDATE_MAX_BOUND_BYTES);
        FUZZ_CHECK(selector->range->end.len <= VALIDATE_MAX_BOUND_BYTES);
        FUZZ_CHECK(selector->range->end.len == 0 ||
                   compare(&selector->range->start, &selector->range->end) <= 0);
        break;
    default:
        FUZZ_CHECK(!"a selector without a kind");
    }
}

/* The key that the mutation touches, or NULL when it touches a range. */
static const ProtobufCBinaryData *only_key(const Stated__V1__Mutation *mutation)
{
    switch (mutation->kind_case) {
    case STATED__V1__MUTATION__KIND_PUT:
        return &mutation->put->key;
    case STATED__V1__MUTATION__KIND_ADD:
        return &mutation->add->key;
    case STATED__V1__MUTATION__KIND_DELETE:
        check_selector(mutation->delete_->select);
        return mutation->delete_->select->kind_case == STATED__V1__SELECTOR__KIND_KEY
                   ? &mutation->delete_->select->key
                   : NULL;
    default:
        FUZZ_CHECK(!"a mutation without a kind");
        return NULL;
    }
}

static void check_write(const Stated__V1__WriteRequest *request)
{
    FUZZ_CHECK(request->n_guards <= VALIDATE_MAX_GUARDS);
    FUZZ_CHECK(request->n_mutations <= VALIDATE_MAX_MUTATIONS);
    for (size_t i = 0; i < request->n_guards; i++) {
        check_key(&request->guards[i]->key);
        FUZZ_CHECK(request->guards[i]->must_case != STATED__V1__GUARD__MUST__NOT_SET);
    }
    for (size_t i = 0; i < request->n_mutations; i++) {
        const ProtobufCBinaryData *key = only_key(request->mutations[i]);
        if (key == NULL) {
            continue;
        }
        check_key(key);
        for (size_t j = 0; j < i; j++) {
            const ProtobufCBinaryData *other = only_key(request->mutations[j]);
            FUZZ_CHECK(!other || compare(key, other) != 0);
        }
    }
}

static void check_read(const Stated__V1__ReadRequest *request)
{
    FUZZ_CHECK(request->n_select >= 1 && request->n_select <= VALIDATE_MAX_SELECTORS);
    for (size_t i = 0; i < request->n_select; i++) {
        check_selector(request->select[i]);
    }
    bool is_light = validate_read_is_light(request);
    FUZZ_CHECK(!is_light || request->n_select <= VALIDATE_MAX_LIGHT_SELECTORS);
}

static void check_outcome(enum stated_code code, const char *message)
{
    FUZZ_CHECK(code == STATED_OK || code == STATED_INVALID_ARGUMENT ||
               code == STATED_RESOURCE_EXHAUSTED);
    FUZZ_CHECK(code == STATED_OK || (message && message[0] != '\0'));
}

static void try_request(unsigned kind, const uint8_t *data, size_t length, struct arena *arena)
{
    static const ProtobufCMessageDescriptor *const types[] = {
        &stated__v1__read_request__descriptor, &stated__v1__write_request__descriptor,
        &stated__v1__watch_request__descriptor};
    const char *message = NULL;
    enum stated_code code;
    ProtobufCMessage *request =
        protobuf_c_message_unpack(types[kind], &arena->allocator, length, data);
    if (request == NULL) {
        return;
    }
    if (kind == 0) {
        code = validate_read((const Stated__V1__ReadRequest *)request, arena, &message);
    } else if (kind == 1) {
        code = validate_write((const Stated__V1__WriteRequest *)request, arena, &message);
    } else {
        code = validate_watch((const Stated__V1__WatchRequest *)request, arena, &message);
    }
    check_outcome(code, message);
    if (code == STATED_OK && kind == 0) {
        check_read((const Stated__V1__ReadRequest *)request);
    } else if (code == STATED_OK && kind == 1) {
        check_write((const Stated__V1__WriteRequest *)request);
    } else if (code == STATED_OK) {
        check_selector(((const Stated__V1__WatchRequest *)request)->select);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    if (length == 0) {
        return 0;
    }
    struct arena arena;
    arena_init(&arena, data[0] & 4 ? (size_t)256 << (data[0] >> 4) : (size_t)1 << 24);
    try_request((data[0] & 3) % 3, data + 1, length - 1, &arena);
    arena_deinit(&arena);
    return 0;
}
