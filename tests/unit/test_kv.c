/* Does each function on one key do what its header says, with a real server? */
#include "test.h"

#include "kv_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void assert_value(const char *key, const char *value)
{
    struct stated_kv_entry *entry;
    assert_int_equal(stated_kv_get(client, stated_text(key), NULL, &entry, &status), STATED_OK);
    assert_string_equal((const char *)entry->value.data, value);
    assert_int_equal(entry->value.size, strlen(value));
    stated_kv_entry_free(entry);
}

static void test_put_and_get(void **state)
{
    (void)state;
    struct stated_kv_entry *entry;
    uint64_t revision = 0;
    assert_int_equal(
        stated_kv_put(client, stated_text("color"), stated_text("green"), NULL, &revision, &status),
        STATED_OK);
    assert_true(revision > 0);
    assert_true(status.order.ticket > 0);
    kv_fixture_put("color", "red");
    assert_int_equal(stated_kv_get(client, stated_text("color"), NULL, &entry, &status), STATED_OK);
    assert_string_equal((const char *)entry->key.data, "color");
    assert_string_equal((const char *)entry->value.data, "red");
    assert_int_equal(entry->key.size, 5);
    assert_int_equal(entry->value.size, 3);
    assert_int_equal(entry->create_revision, revision);
    assert_int_equal(entry->mod_revision, revision + 1);
    assert_int_equal(entry->version, 2);
    stated_kv_entry_free(entry);
}

static void test_any_bytes(void **state)
{
    (void)state;
    static const char bytes[] = "a\0b\n\xff\r\n";
    struct stated_bytes odd = {bytes, sizeof(bytes) - 1};
    struct stated_kv_entry *entry;
    assert_int_equal(stated_kv_put(client, odd, odd, NULL, NULL, NULL), STATED_OK);
    assert_int_equal(stated_kv_get(client, odd, NULL, &entry, NULL), STATED_OK);
    assert_int_equal(entry->value.size, sizeof(bytes) - 1);
    assert_memory_equal(entry->key.data, bytes, sizeof(bytes));
    assert_memory_equal(entry->value.data, bytes, sizeof(bytes));
    stated_kv_entry_free(entry);
    assert_int_equal(stated_kv_delete(client, odd, NULL, NULL, NULL), STATED_OK);
    assert_int_equal(stated_kv_get(client, odd, NULL, &entry, &status), STATED_NOT_FOUND);
    assert_string_equal(status.message, "there is no key \"a\\x00b\\x0a\\xff\\x0d\\x0a\"");
}

static void test_an_empty_value(void **state)
{
    (void)state;
    struct stated_bytes nothing = {NULL, 0};
    assert_int_equal(stated_kv_put(client, stated_text("empty"), nothing, NULL, NULL, &status),
                     STATED_OK);
    assert_value("empty", "");
}

static void test_get_what_is_not_there(void **state)
{
    (void)state;
    struct stated_kv_entry *entry = (struct stated_kv_entry *)&status;
    assert_int_equal(stated_kv_get(client, stated_text("nobody"), NULL, &entry, &status),
                     STATED_NOT_FOUND);
    assert_null(entry);
    assert_int_equal(status.code, STATED_NOT_FOUND);
    assert_string_equal(status.message, "there is no key \"nobody\"");
    assert_true(status.order.ticket > 0);
}

static void test_whether_it_is_there(void **state)
{
    (void)state;
    kv_fixture_put("there", "yes");
    assert_int_equal(stated_kv_get(client, stated_text("there"), NULL, NULL, NULL), STATED_OK);
    assert_int_equal(stated_kv_get(client, stated_text("ther"), NULL, NULL, NULL),
                     STATED_NOT_FOUND);
}

static void test_a_committed_read_takes_no_ticket(void **state)
{
    (void)state;
    struct stated_kv_options committed = STATED_KV_OPTIONS_INIT;
    struct stated_kv_entry *entry;
    committed.committed = true;
    kv_fixture_put("committed", "yes");
    assert_int_equal(stated_kv_get(client, stated_text("committed"), &committed, &entry, &status),
                     STATED_OK);
    assert_int_equal(status.order.ticket, 0);
    assert_string_equal((const char *)entry->value.data, "yes");
    stated_kv_entry_free(entry);
}

static void test_create(void **state)
{
    (void)state;
    uint64_t revision;
    char expected[STATED_MESSAGE_BYTES];
    assert_int_equal(
        stated_kv_create(client, stated_text("new"), stated_text("1"), NULL, &revision, &status),
        STATED_OK);
    snprintf(expected, sizeof(expected),
             "nothing was written: \"new\" is there already, at revision %llu",
             (unsigned long long)revision);
    assert_int_equal(
        stated_kv_create(client, stated_text("new"), stated_text("2"), NULL, &revision, &status),
        STATED_ALREADY_EXISTS);
    assert_string_equal(status.message, expected);
    assert_int_equal(revision, 0);
    assert_value("new", "1");
}

static void test_delete(void **state)
{
    (void)state;
    uint64_t revision;
    kv_fixture_put("old", "1");
    assert_int_equal(stated_kv_delete(client, stated_text("old"), NULL, &revision, &status),
                     STATED_OK);
    assert_true(revision > 0);
    assert_int_equal(stated_kv_delete(client, stated_text("old"), NULL, &revision, &status),
                     STATED_NOT_FOUND);
    assert_string_equal(status.message, "nothing was written: there is no key \"old\"");
    assert_int_equal(revision, 0);
}

static void test_add(void **state)
{
    (void)state;
    int64_t value;
    struct stated_bytes visits = stated_text("visits");
    assert_int_equal(stated_kv_add(client, visits, 5, NULL, &value, &status), STATED_OK);
    assert_int_equal(value, 5);
    assert_int_equal(stated_kv_add(client, visits, -7, NULL, NULL, &status), STATED_OK);
    assert_int_equal(stated_kv_add(client, visits, INT64_MAX, NULL, &value, &status), STATED_OK);
    assert_true(value == INT64_MAX - 2);
    assert_int_equal(stated_kv_add(client, visits, 3, NULL, &value, &status), STATED_OUT_OF_RANGE);
    assert_int_equal(value, 0);
    kv_fixture_put("word", "seven");
    assert_int_equal(stated_kv_add(client, stated_text("word"), 1, NULL, &value, &status),
                     STATED_FAILED_PRECONDITION);
    assert_value("word", "seven");
}

/* Every function on one key with these arguments gives this code and message. */
static void assert_all(struct stated_client *whose, struct stated_bytes key, const char *message)
{
    struct stated_kv_entry *entry;
    struct stated_bytes value = stated_text("v");
    uint64_t revision;
    int64_t number;
    enum stated_code codes[] = {
        stated_kv_get(whose, key, NULL, &entry, &status),
        stated_kv_put(whose, key, value, NULL, &revision, &status),
        stated_kv_create(whose, key, value, NULL, &revision, &status),
        stated_kv_delete(whose, key, NULL, &revision, &status),
        stated_kv_compare_and_set(whose, key, 1, value, NULL, &revision, &entry, &status),
        stated_kv_add(whose, key, 1, NULL, &number, &status),
    };
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        assert_int_equal(codes[i], STATED_INVALID_ARGUMENT);
    }
    assert_string_equal(status.message, message);
    assert_null(entry);
    assert_int_equal(revision, 0);
    assert_int_equal(number, 0);
}

static void test_bad_arguments(void **state)
{
    (void)state;
    char long_key[481];
    struct stated_bytes bad = {NULL, 3};
    memset(long_key, 'k', sizeof(long_key));
    struct stated_bytes too_long = {long_key, sizeof(long_key)};
    assert_all(client, stated_text(""), "the key is empty; a key has 1 to 480 bytes");
    assert_all(client, stated_text(NULL), "the key is empty; a key has 1 to 480 bytes");
    assert_all(client, bad, "key.data is NULL, but key.size is 3");
    assert_all(NULL, stated_text("k"), "client is NULL");
    assert_int_equal(stated_kv_put(client, too_long, too_long, NULL, NULL, &status),
                     STATED_INVALID_ARGUMENT);
    assert_non_null(strstr(status.message, "kkk...\" has 481 bytes; a key has 1 to 480 bytes"));
    too_long.size--;
    assert_int_equal(stated_kv_put(client, too_long, too_long, NULL, NULL, &status), STATED_OK);
    assert_int_equal(stated_kv_put(client, stated_text("k"), bad, NULL, NULL, &status),
                     STATED_INVALID_ARGUMENT);
    assert_string_equal(status.message, "value.data is NULL, but value.size is 3");
}

static void test_a_value_that_is_too_large(void **state)
{
    (void)state;
    size_t size = 2 << 20;
    char *large = calloc(1, size);
    struct stated_bytes value = {large, size};
    assert_int_equal(stated_kv_put(client, stated_text("large"), value, NULL, NULL, &status),
                     STATED_INVALID_ARGUMENT);
    free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put_and_get),
        cmocka_unit_test(test_any_bytes),
        cmocka_unit_test(test_an_empty_value),
        cmocka_unit_test(test_get_what_is_not_there),
        cmocka_unit_test(test_whether_it_is_there),
        cmocka_unit_test(test_a_committed_read_takes_no_ticket),
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_delete),
        cmocka_unit_test(test_add),
        cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_a_value_that_is_too_large),
    };
    return cmocka_run_group_tests(tests, kv_fixture_set_up, kv_fixture_tear_down);
}
