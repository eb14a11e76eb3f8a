/* Does JSON become the message it describes, and is what does not fit named where it stands? */
#include "statectl/message_parse.h"

#include "statectl/message_json.h"

#include "stated/v1/admin.pb-c.h"
#include "stated/v1/rpc.pb-c.h"
#include "stated/v1/state.pb-c.h"

#include "test.h"

#include <stdlib.h>
#include <string.h>

static ProtobufCMessage *parsed(const ProtobufCMessageDescriptor *type, const char *text)
{
    ProtobufCMessage *message;
    char problem[MESSAGE_PROBLEM_BYTES] = "";
    ProtobufCBinaryData bytes = {.data = (uint8_t *)(uintptr_t)text, .len = strlen(text)};
    if (!message_parse_text(type, bytes, &message, problem)) {
        fail_msg("%s: %s", text, problem);
    }
    return message;
}

static void assert_refused(const ProtobufCMessageDescriptor *type, const char *text,
                           const char *expected)
{
    ProtobufCMessage *message = (ProtobufCMessage *)&message;
    char problem[MESSAGE_PROBLEM_BYTES] = "";
    ProtobufCBinaryData bytes = {.data = (uint8_t *)(uintptr_t)text, .len = strlen(text)};
    assert_false(message_parse_text(type, bytes, &message, problem));
    assert_null(message);
    if (strstr(problem, expected) == NULL) {
        fail_msg("%s: '%s' does not say '%s'", text, problem, expected);
    }
}

/* The text is what message_json makes of the message that it describes. */
static void assert_round_trip(const ProtobufCMessageDescriptor *type, const char *text)
{
    ProtobufCMessage *message = parsed(type, text);
    json_t *object = message_json(message);
    char *dumped = json_dumps(object, JSON_COMPACT);
    assert_string_equal(dumped, text);
    free(dumped);
    json_decref(object);
    protobuf_c_message_free_unpacked(message, NULL);
}

#define READ (&stated__v1__read_request__descriptor)
#define WRITE (&stated__v1__write_request__descriptor)
#define ENTRY (&stated__v1__entry__descriptor)
#define STATUS (&stated__v1__status_response__descriptor)
#define CALL (&stated__v1__call__descriptor)

static void test_round_trips(void **state)
{
    (void)state;
    assert_round_trip(ENTRY, "{\"key\":\"a\\u0000b\",\"value_base64\":\"/w==\","
                             "\"create_revision\":9223372036854775807,\"mod_revision\":0,"
                             "\"version\":1}");
    assert_round_trip(&stated__v1__health_response__descriptor,
                      "{\"state\":\"read_only\",\"reason\":\"full é\"}");
    assert_round_trip(READ, "{\"select\":[{\"prefix\":\"\"},{\"range\":{\"start\":\"a\",\"end\":"
                            "\"b\"}}],\"limit\":4294967295,\"after\":\"x\",\"keys_only\":true,"
                            "\"count_only\":false,\"consistency\":\"committed\"}");
    assert_round_trip(WRITE,
                      "{\"guards\":[{\"key\":\"a\",\"exists\":false},{\"key\":\"b\",\"value\":\"\"}"
                      "],\"mutations\":[{\"delete\":{\"select\":{\"key\":\"c\"}}},{\"add\":{"
                      "\"key\":\"n\",\"delta\":-9223372036854775808}}],\"return_previous\":true}");
}

static void test_defaults(void **state)
{
    (void)state;
    ProtobufCMessage *message = parsed(READ, "{}");
    Stated__V1__ReadRequest expected = STATED__V1__READ_REQUEST__INIT;
    assert_memory_equal(message, &expected, sizeof expected);
    protobuf_c_message_free_unpacked(message, NULL);
    message = parsed(READ, "{\"select\":null,\"limit\":null,\"after\":null}");
    assert_memory_equal(message, &expected, sizeof expected);
    protobuf_c_message_free_unpacked(message, NULL);
}

static void test_other_spellings(void **state)
{
    (void)state;
    static const char *const committed[] = {"{\"consistency\":\"CONSISTENCY_COMMITTED\"}",
                                            "{\"consistency\":\"Committed\"}",
                                            "{\"consistency\":1}"};
    for (size_t i = 0; i < 3; i++) {
        Stated__V1__ReadRequest *read = (void *)parsed(READ, committed[i]);
        assert_int_equal(read->consistency, STATED__V1__CONSISTENCY__CONSISTENCY_COMMITTED);
        protobuf_c_message_free_unpacked(&read->base, NULL);
    }
    Stated__V1__StatusResponse *status =
        (void *)parsed(STATUS, "{\"epoch\":\"fedcba9876543210\",\"uptime_ms\":"
                               "\"18446744073709551615\",\"endpoints\":[\"a\",\"b\"]}");
    assert_true(status->epoch == UINT64_C(0xfedcba9876543210));
    assert_true(status->uptime_ms == UINT64_MAX);
    assert_int_equal(status->n_endpoints, 2);
    assert_string_equal(status->endpoints[1], "b");
    protobuf_c_message_free_unpacked(&status->base, NULL);
    status = (void *)parsed(STATUS, "{\"epoch\":10}");
    assert_true(status->epoch == 10);
    protobuf_c_message_free_unpacked(&status->base, NULL);
}

static void test_what_does_not_fit_is_named(void **state)
{
    (void)state;
    assert_refused(READ, "", "this is not JSON");
    assert_refused(READ, "{\n\"limit\":}", "line 2, column 9");
    assert_refused(READ, "{\"limit\":1,\"limit\":2}", "duplicate");
    assert_refused(READ, "[]", "expected an object, a ReadRequest");
    assert_refused(READ, "5", "expected an object");
    assert_refused(READ, "{\"lmit\":1}", "no member \"lmit\"; did you mean \"limit\"?");
    assert_refused(READ, "{\"frobnicate\":1}", "it has select, limit, after");
    assert_refused(&stated__v1__health_request__descriptor, "{\"x\":1}", "it has none");
    assert_refused(READ, "{\"select\":{}}", "select: expected a list");
    assert_refused(READ, "{\"select\":[{\"key\":\"a\"},{\"key\":1}]}",
                   "select[1].key: expected a string");
    assert_refused(READ, "{\"select\":[null]}", "select[0]: expected an object, a Selector");
    assert_refused(READ, "{\"select\":[{\"key\":\"a\",\"prefix\":\"b\"}]}", "exclude each other");
    assert_refused(READ, "{\"select\":[{\"range\":{\"strat\":\"\"}}]}", "select[0].range: Range");
    assert_refused(READ, "{\"after\":\"a\",\"after_base64\":\"YQ==\"}", "both as text and in");
    assert_refused(READ, "{\"after_base64\":\"!\"}", "after_base64: this is not base64");
    assert_refused(READ, "{\"after_base64\":1}", "expected a string of base64");
    assert_refused(READ, "{\"limit_base64\":\"YQ==\"}", "no member \"limit_base64\"");
    assert_refused(READ, "{\"keys_only\":1}", "keys_only: expected true or false");
    assert_refused(READ, "{\"consistency\":\"eventual\"}", "one of ordered, committed");
    assert_refused(READ, "{\"consistency\":4294967296}", "one of ordered, committed");
    assert_refused(CALL, "{\"method\":\"a\\u0000b\"}", "method: expected a string without NUL");
    assert_refused(CALL, "{\"method\":{}}", "method: expected a string");
    assert_refused(STATUS, "{\"endpoints\":[\"a\",1]}", "endpoints[1]: expected a string");
    assert_refused(STATUS, "{\"epoch\":\"xyz\"}", "epoch: expected a number, or hexadecimal");
}

static void test_numbers_have_bounds(void **state)
{
    (void)state;
    static const char *const wrong[] = {"-1",      "4294967296", "1.5",     "\"\"",
                                        "\"1x\"",  "\" 1\"",     "\"-1\"",  "true",
                                        "\"0x1\"", "[]",         "\"+ 1\"", "1e3"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[64];
        snprintf(text, sizeof text, "{\"limit\":%s}", wrong[i]);
        assert_refused(READ, text, "limit: expected a whole number from 0 to 4294967295");
    }
    assert_refused(ENTRY, "{\"version\":\"18446744073709551616\"}",
                   "from 0 to 18446744073709551615");
    assert_refused(WRITE, "{\"mutations\":[{\"add\":{\"delta\":\"9223372036854775808\"}}]}",
                   "mutations[0].add.delta: expected a whole number from -9223372036854775808");
}

/* The path and the message are cut, not overrun. */
static void test_long_names(void **state)
{
    (void)state;
    char text[2048];
    char name[1000];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    snprintf(text, sizeof text, "{\"%s\":1}", name);
    assert_refused(READ, text, "no member \"nnnn");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_other_spellings),
        cmocka_unit_test(test_what_does_not_fit_is_named),
        cmocka_unit_test(test_numbers_have_bounds),
        cmocka_unit_test(test_long_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
