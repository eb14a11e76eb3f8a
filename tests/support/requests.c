#include "requests.h"

#include "test.h"

#include <string.h>

static void *take(struct arena *arena, size_t size)
{
    void *memory = arena_alloc(arena, size);
    assert_non_null(memory);
    return memory;
}

ProtobufCBinaryData request_bytes(struct arena *arena, const void *data, size_t length)
{
    uint8_t *copy = arena_copy(arena, data, length);
    assert_non_null(copy);
    return (ProtobufCBinaryData){.len = length, .data = copy};
}

ProtobufCBinaryData request_text(struct arena *arena, const char *text)
{
    return request_bytes(arena, text, strlen(text));
}

ProtobufCBinaryData request_fill(struct arena *arena, char byte, size_t length)
{
    uint8_t *bytes = take(arena, length);
    memset(bytes, byte, length);
    return (ProtobufCBinaryData){.len = length, .data = bytes};
}

static Stated__V1__Selector *selector_new(struct arena *arena, Stated__V1__Selector__KindCase kind)
{
    Stated__V1__Selector *selector = take(arena, sizeof(*selector));
    stated__v1__selector__init(selector);
    selector->kind_case = kind;
    return selector;
}

Stated__V1__Selector *select_key_bytes(struct arena *arena, ProtobufCBinaryData key)
{
    Stated__V1__Selector *selector = selector_new(arena, STATED__V1__SELECTOR__KIND_KEY);
    selector->key = key;
    return selector;
}

Stated__V1__Selector *select_key(struct arena *arena, const char *key)
{
    return select_key_bytes(arena, request_text(arena, key));
}

Stated__V1__Selector *select_prefix(struct arena *arena, const char *prefix)
{
    Stated__V1__Selector *selector = selector_new(arena, STATED__V1__SELECTOR__KIND_PREFIX);
    selector->prefix = request_text(arena, prefix);
    return selector;
}

Stated__V1__Selector *select_range_bytes(struct arena *arena, ProtobufCBinaryData start,
                                         ProtobufCBinaryData end)
{
    Stated__V1__Selector *selector = selector_new(arena, STATED__V1__SELECTOR__KIND_RANGE);
    selector->range = take(arena, sizeof(*selector->range));
    stated__v1__range__init(selector->range);
    selector->range->start = start;
    selector->range->end = end;
    return selector;
}

Stated__V1__Selector *select_range(struct arena *arena, const char *start, const char *end)
{
    return select_range_bytes(arena, request_text(arena, start), request_text(arena, end));
}

static Stated__V1__Guard *guard_new(struct arena *arena, const char *key,
                                    Stated__V1__Guard__MustCase must)
{
    Stated__V1__Guard *guard = take(arena, sizeof(*guard));
    stated__v1__guard__init(guard);
    guard->key = request_text(arena, key);
    guard->must_case = must;
    return guard;
}

Stated__V1__Guard *guard_exists(struct arena *arena, const char *key, bool exists)
{
    Stated__V1__Guard *guard = guard_new(arena, key, STATED__V1__GUARD__MUST_EXISTS);
    guard->exists = exists;
    return guard;
}

Stated__V1__Guard *guard_revision(struct arena *arena, const char *key, uint64_t mod_revision)
{
    Stated__V1__Guard *guard = guard_new(arena, key, STATED__V1__GUARD__MUST_MOD_REVISION);
    guard->mod_revision = mod_revision;
    return guard;
}

Stated__V1__Guard *guard_version(struct arena *arena, const char *key, uint64_t version)
{
    Stated__V1__Guard *guard = guard_new(arena, key, STATED__V1__GUARD__MUST_VERSION);
    guard->version = version;
    return guard;
}

Stated__V1__Guard *guard_value(struct arena *arena, const char *key, const char *value)
{
    Stated__V1__Guard *guard = guard_new(arena, key, STATED__V1__GUARD__MUST_VALUE);
    guard->value = request_text(arena, value);
    return guard;
}

static Stated__V1__Mutation *mutation_new(struct arena *arena, Stated__V1__Mutation__KindCase kind)
{
    Stated__V1__Mutation *mutation = take(arena, sizeof(*mutation));
    stated__v1__mutation__init(mutation);
    mutation->kind_case = kind;
    return mutation;
}

Stated__V1__Mutation *mutation_put_bytes(struct arena *arena, ProtobufCBinaryData key,
                                         ProtobufCBinaryData value)
{
    Stated__V1__Mutation *mutation = mutation_new(arena, STATED__V1__MUTATION__KIND_PUT);
    mutation->put = take(arena, sizeof(*mutation->put));
    stated__v1__put__init(mutation->put);
    mutation->put->key = key;
    mutation->put->value = value;
    return mutation;
}

Stated__V1__Mutation *mutation_put(struct arena *arena, const char *key, const char *value)
{
    return mutation_put_bytes(arena, request_text(arena, key), request_text(arena, value));
}

Stated__V1__Mutation *mutation_add(struct arena *arena, const char *key, int64_t delta)
{
    Stated__V1__Mutation *mutation = mutation_new(arena, STATED__V1__MUTATION__KIND_ADD);
    mutation->add = take(arena, sizeof(*mutation->add));
    stated__v1__add__init(mutation->add);
    mutation->add->key = request_text(arena, key);
    mutation->add->delta = delta;
    return mutation;
}

Stated__V1__Mutation *mutation_delete(struct arena *arena, Stated__V1__Selector *selector)
{
    Stated__V1__Mutation *mutation = mutation_new(arena, STATED__V1__MUTATION__KIND_DELETE);
    mutation->delete_ = take(arena, sizeof(*mutation->delete_));
    stated__v1__delete__init(mutation->delete_);
    mutation->delete_->select = selector;
    return mutation;
}

/* A copy of the n pointers with one more. */
static void *extended(struct arena *arena, const void *pointers, size_t n, void *more)
{
    void **copy = take(arena, (n + 1) * sizeof(*copy));
    if (n > 0) {
        memcpy(copy, pointers, n * sizeof(*copy));
    }
    copy[n] = more;
    return copy;
}

Stated__V1__WriteRequest *write_new(struct arena *arena)
{
    Stated__V1__WriteRequest *write = take(arena, sizeof(*write));
    stated__v1__write_request__init(write);
    return write;
}

Stated__V1__WriteRequest *write_guard(struct arena *arena, Stated__V1__WriteRequest *write,
                                      Stated__V1__Guard *guard)
{
    write->guards = extended(arena, write->guards, write->n_guards++, guard);
    return write;
}

Stated__V1__WriteRequest *write_mutation(struct arena *arena, Stated__V1__WriteRequest *write,
                                         Stated__V1__Mutation *mutation)
{
    write->mutations = extended(arena, write->mutations, write->n_mutations++, mutation);
    return write;
}

Stated__V1__ReadRequest *read_new(struct arena *arena)
{
    Stated__V1__ReadRequest *read = take(arena, sizeof(*read));
    stated__v1__read_request__init(read);
    return read;
}

Stated__V1__ReadRequest *read_select(struct arena *arena, Stated__V1__ReadRequest *read,
                                     Stated__V1__Selector *selector)
{
    read->select = extended(arena, read->select, read->n_select++, selector);
    return read;
}
