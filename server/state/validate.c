/* Two parts: each selector, guard and mutation by itself, then whether two mutations of a write
   meet. The second sorts the mutations' spans by their start; only neighbours can then meet first,
   because all spans before a first meeting are disjoint. */
#include "state/validate.h"

#include "escape.h"
#include "state/key_span.h"

#include <stdlib.h>

/* Where a complaint goes. */
struct report {
    struct arena *arena;
    const char **message;
};

#define REFUSE(report, ...)                                                                        \
    (*(report)->message = arena_format((report)->arena, __VA_ARGS__), STATED_INVALID_ARGUMENT)

static enum stated_code check_length(const struct report *report, const char *what, size_t index,
                                     const ProtobufCBinaryData *key, size_t min_bytes,
                                     size_t max_bytes)
{
    if (key->len >= min_bytes && key->len <= max_bytes) {
        return STATED_OK;
    }
    if (key->len < min_bytes) {
        return REFUSE(report, "%s %zu: the key is empty; a key has 1 to %d bytes", what, index,
                      VALIDATE_MAX_KEY_BYTES);
    }
    char shown[ESCAPE_BYTES];
    return REFUSE(report, "%s %zu: \"%s\" has %zu bytes, at most %zu are allowed", what, index,
                  escape_bytes(shown, key->data, key->len), key->len, max_bytes);
}

static enum stated_code check_key(const struct report *report, const char *what, size_t index,
                                  const ProtobufCBinaryData *key)
{
    return check_length(report, what, index, key, 1, VALIDATE_MAX_KEY_BYTES);
}

static enum stated_code check_range(const struct report *report, const char *what, size_t index,
                                    const Stated__V1__Range *range)
{
    enum stated_code code =
        check_length(report, what, index, &range->start, 0, VALIDATE_MAX_BOUND_BYTES);
    if (code == STATED_OK) {
        code = check_length(report, what, index, &range->end, 0, VALIDATE_MAX_BOUND_BYTES);
    }
    if (code != STATED_OK || range->end.len == 0 || key_compare(&range->start, &range->end) <= 0) {
        return code;
    }
    char start[ESCAPE_BYTES];
    char end[ESCAPE_BYTES];
    return REFUSE(report, "%s %zu: the range ends at \"%s\", before its start \"%s\"", what, index,
                  escape_bytes(end, range->end.data, range->end.len),
                  escape_bytes(start, range->start.data, range->start.len));
}

/* What a oneof holds that is of a later version than this server; 0 = nothing. */
static uint32_t unknown_field(const ProtobufCMessage *message)
{
    return message->n_unknown_fields > 0 ? message->unknown_fields[0].tag : 0;
}

static enum stated_code check_selector(const struct report *report, const char *what, size_t index,
                                       const Stated__V1__Selector *selector)
{
    if (selector == NULL) {
        return REFUSE(report, "%s %zu has no selector; set a key, a prefix or a range", what,
                      index);
    }
    switch (selector->kind_case) {
    case STATED__V1__SELECTOR__KIND_KEY:
        return check_key(report, what, index, &selector->key);
    case STATED__V1__SELECTOR__KIND_PREFIX:
        return check_length(report, what, index, &selector->prefix, 0, VALIDATE_MAX_KEY_BYTES);
    case STATED__V1__SELECTOR__KIND_RANGE:
        return check_range(report, what, index, selector->range);
    default:
        if (unknown_field(&selector->base) != 0) {
            return REFUSE(report,
                          "%s %zu selects by field %u, which this server does not know; it knows "
                          "a key, a prefix and a range",
                          what, index, unknown_field(&selector->base));
        }
        return REFUSE(report, "%s %zu selects nothing; set a key, a prefix or a range", what,
                      index);
    }
}

static enum stated_code check_count(const struct report *report, const char *what, size_t count,
                                    size_t max)
{
    if (count > max) {
        return REFUSE(report, "%zu %s in one request, at most %zu are allowed; split it", count,
                      what, max);
    }
    return STATED_OK;
}

static enum stated_code check_after(const struct report *report,
                                    const Stated__V1__ReadRequest *request)
{
    if (request->after.len == 0) {
        return STATED_OK;
    }
    if (request->n_select != 1 || request->select[0]->kind_case == STATED__V1__SELECTOR__KIND_KEY) {
        return REFUSE(report,
                      "`after` continues one prefix or range, but the request selects %zu "
                      "item(s)%s; ask for one prefix or range at a time",
                      request->n_select, request->n_select == 1 ? ", a single key" : "");
    }
    if (request->after.len > VALIDATE_MAX_BOUND_BYTES) {
        char shown[ESCAPE_BYTES];
        return REFUSE(report, "`after` \"%s\" has %zu bytes, at most %d are allowed",
                      escape_bytes(shown, request->after.data, request->after.len),
                      request->after.len, VALIDATE_MAX_BOUND_BYTES);
    }
    return STATED_OK;
}

enum stated_code validate_read(const Stated__V1__ReadRequest *request, struct arena *arena,
                               const char **message)
{
    const struct report report = {.arena = arena, .message = message};
    if (request->n_select == 0) {
        return REFUSE(
            &report, "the read selects nothing; set at least one key, prefix or range in `select`");
    }
    enum stated_code code =
        check_count(&report, "selectors", request->n_select, VALIDATE_MAX_SELECTORS);
    for (size_t i = 0; code == STATED_OK && i < request->n_select; i++) {
        code = check_selector(&report, "selector", i, request->select[i]);
    }
    if (code == STATED_OK) {
        code = check_after(&report, request);
    }
    if (code == STATED_OK && request->consistency != STATED__V1__CONSISTENCY__CONSISTENCY_ORDERED &&
        request->consistency != STATED__V1__CONSISTENCY__CONSISTENCY_COMMITTED) {
        code = REFUSE(&report, "consistency %d is unknown; 0 is ORDERED, 1 is COMMITTED",
                      (int)request->consistency);
    }
    return code;
}

static enum stated_code check_guard(const struct report *report, size_t index,
                                    const Stated__V1__Guard *guard)
{
    enum stated_code code = check_key(report, "guard", index, &guard->key);
    if (code != STATED_OK || guard->must_case != STATED__V1__GUARD__MUST__NOT_SET) {
        return code;
    }
    char shown[ESCAPE_BYTES];
    escape_bytes(shown, guard->key.data, guard->key.len);
    if (unknown_field(&guard->base) != 0) {
        return REFUSE(report,
                      "guard %zu, on \"%s\", has a condition, field %u, which this server does not "
                      "know; it knows exists, mod_revision, version and value",
                      index, shown, unknown_field(&guard->base));
    }
    return REFUSE(report,
                  "guard %zu, on \"%s\", has no condition; set exists, mod_revision, version or "
                  "value",
                  index, shown);
}

static enum stated_code check_mutation(const struct report *report, size_t index,
                                       const Stated__V1__Mutation *mutation)
{
    switch (mutation->kind_case) {
    case STATED__V1__MUTATION__KIND_PUT:
        return check_key(report, "mutation", index, &mutation->put->key);
    case STATED__V1__MUTATION__KIND_ADD:
        return check_key(report, "mutation", index, &mutation->add->key);
    case STATED__V1__MUTATION__KIND_DELETE:
        return check_selector(report, "mutation", index, mutation->delete_->select);
    default:
        if (unknown_field(&mutation->base) != 0) {
            return REFUSE(report,
                          "mutation %zu is field %u, which this server does not know; it knows a "
                          "put, a delete and an add",
                          index, unknown_field(&mutation->base));
        }
        return REFUSE(report, "mutation %zu does nothing; set a put, a delete or an add", index);
    }
}

/* A mutation's keys and its place in the request. */
struct touched {
    struct key_span span;
    size_t index;
};

static struct key_span span_of_mutation(const Stated__V1__Mutation *mutation)
{
    switch (mutation->kind_case) {
    case STATED__V1__MUTATION__KIND_PUT:
        return key_span_of_key(mutation->put->key);
    case STATED__V1__MUTATION__KIND_ADD:
        return key_span_of_key(mutation->add->key);
    default:
        return key_span_of_selector(mutation->delete_->select);
    }
}

static int compare_starts(const void *a, const void *b)
{
    const struct touched *left = a;
    const struct touched *right = b;
    int order = key_compare(&left->span.start, &right->span.start);
    return order != 0 ? order : (left->index > right->index) - (left->index < right->index);
}

/* Batches often come sorted: then nothing is to be done, and nothing is allocated. */
static void sort_by_start(struct touched *touched, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (compare_starts(&touched[i - 1], &touched[i]) > 0) {
            qsort(touched, n, sizeof(*touched), compare_starts);
            return;
        }
    }
}

static enum stated_code check_disjoint(const struct report *report,
                                       const Stated__V1__WriteRequest *request)
{
    if (request->n_mutations < 2) {
        return STATED_OK;
    }
    struct touched *touched = arena_alloc(report->arena, request->n_mutations * sizeof(*touched));
    if (touched == NULL) {
        *report->message = "the call has used up its memory; send fewer mutations at a time";
        return STATED_RESOURCE_EXHAUSTED;
    }
    size_t n = 0;
    for (size_t i = 0; i < request->n_mutations; i++) {
        touched[n] = (struct touched){span_of_mutation(request->mutations[i]), i};
        n += !key_span_is_empty(&touched[n].span);
    }
    sort_by_start(touched, n);
    for (size_t i = 1; i < n; i++) {
        const struct touched *before = &touched[i - 1];
        const struct touched *behind = &touched[i];
        if (key_span_reaches(&before->span, &behind->span.start)) {
            char shown[ESCAPE_BYTES];
            return REFUSE(
                report,
                "mutations %zu and %zu both touch keys at \"%s\"; a write may touch a key "
                "once",
                before->index, behind->index,
                escape_bytes(shown, behind->span.start.data, behind->span.start.len));
        }
    }
    return STATED_OK;
}

enum stated_code validate_write(const Stated__V1__WriteRequest *request, struct arena *arena,
                                const char **message)
{
    const struct report report = {.arena = arena, .message = message};
    enum stated_code code = check_count(&report, "guards", request->n_guards, VALIDATE_MAX_GUARDS);
    if (code == STATED_OK) {
        code = check_count(&report, "mutations", request->n_mutations, VALIDATE_MAX_MUTATIONS);
    }
    for (size_t i = 0; code == STATED_OK && i < request->n_guards; i++) {
        code = check_guard(&report, i, request->guards[i]);
    }
    for (size_t i = 0; code == STATED_OK && i < request->n_mutations; i++) {
        code = check_mutation(&report, i, request->mutations[i]);
    }
    return code == STATED_OK ? check_disjoint(&report, request) : code;
}

enum stated_code validate_watch(const Stated__V1__WatchRequest *request, struct arena *arena,
                                const char **message)
{
    const struct report report = {.arena = arena, .message = message};
    return check_selector(&report, "watch", 0, request->select);
}

bool validate_read_is_light(const Stated__V1__ReadRequest *request)
{
    if (request->n_select > VALIDATE_MAX_LIGHT_SELECTORS) {
        return false;
    }
    for (size_t i = 0; i < request->n_select; i++) {
        if (request->select[i]->kind_case != STATED__V1__SELECTOR__KIND_KEY) {
            return false;
        }
    }
    return true;
}
