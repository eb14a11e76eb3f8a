/* Do codes have the names and numbers of the contract, and are messages always whole? */
#include "test.h"

#include "stated/status.h"
#include "stated/v1/rpc.pb-c.h"

#include <string.h>

/* The .proto and the table in C must not drift apart. */
static void test_codes_are_those_of_the_proto(void **state)
{
    (void)state;
    size_t n = 0;
#define CHECK_CODE(code, number)                                                                   \
    {                                                                                              \
        const ProtobufCEnumValue *value =                                                          \
            protobuf_c_enum_descriptor_get_value(&stated__v1__code__descriptor, STATED_##code);    \
        assert_non_null(value);                                                                    \
        assert_string_equal(value->name, "CODE_" #code);                                           \
        assert_string_equal(stated_code_name(STATED_##code), #code);                               \
        n++;                                                                                       \
    }
    STATED_CODES(CHECK_CODE)
#undef CHECK_CODE
    assert_int_equal(n, stated__v1__code__descriptor.n_values);
}

static void test_name_of_no_code(void **state)
{
    (void)state;
    assert_string_equal(stated_code_name((enum stated_code)17), "CODE_UNRECOGNISED");
    assert_string_equal(stated_code_name((enum stated_code) - 1), "CODE_UNRECOGNISED");
}

static void test_set_replaces_everything(void **state)
{
    (void)state;
    struct stated_status status;
    memset(&status, 0xA5, sizeof(status));
    assert_int_equal(stated_status_set(&status, STATED_NOT_FOUND, "no key %s, %d", "a", 7),
                     STATED_NOT_FOUND);
    struct stated_status expected = {.code = STATED_NOT_FOUND, .message = "no key a, 7"};
    assert_int_equal(status.code, expected.code);
    assert_int_equal(status.retry_after_ms, 0);
    assert_int_equal(status.order.epoch, 0);
    assert_int_equal(status.order.ticket, 0);
    assert_int_equal(status.order.queued_ahead, 0);
    assert_int_equal(status.order.wait_us, 0);
    assert_int_equal(status.order.hold_us, 0);
    assert_false(status.order.replayed);
    assert_string_equal(status.message, expected.message);
}

static void test_set_without_a_status(void **state)
{
    (void)state;
    assert_int_equal(stated_status_set(NULL, STATED_ABORTED, "%s", "lost"), STATED_ABORTED);
}

static void test_set_may_quote_itself(void **state)
{
    (void)state;
    struct stated_status status;
    stated_status_set(&status, STATED_UNAVAILABLE, "refused");
    stated_status_set(&status, STATED_UNAVAILABLE, "tcp://x: %s", status.message);
    assert_string_equal(status.message, "tcp://x: refused");
}

/* A character of each length, ending at, before and behind the last byte that fits. */
static void test_set_cuts_between_characters(void **state)
{
    (void)state;
    static const char *const characters[] = {"a", "\u00e9", "\u20ac", "\U0001F600"};
    for (size_t i = 0; i < 4; i++) {
        size_t width = strlen(characters[i]);
        for (size_t padding = 240; padding < 262; padding++) {
            char text[300];
            memset(text, 'x', padding);
            strcpy(text + padding, characters[i]);
            struct stated_status status;
            stated_status_set(&status, STATED_INTERNAL, "%s", text);

            size_t limit = STATED_MESSAGE_BYTES - 1;
            size_t expected = padding + width <= limit ? padding + width
                              : padding < limit        ? padding
                                                       : limit;
            assert_int_equal(strlen(status.message), expected);
            assert_memory_equal(status.message, text, expected);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes_are_those_of_the_proto),
        cmocka_unit_test(test_name_of_no_code),
        cmocka_unit_test(test_set_replaces_everything),
        cmocka_unit_test(test_set_without_a_status),
        cmocka_unit_test(test_set_may_quote_itself),
        cmocka_unit_test(test_set_cuts_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
