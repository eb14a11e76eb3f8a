/* Does every field of a message show in JSON, under its name and with what it holds? */
#include "statectl/message_json.h"

#include "stated/v1/admin.pb-c.h"
#include "stated/v1/state.pb-c.h"

#include "test.h"

#include <stdlib.h>
#include <string.h>

static void assert_json(const ProtobufCMessage *message, const char *expected)
{
    json_t *object = message_json(message);
    char *dumped = json_dumps(object, JSON_COMPACT);
    assert_string_equal(dumped, expected);
    free(dumped);
    json_decref(object);
}

static void test_enums_and_texts(void **state)
{
    (void)state;
    Stated__V1__HealthResponse health;
    stated__v1__health_response__init(&health);
    assert_json(&health.base, "{\"state\":\"serving\",\"reason\":\"\"}");
    health.state = STATED__V1__HEALTH_RESPONSE__STATE__STATE_READ_ONLY;
    health.reason = (char *)(uintptr_t) "the disk is full";
    assert_json(&health.base, "{\"state\":\"read_only\",\"reason\":\"the disk is full\"}");
}

static void test_an_enum_of_a_newer_server(void **state)
{
    (void)state;
    Stated__V1__HealthResponse health;
    stated__v1__health_response__init(&health);
    health.state = (Stated__V1__HealthResponse__State)77;
    assert_json(&health.base, "{\"state\":77,\"reason\":\"\"}");
}

static void test_numbers_and_absent_messages(void **state)
{
    (void)state;
    Stated__V1__StatusResponse status;
    char *endpoints[] = {(char *)(uintptr_t) "ipc:///a", (char *)(uintptr_t) "tcp://b:1"};
    stated__v1__status_response__init(&status);
    status.epoch = UINT64_C(0xfedcba9876543210);
    status.uptime_ms = INT64_MAX;
    status.pid = UINT32_MAX;
    status.endpoints = endpoints;
    status.n_endpoints = 2;
    assert_json(&status.base,
                "{\"version\":\"\",\"epoch\":\"fedcba9876543210\","
                "\"uptime_ms\":9223372036854775807,\"pid\":4294967295,\"data_directory\":\"\","
                "\"endpoints\":[\"ipc:///a\",\"tcp://b:1\"],\"connections\":0,"
                "\"resident_bytes\":0}");
}

static void test_messages_in_messages(void **state)
{
    (void)state;
    Stated__V1__QueueResponse queue = STATED__V1__QUEUE_RESPONSE__INIT;
    Stated__V1__CallTimes times = STATED__V1__CALL_TIMES__INIT;
    Stated__V1__CallTimes *all_times[] = {&times, &times};
    Stated__V1__Poison poison;
    stated__v1__poison__init(&poison);
    times.access = STATED__V1__ACCESS__ACCESS_READ;
    times.committed = 1;
    times.calls = 3;
    queue.times = all_times;
    queue.n_times = 2;
    poison.ticket = 9;
    queue.poison = &poison;
    const char *one = "{\"access\":\"read\",\"committed\":true,\"calls\":3,\"wait_p50_us\":0,"
                      "\"wait_p99_us\":0,\"hold_p50_us\":0,\"hold_p99_us\":0}";
    char expected[1024];
    snprintf(expected, sizeof expected,
             "{\"running\":[],\"waiting\":[],\"running_calls\":0,\"waiting_calls\":0,"
             "\"poison\":{\"ticket\":9,\"method\":\"\",\"reason\":\"\",\"age_ms\":0},"
             "\"times\":[%s,%s]}",
             one, one);
    assert_json(&queue.base, expected);
}

static void test_bytes(void **state)
{
    (void)state;
    Stated__V1__Put put = STATED__V1__PUT__INIT;
    put.key = (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t) "key", .len = 3};
    put.value = (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t) "\xff", .len = 1};
    assert_json(&put.base, "{\"key\":\"key\",\"value_base64\":\"/w==\"}");
}

static void test_negative_numbers(void **state)
{
    (void)state;
    Stated__V1__Add add = STATED__V1__ADD__INIT;
    add.delta = INT64_MIN;
    assert_json(&add.base, "{\"key\":\"\",\"delta\":-9223372036854775808}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_enums_and_texts),
        cmocka_unit_test(test_an_enum_of_a_newer_server),
        cmocka_unit_test(test_numbers_and_absent_messages),
        cmocka_unit_test(test_messages_in_messages),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_negative_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
