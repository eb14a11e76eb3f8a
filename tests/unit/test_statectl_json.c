/* Do entries survive the way to JSON and back, whatever their bytes, and is a wrong line named? */
#include "statectl/json.h"

#include "test.h"

#include <stdlib.h>
#include <string.h>

static Stated__V1__Entry entry_of(const void *key, size_t key_bytes, const void *value,
                                  size_t value_bytes)
{
    Stated__V1__Entry entry = STATED__V1__ENTRY__INIT;
    entry.key = (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)key, .len = key_bytes};
    entry.value = (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)value, .len = value_bytes};
    return entry;
}

static void assert_dump(json_t *object, const char *expected)
{
    char *dumped = json_dumps(object, JSON_COMPACT);
    assert_string_equal(dumped, expected);
    free(dumped);
    json_decref(object);
}

static void test_a_pair(void **state)
{
    (void)state;
    Stated__V1__Entry entry = entry_of("a\"\n", 3, "\xc3\xa9\0", 3);
    assert_dump(json_of_pair(&entry), "{\"key\":\"a\\\"\\n\",\"value\":\"\xc3\xa9\\u0000\"}");
    entry = entry_of("a", 1, NULL, 0);
    assert_dump(json_of_pair(&entry), "{\"key\":\"a\",\"value\":\"\"}");
}

static void test_bytes_that_are_no_text(void **state)
{
    (void)state;
    Stated__V1__Entry entry = entry_of("\xff\x00", 2, "\xc3", 1);
    assert_dump(json_of_pair(&entry), "{\"key_base64\":\"/wA=\",\"value_base64\":\"ww==\"}");
}

static void test_an_entry(void **state)
{
    (void)state;
    Stated__V1__Entry entry = entry_of("k", 1, "v", 1);
    entry.create_revision = 1;
    entry.mod_revision = 20;
    entry.version = INT64_MAX;
    assert_dump(json_of_entry(&entry, true),
                "{\"key\":\"k\",\"value\":\"v\",\"create_revision\":1,\"mod_revision\":20,"
                "\"version\":9223372036854775807}");
    assert_dump(json_of_entry(&entry, false),
                "{\"key\":\"k\",\"create_revision\":1,\"mod_revision\":20,"
                "\"version\":9223372036854775807}");
}

static void assert_comes_back(const uint8_t *key, size_t key_bytes, const uint8_t *value,
                              size_t value_bytes)
{
    char problem[JSON_PROBLEM_BYTES];
    struct json_pair pair;
    Stated__V1__Entry entry = entry_of(key, key_bytes, value, value_bytes);
    json_t *objects[] = {json_of_pair(&entry), json_of_entry(&entry, true)};
    for (size_t i = 0; i < 2; i++) {
        char *line = json_dumps(objects[i], JSON_COMPACT);
        assert_null(strchr(line, '\n'));
        assert_true(json_pair_parse(&pair, line, strlen(line), problem));
        assert_int_equal(pair.key.len, key_bytes);
        assert_memory_equal(pair.key.data, key, key_bytes);
        assert_int_equal(pair.value.len, value_bytes);
        assert_memory_equal(pair.value.data, value, value_bytes);
        json_pair_free(&pair);
        json_decref(objects[i]);
        free(line);
    }
}

static void test_random_bytes_come_back(void **state)
{
    (void)state;
    const char *given = getenv("TEST_SEED");
    unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 10) : 20240811;
    print_message("seed %u (TEST_SEED=%u repeats it)\n", seed, seed);
    srandom(seed);
    for (int round = 0; round < 2000; round++) {
        uint8_t key[480];
        uint8_t value[300];
        size_t key_bytes = 1 + (size_t)random() % (round % 10 == 0 ? sizeof key : 8);
        size_t value_bytes = (size_t)random() % (round % 10 == 0 ? sizeof value : 8);
        unsigned mask = round % 3 == 0 ? 0xff : 0x7f; /* text more often than not */
        for (size_t i = 0; i < key_bytes; i++) {
            key[i] = (uint8_t)((unsigned)random() & mask);
        }
        for (size_t i = 0; i < value_bytes; i++) {
            value[i] = (uint8_t)((unsigned)random() & mask);
        }
        assert_comes_back(key, key_bytes, value, value_bytes);
    }
}

static void assert_refused(const char *line, const char *expected)
{
    char problem[JSON_PROBLEM_BYTES] = "";
    struct json_pair pair;
    if (json_pair_parse(&pair, line, strlen(line), problem)) {
        fail_msg("taken for an entry: %s", line);
    }
    if (strstr(problem, expected) == NULL) {
        fail_msg("'%s' does not say '%s' of: %s", problem, expected, line);
    }
}

static void test_names_what_is_wrong(void **state)
{
    (void)state;
    assert_refused("", "not JSON");
    assert_refused("{\"key\":\"a\",\"value\":\"b\"", "not JSON");
    assert_refused("{\"key\":\"a\",\"value\":\"b\"} x", "not JSON");
    assert_refused("{\"key\":\"a\",\"key\":\"b\",\"value\":\"c\"}", "duplicate");
    assert_refused("{\"key\":\"\xff\",\"value\":\"c\"}", "not JSON");
    assert_refused("[1]", "not an object");
    assert_refused("7", "not an object");
    assert_refused("{\"value\":\"b\"}", "neither \"key\" nor \"key_base64\"");
    assert_refused("{\"key\":\"a\"}", "neither \"value\" nor \"value_base64\"");
    assert_refused("{\"key\":\"a\",\"key_base64\":\"YQ==\",\"value\":\"b\"}", "both");
    assert_refused("{\"key\":1,\"value\":\"b\"}", "\"key\" is not a string");
    assert_refused("{\"key\":\"a\",\"value\":null}", "\"value\" is not a string");
    assert_refused("{\"key\":\"a\",\"value_base64\":\"b\"}", "\"value_base64\" is not base64");
    assert_refused("{\"key\":\"a\",\"value\":\"b\",\"ttl\":1}", "\"ttl\" is no member");
    assert_refused("{\"key\":\"\",\"value\":\"b\"}", "0 bytes");
}

static void test_keys_have_a_length(void **state)
{
    (void)state;
    char line[600];
    char problem[JSON_PROBLEM_BYTES];
    struct json_pair pair;
    for (size_t length = 479; length <= 481; length++) {
        snprintf(line, sizeof line, "{\"key\":\"%0*d\",\"value\":\"\"}", (int)length, 0);
        bool is_good = json_pair_parse(&pair, line, strlen(line), problem);
        assert_int_equal(is_good, length <= 480);
        if (is_good) {
            json_pair_free(&pair);
        } else {
            assert_non_null(strstr(problem, "481 bytes"));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_pair),
        cmocka_unit_test(test_bytes_that_are_no_text),
        cmocka_unit_test(test_an_entry),
        cmocka_unit_test(test_random_bytes_come_back),
        cmocka_unit_test(test_names_what_is_wrong),
        cmocka_unit_test(test_keys_have_a_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
