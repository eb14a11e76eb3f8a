/* Do the benchmark's keys get their names, and does it know what the server holds in them? */
#include "bench/keyspace.h"

#include "bench/workload.h"
#include "fake_client.h"
#include "stated/v1/state.stated-client.h"

#include <stdlib.h>
#include <string.h>

#include "test.h"

enum { VALUE_BYTES = 30 };

struct space {
    struct keyspace keyspace;
    struct stated_client *client;
    struct stated_status status;
};

static int setup(void **state)
{
    const struct fake_faults none = {0};
    struct space *space = calloc(1, sizeof *space);
    fake_server_reset(&none);
    if (space == NULL || stated_client_open(NULL, &space->client, NULL) != STATED_OK) {
        return 1;
    }
    *state = space;
    return 0;
}

static int teardown(void **state)
{
    struct space *space = *state;
    keyspace_deinit(&space->keyspace);
    stated_client_close(space->client);
    free(space);
    return 0;
}

static void space_init(struct space *self, uint32_t keys)
{
    assert_int_equal(keyspace_init(&self->keyspace, "bench/", keys, &self->status), STATED_OK);
}

static void space_load(struct space *self)
{
    assert_int_equal(keyspace_load(&self->keyspace, self->client, &self->status), STATED_OK);
}

static void space_fill(struct space *self)
{
    assert_int_equal(keyspace_fill(&self->keyspace, self->client, VALUE_BYTES, &self->status),
                     STATED_OK);
}

static void space_put(struct space *self, const char *key, const char *value)
{
    Stated__V1__Put put = STATED__V1__PUT__INIT;
    Stated__V1__Mutation mutation = STATED__V1__MUTATION__INIT;
    Stated__V1__Mutation *mutations[] = {&mutation};
    Stated__V1__WriteRequest request = STATED__V1__WRITE_REQUEST__INIT;
    Stated__V1__WriteResponse *response;
    put.key = (ProtobufCBinaryData){strlen(key), (uint8_t *)(uintptr_t)key};
    put.value = (ProtobufCBinaryData){strlen(value), (uint8_t *)(uintptr_t)value};
    mutation.kind_case = STATED__V1__MUTATION__KIND_PUT;
    mutation.put = &put;
    request.n_mutations = 1;
    request.mutations = mutations;
    assert_int_equal(
        stated_v1_state_service_write(self->client, NULL, &request, &response, &self->status),
        STATED_OK);
    stated__v1__write_response__free_unpacked(response, NULL);
}

static void test_names_are_prefix_and_digits(void **state)
{
    struct space *space = *state;
    char name[KEYSPACE_NAME_BYTES];
    space_init(space, 1);
    assert_int_equal(keyspace_name(&space->keyspace, 0, name), 14);
    assert_memory_equal(name, "bench/00000000", 14);
    assert_int_equal(keyspace_name(&space->keyspace, 9999999, name), 14);
    assert_memory_equal(name, "bench/09999999", 14);
}

static void test_nothing_there_is_all_absent(void **state)
{
    struct space *space = *state;
    space_init(space, 5);
    space_load(space);
    for (uint32_t key = 0; key < 5; key++) {
        assert_int_equal(space->keyspace.cells[key].value.kind, ORACLE_ABSENT);
    }
}

static void test_keys_that_are_not_ours_are_skipped(void **state)
{
    static const char *const others[] = {"bench/",         "bench/0000001",  "bench/000000001",
                                         "bench/0000000x", "bench/00000005", "other/00000001"};
    struct space *space = *state;
    space_init(space, 5);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        space_put(space, others[i], "x");
    }
    space_put(space, "bench/00000004", "ours");
    space_load(space);
    for (uint32_t key = 0; key < 4; key++) {
        assert_int_equal(space->keyspace.cells[key].value.kind, ORACLE_ABSENT);
    }
    assert_int_equal(space->keyspace.cells[4].value.bits, oracle_value_of("ours", 4).bits);
    assert_int_equal(space->keyspace.cells[4].version, 1);
    assert_int_equal(space->keyspace.revision, 7);
}

static void test_fill_makes_what_is_missing_and_no_more(void **state)
{
    struct space *space = *state;
    char value[VALUE_BYTES];
    workload_value_init(value, sizeof value);
    space_init(space, 1000);
    space_put(space, "bench/00000007", "mine");
    space_load(space);
    space_fill(space);
    assert_int_equal(fake_server_keys(), 1000);
    assert_int_equal(space->keyspace.cells[7].value.bits, oracle_value_of("mine", 4).bits);
    assert_int_equal(space->keyspace.cells[999].value.bits,
                     oracle_value_of(value, sizeof value).bits);
}

static void test_fill_knows_what_a_load_shows(void **state)
{
    struct space *space = *state;
    space_init(space, 2300); /* several pages and several writes */
    space_load(space);
    space_fill(space);
    struct keyspace again;
    assert_int_equal(keyspace_init(&again, "bench/", 2300, &space->status), STATED_OK);
    assert_int_equal(keyspace_load(&again, space->client, &space->status), STATED_OK);
    for (uint32_t key = 0; key < 2300; key++) {
        assert_int_equal(again.cells[key].value.kind, ORACLE_BYTES);
        assert_int_equal(again.cells[key].value.bits, space->keyspace.cells[key].value.bits);
        assert_int_equal(again.cells[key].version, space->keyspace.cells[key].version);
        assert_int_equal(again.cells[key].mod_revision, space->keyspace.cells[key].mod_revision);
    }
    assert_int_equal(again.revision, space->keyspace.revision);
    keyspace_deinit(&again);
}

static void test_fill_when_nothing_is_missing_writes_nothing(void **state)
{
    struct space *space = *state;
    space_init(space, 10);
    space_load(space);
    space_fill(space);
    uint64_t revision = space->keyspace.revision;
    space_load(space);
    space_fill(space);
    assert_int_equal(space->keyspace.revision, revision);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_names_are_prefix_and_digits),
        TEST(test_nothing_there_is_all_absent),
        TEST(test_keys_that_are_not_ours_are_skipped),
        TEST(test_fill_makes_what_is_missing_and_no_more),
        TEST(test_fill_knows_what_a_load_shows),
        TEST(test_fill_when_nothing_is_missing_writes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
