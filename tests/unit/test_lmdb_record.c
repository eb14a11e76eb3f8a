/* Does a record come back as it was written, and is every altered bit of it found? */
#include "engine/lmdb_record.h"

#include "test.h"

#include <string.h>

enum { VALUE_BYTES = 5, RECORD_BYTES = LMDB_RECORD_HEADER_BYTES + VALUE_BYTES };

static void encode(uint8_t out[RECORD_BYTES])
{
    const struct lmdb_record record = {.create_revision = 3,
                                       .mod_revision = UINT64_MAX,
                                       .version = 7,
                                       .value = "value",
                                       .value_bytes = VALUE_BYTES};
    lmdb_record_encode(out, "key", 3, &record);
}

static void test_a_record_comes_back(void **state)
{
    (void)state;
    uint8_t bytes[RECORD_BYTES];
    struct lmdb_record record;
    encode(bytes);
    assert_true(lmdb_record_decode("key", 3, bytes, sizeof(bytes), &record));
    assert_int_equal(record.create_revision, 3);
    assert_int_equal(record.mod_revision, UINT64_MAX);
    assert_int_equal(record.version, 7);
    assert_int_equal(record.value_bytes, VALUE_BYTES);
    assert_memory_equal(record.value, "value", VALUE_BYTES);
}

static void test_an_empty_value_comes_back(void **state)
{
    (void)state;
    uint8_t bytes[LMDB_RECORD_HEADER_BYTES];
    struct lmdb_record record = {.version = 1};
    lmdb_record_encode(bytes, "k", 1, &record);
    assert_true(lmdb_record_decode("k", 1, bytes, sizeof(bytes), &record));
    assert_int_equal(record.value_bytes, 0);
    assert_int_equal(record.version, 1);
}

static void test_every_altered_bit_is_found(void **state)
{
    (void)state;
    uint8_t bytes[RECORD_BYTES];
    struct lmdb_record record;
    encode(bytes);
    for (size_t bit = 0; bit < RECORD_BYTES * (size_t)8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(lmdb_record_decode("key", 3, bytes, sizeof(bytes), &record));
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(lmdb_record_decode("key", 3, bytes, sizeof(bytes), &record));
}

static void test_every_shortened_record_is_found(void **state)
{
    (void)state;
    uint8_t bytes[RECORD_BYTES];
    struct lmdb_record record;
    encode(bytes);
    for (size_t length = 0; length < RECORD_BYTES; length++) {
        assert_false(lmdb_record_decode("key", 3, bytes, length, &record));
    }
}

static void test_a_record_belongs_to_its_key(void **state)
{
    (void)state;
    uint8_t bytes[RECORD_BYTES];
    struct lmdb_record record;
    encode(bytes);
    assert_false(lmdb_record_decode("kez", 3, bytes, sizeof(bytes), &record));
    assert_false(lmdb_record_decode("ke", 2, bytes, sizeof(bytes), &record));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_record_comes_back),
        cmocka_unit_test(test_an_empty_value_comes_back),
        cmocka_unit_test(test_every_altered_bit_is_found),
        cmocka_unit_test(test_every_shortened_record_is_found),
        cmocka_unit_test(test_a_record_belongs_to_its_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
