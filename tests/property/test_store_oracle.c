/* Does the engine do what a plain sorted array does, over random runs of reads and writes, with the
   store closed and opened in between?

   Usage: test_store_oracle [SEED [RUNS]]. A failure prints the seed to give. */
#include "engine/counter.h"
#include "state/key_span.h"
#include "state/validate.h"
#include "store_fixture.h"

#include "test.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_MODEL_KEYS = 512,
    MAX_VALUE_BYTES = 12000,
    MAX_RUN = 12,
    REOPEN_EVERY = 50,
};

static uint64_t seed = 20240608;
static unsigned long n_runs = 1500;

/* The reference: every key in order, and the revision. */
struct model_entry {
    char key[8];
    size_t key_bytes;
    uint8_t *value;
    size_t value_bytes;
    uint64_t create_revision;
    uint64_t mod_revision;
    uint64_t version;
};

struct model {
    struct model_entry entries[MAX_MODEL_KEYS];
    size_t n;
    uint64_t revision;
};

static struct model model;
static uint64_t random_state;
static unsigned long counts[8]; /* of outcomes by code up to INVALID..., to see that all were met */
static unsigned long n_unapplied, n_more, n_previous;

static uint64_t random_number(uint64_t below)
{
    random_state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = random_state;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (z ^ (z >> 31)) % below;
}

static ProtobufCBinaryData key_of(const struct model_entry *entry)
{
    union {
        const char *text;
        uint8_t *bytes;
    } pointer = {.text = entry->key};
    return (ProtobufCBinaryData){.len = entry->key_bytes, .data = pointer.bytes};
}

/* The place of the key, or where it would be. */
static size_t model_find(const ProtobufCBinaryData *key, bool *exists)
{
    size_t i = 0;
    int order = -1;
    for (; i < model.n; i++) {
        ProtobufCBinaryData here = key_of(&model.entries[i]);
        order = key_compare(&here, key);
        if (order >= 0) {
            break;
        }
    }
    *exists = i < model.n && order == 0;
    return i;
}

static void model_remove(size_t i)
{
    free(model.entries[i].value);
    model.n--;
    memmove(&model.entries[i], &model.entries[i + 1], (model.n - i) * sizeof(model.entries[0]));
}

static void model_put(const ProtobufCBinaryData *key, const void *value, size_t value_bytes,
                      uint64_t revision)
{
    bool exists;
    size_t i = model_find(key, &exists);
    struct model_entry *entry = &model.entries[i];
    if (!exists) {
        assert_true(model.n < MAX_MODEL_KEYS);
        memmove(entry + 1, entry, (model.n - i) * sizeof(*entry));
        model.n++;
        *entry = (struct model_entry){.key_bytes = key->len, .create_revision = revision};
        memcpy(entry->key, key->data, key->len);
    }
    free(exists ? entry->value : NULL);
    entry->value = malloc(value_bytes + 1);
    assert_non_null(entry->value);
    memcpy(entry->value, value, value_bytes);
    entry->value_bytes = value_bytes;
    entry->mod_revision = revision;
    entry->version++;
}

/* Random requests over few short keys, so that they meet. */

static ProtobufCBinaryData random_key(struct arena *arena)
{
    char key[3];
    size_t length = 1 + random_number(3);
    for (size_t i = 0; i < length; i++) {
        key[i] = "\x00"
                 "ab\xff"[random_number(4)];
    }
    return request_bytes(arena, key, length);
}

static Stated__V1__Selector *random_selector(struct arena *arena)
{
    Stated__V1__Selector *selector = select_prefix(arena, "");
    ProtobufCBinaryData a = random_key(arena);
    ProtobufCBinaryData b = random_key(arena);
    switch (random_number(6)) {
    case 0:
        selector->prefix = random_number(4) == 0 ? selector->prefix : a;
        return selector;
    case 1:
        a.len = random_number(8) == 0 ? 0 : a.len;
        b.len = random_number(4) == 0 ? 0 : b.len;
        return b.len == 0 || key_compare(&a, &b) <= 0 ? select_range_bytes(arena, a, b)
                                                      : select_range_bytes(arena, b, a);
    default:
        return select_key_bytes(arena, a);
    }
}

static ProtobufCBinaryData random_value(struct arena *arena)
{
    char text[32];
    switch (random_number(4)) {
    case 0:
        return request_text(arena, "");
    case 1:
        snprintf(text, sizeof(text), "%" PRId64, (int64_t)(random_number(2000)) - 1000);
        return request_text(arena, text);
    case 2:
        return request_fill(arena, (char)random_number(256), random_number(MAX_VALUE_BYTES));
    default:
        return request_text(arena, random_number(4) == 0 ? "9223372036854775807" : "text");
    }
}

static Stated__V1__Mutation *random_mutation(struct arena *arena)
{
    Stated__V1__Mutation *mutation;
    switch (random_number(5)) {
    case 0:
        return mutation_delete(arena, random_selector(arena));
    case 1:
        mutation = mutation_add(arena, "", (int64_t)random_number(100) - 50);
        mutation->add->key = random_key(arena);
        return mutation;
    default:
        return mutation_put_bytes(arena, random_key(arena), random_value(arena));
    }
}

static Stated__V1__Guard *random_guard(struct arena *arena)
{
    Stated__V1__Guard *guard = guard_exists(arena, "k", random_number(2) == 0);
    guard->key = random_key(arena);
    bool exists;
    size_t i = model_find(&guard->key, &exists);
    const struct model_entry *entry = &model.entries[i];
    switch (random_number(4)) {
    case 0:
        guard->must_case = STATED__V1__GUARD__MUST_MOD_REVISION;
        guard->mod_revision = exists && random_number(4) != 0 ? entry->mod_revision : 0;
        break;
    case 1:
        guard->must_case = STATED__V1__GUARD__MUST_VERSION;
        guard->version = exists && random_number(4) != 0 ? entry->version : 0;
        break;
    case 2:
        guard->must_case = STATED__V1__GUARD__MUST_VALUE;
        guard->value = exists && random_number(4) != 0
                           ? request_bytes(arena, entry->value, entry->value_bytes)
                           : random_value(arena);
        break;
    default:
        guard->exists = random_number(4) != 0 ? exists : !exists;
        break;
    }
    return guard;
}

/* A valid write: tries until no two mutations meet. */
static Stated__V1__WriteRequest *random_write(struct arena *arena)
{
    for (;;) {
        Stated__V1__WriteRequest *write = write_new(arena);
        size_t n_guards = random_number(3) == 0 ? random_number(3) : 0;
        size_t n_mutations = random_number(5);
        for (size_t i = 0; i < n_guards; i++) {
            write_guard(arena, write, random_guard(arena));
        }
        for (size_t i = 0; i < n_mutations; i++) {
            write_mutation(arena, write, random_mutation(arena));
        }
        write->return_previous = random_number(3) == 0;
        const char *message;
        if (validate_write(write, arena, &message) == STATED_OK) {
            return write;
        }
    }
}

static Stated__V1__ReadRequest *random_read(struct arena *arena)
{
    Stated__V1__ReadRequest *read = read_new(arena);
    for (size_t i = 1 + random_number(3); i > 0; i--) {
        read_select(arena, read, random_selector(arena));
    }
    read->limit = random_number(3) == 0 ? (uint32_t)random_number(6) : 0;
    read->keys_only = random_number(4) == 0;
    read->count_only = random_number(6) == 0;
    if (read->n_select == 1 && read->select[0]->kind_case != STATED__V1__SELECTOR__KIND_KEY &&
        random_number(2) == 0) {
        read->after = random_key(arena);
    }
    const char *message;
    assert_int_equal(validate_read(read, arena, &message), STATED_OK);
    return read;
}

/* What the reference says, compared with the reply. */

static void check_entry(const struct model_entry *expected, const Stated__V1__Entry *entry,
                        bool keys_only)
{
    ProtobufCBinaryData key = key_of(expected);
    assert_int_equal(key_compare(&entry->key, &key), 0);
    assert_int_equal(entry->value.len, keys_only ? 0 : expected->value_bytes);
    if (entry->value.len > 0) {
        assert_memory_equal(entry->value.data, expected->value, entry->value.len);
    }
    assert_int_equal(entry->create_revision, expected->create_revision);
    assert_int_equal(entry->mod_revision, expected->mod_revision);
    assert_int_equal(entry->version, expected->version);
}

static bool selects(const Stated__V1__Selector *selector, const ProtobufCBinaryData *after,
                    const struct model_entry *entry)
{
    struct key_span span = key_span_of_selector(selector);
    ProtobufCBinaryData key = key_of(entry);
    return key_compare(&key, &span.start) >= 0 && key_span_reaches(&span, &key) &&
           (after->len == 0 || key_compare(&key, after) > 0);
}

/* The reply may stop at the limit, or where the next entry does not fit the bytes it may have. */
static void check_read(const struct store_op *op)
{
    const Stated__V1__ReadRequest *read = op->read;
    const Stated__V1__ReadResponse *response = op->read_response;
    size_t matching = 0;
    for (size_t s = 0; s < read->n_select; s++) {
        for (size_t i = 0; i < model.n; i++) {
            if (!selects(read->select[s], &read->after, &model.entries[i])) {
                continue;
            }
            if (!read->count_only && matching < response->n_entries) {
                check_entry(&model.entries[i], response->entries[matching], read->keys_only);
            }
            matching++;
        }
    }
    assert_int_equal(op->code, STATED_OK);
    assert_int_equal(response->revision, model.revision);
    if (read->count_only) {
        assert_int_equal(response->count, matching);
        assert_int_equal(response->n_entries, 0);
        return;
    }
    size_t expected = read->limit != 0 && read->limit < matching ? read->limit : matching;
    assert_int_equal(response->n_entries, expected);
    assert_int_equal(response->count, expected);
    assert_int_equal(response->more, expected < matching);
    n_more += response->more;
}

static bool guard_holds(const Stated__V1__Guard *guard)
{
    bool exists;
    const struct model_entry *entry = &model.entries[model_find(&guard->key, &exists)];
    switch (guard->must_case) {
    case STATED__V1__GUARD__MUST_EXISTS:
        return exists == (guard->exists != 0);
    case STATED__V1__GUARD__MUST_MOD_REVISION:
        return (exists ? entry->mod_revision : 0) == guard->mod_revision;
    case STATED__V1__GUARD__MUST_VERSION:
        return (exists ? entry->version : 0) == guard->version;
    default:
        return exists && entry->value_bytes == guard->value.len &&
               memcmp(entry->value, guard->value.data, guard->value.len) == 0;
    }
}

/* The code that the Adds of a write lead to; the first that cannot be done decides. */
static enum stated_code expected_code(const Stated__V1__WriteRequest *write)
{
    for (size_t i = 0; i < write->n_mutations; i++) {
        if (write->mutations[i]->kind_case != STATED__V1__MUTATION__KIND_ADD) {
            continue;
        }
        const Stated__V1__Add *add = write->mutations[i]->add;
        bool exists;
        const struct model_entry *entry = &model.entries[model_find(&add->key, &exists)];
        int64_t number = 0;
        int64_t sum;
        if (exists && !counter_parse(entry->value, entry->value_bytes, &number)) {
            return STATED_FAILED_PRECONDITION;
        }
        if (__builtin_add_overflow(number, add->delta, &sum)) {
            return STATED_OUT_OF_RANGE;
        }
    }
    return STATED_OK;
}

static void check_previous(const struct model_entry *entry,
                           const Stated__V1__WriteResponse *response, size_t *n)
{
    assert_true(*n < response->n_previous);
    check_entry(entry, response->previous[(*n)++], false);
    n_previous++;
}

static void model_add(const Stated__V1__Add *add, uint64_t revision)
{
    bool exists;
    const struct model_entry *entry = &model.entries[model_find(&add->key, &exists)];
    int64_t number = 0;
    char text[COUNTER_BYTES];
    assert_true(!exists || counter_parse(entry->value, entry->value_bytes, &number));
    size_t length = counter_format(text, number + add->delta);
    model_put(&add->key, text, length, revision);
}

static void model_mutate(const Stated__V1__Mutation *mutation, bool return_previous,
                         const Stated__V1__WriteResponse *response, size_t *n, uint64_t revision)
{
    static const ProtobufCBinaryData nothing;
    const ProtobufCBinaryData *key;
    bool exists;
    if (mutation->kind_case == STATED__V1__MUTATION__KIND_DELETE) {
        for (size_t i = 0; i < model.n;) {
            if (!selects(mutation->delete_->select, &nothing, &model.entries[i])) {
                i++;
                continue;
            }
            if (return_previous) {
                check_previous(&model.entries[i], response, n);
            }
            model_remove(i);
        }
        return;
    }
    bool is_put = mutation->kind_case == STATED__V1__MUTATION__KIND_PUT;
    key = is_put ? &mutation->put->key : &mutation->add->key;
    size_t i = model_find(key, &exists);
    if (exists && return_previous) {
        check_previous(&model.entries[i], response, n);
    }
    if (is_put) {
        model_put(key, mutation->put->value.data, mutation->put->value.len, revision);
    } else {
        model_add(mutation->add, revision);
    }
}

static void check_unapplied(const struct store_op *op)
{
    const Stated__V1__WriteResponse *response = op->write_response;
    size_t n = 0;
    assert_int_equal(op->code, STATED_OK);
    assert_false(response->applied);
    assert_int_equal(response->revision, model.revision);
    for (size_t i = 0; i < op->write->n_guards; i++) {
        bool exists;
        size_t place = model_find(&op->write->guards[i]->key, &exists);
        if (exists) {
            assert_true(n < response->n_current);
            check_entry(&model.entries[place], response->current[n++], false);
        }
    }
    assert_int_equal(n, response->n_current);
    n_unapplied++;
}

static void check_write(const struct store_op *op)
{
    const Stated__V1__WriteRequest *write = op->write;
    for (size_t i = 0; i < write->n_guards; i++) {
        if (!guard_holds(write->guards[i])) {
            check_unapplied(op);
            return;
        }
    }
    enum stated_code code = expected_code(write);
    assert_int_equal(op->code, code);
    if (code != STATED_OK) {
        return;
    }
    size_t n = 0;
    model.revision += write->n_mutations > 0;
    for (size_t i = 0; i < write->n_mutations; i++) {
        model_mutate(write->mutations[i], write->return_previous, op->write_response, &n,
                     model.revision);
    }
    assert_true(op->write_response->applied);
    assert_int_equal(op->write_response->revision, model.revision);
    assert_int_equal(op->write_response->n_previous, n);
    assert_int_equal(op->write_response->n_current, 0);
}

static void check_status(struct store_fixture *fixture)
{
    struct store_status status;
    fixture->store->ops->read_status(fixture->store, &status);
    assert_int_equal(status.revision, model.revision);
    assert_int_equal(status.keys, model.n);
    assert_false(status.failed);
}

static void one_run(struct store_fixture *fixture)
{
    struct store_op *ops[MAX_RUN];
    size_t n = 1 + random_number(MAX_RUN);
    bool is_shared = random_number(3) == 0;
    for (size_t i = 0; i < n; i++) {
        ops[i] = is_shared || random_number(3) == 0
                     ? op_read(fixture, random_read(&fixture->arena))
                     : op_write(fixture, random_write(&fixture->arena));
    }
    fixture_run(fixture, is_shared ? STORE_SHARED : STORE_EXCLUSIVE, ops, n);
    for (size_t i = 0; i < n; i++) {
        if (ops[i]->kind == STORE_READ) {
            check_read(ops[i]);
        } else {
            check_write(ops[i]);
        }
        counts[ops[i]->code < 8 ? ops[i]->code : 7]++;
    }
    check_status(fixture);
}

static void test_random_runs_do_what_a_plain_array_does(void **state)
{
    (void)state;
    struct store_fixture fixture;
    fixture_init(&fixture);
    fixture_open(&fixture);
    random_state = seed;
    for (unsigned long i = 0; i < n_runs; i++) {
        arena_reset(&fixture.arena);
        one_run(&fixture);
        if (i % REOPEN_EVERY == REOPEN_EVERY - 1) {
            fixture_close(&fixture);
            fixture_open(&fixture);
            check_status(&fixture);
        }
    }
    while (model.n > 0) {
        model_remove(model.n - 1);
    }
    fixture_deinit(&fixture);
    printf("%lu runs; guards failed %lu, limits met %lu, previous entries %lu, refused %lu\n",
           n_runs, n_unapplied, n_more, n_previous, counts[7]);
    /* Each kind of outcome was met, or the test says little. */
    assert_true(n_unapplied > 0 && n_more > 0 && n_previous > 0 && counts[7] > 0);
}

int main(int argc, char **argv)
{
    seed = argc > 1 ? strtoull(argv[1], NULL, 10) : seed;
    n_runs = argc > 2 ? strtoul(argv[2], NULL, 10) : n_runs;
    printf("seed %" PRIu64 "\n", seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_runs_do_what_a_plain_array_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
