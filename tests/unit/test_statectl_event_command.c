/* Does a command get the event whole, whatever bytes are in it? */
#include "statectl/event_command.h"

#include "statectl/errors.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct event {
    Stated__V1__Event event;
    Stated__V1__Entry entry;
    Stated__V1__Entry previous;
};

static void event_init(struct event *self, const void *value, size_t length)
{
    stated__v1__event__init(&self->event);
    stated__v1__entry__init(&self->entry);
    stated__v1__entry__init(&self->previous);
    self->event.entry = &self->entry;
    self->entry.key = (ProtobufCBinaryData){.len = 1, .data = (uint8_t *)(uintptr_t) "k"};
    self->entry.value = (ProtobufCBinaryData){.len = length, .data = (uint8_t *)(uintptr_t)value};
    self->entry.mod_revision = 7;
    self->entry.create_revision = 5;
    self->entry.version = 2;
}

/* The variable's value; NULL when there is none. */
static const char *find(char **environment, const char *name)
{
    size_t length = strlen(name);
    for (char **at = environment; *at != NULL; at++) {
        if (strncmp(*at, name, length) == 0 && (*at)[length] == '=') {
            return *at + length + 1;
        }
    }
    return NULL;
}

static void test_a_put_with_what_was_before(void **state)
{
    (void)state;
    struct event event;
    event_init(&event, "new=value", 9);
    event.event.previous = &event.previous;
    event.previous.mod_revision = 5;
    char **environment = event_command_environment(&event.event);
    assert_string_equal(find(environment, "STATECTL_EVENT_TYPE"), "put");
    assert_string_equal(find(environment, "STATECTL_EVENT_REVISION"), "7");
    assert_string_equal(find(environment, "STATECTL_EVENT_KEY"), "k");
    assert_string_equal(find(environment, "STATECTL_EVENT_KEY_BASE64"), "aw==");
    assert_string_equal(find(environment, "STATECTL_EVENT_VALUE"), "new=value");
    assert_string_equal(find(environment, "STATECTL_EVENT_CREATE_REVISION"), "5");
    assert_string_equal(find(environment, "STATECTL_EVENT_VERSION"), "2");
    assert_string_equal(find(environment, "STATECTL_EVENT_PREVIOUS_VALUE"), "");
    assert_string_equal(find(environment, "STATECTL_EVENT_PREVIOUS_REVISION"), "5");
    event_command_free(environment);
}

static void test_a_delete_has_no_value(void **state)
{
    (void)state;
    struct event event;
    event_init(&event, "", 0);
    event.event.type = STATED__V1__EVENT__TYPE__TYPE_DELETE;
    char **environment = event_command_environment(&event.event);
    assert_string_equal(find(environment, "STATECTL_EVENT_TYPE"), "delete");
    assert_null(find(environment, "STATECTL_EVENT_VALUE"));
    assert_null(find(environment, "STATECTL_EVENT_VERSION"));
    assert_null(find(environment, "STATECTL_EVENT_PREVIOUS_VALUE"));
    event_command_free(environment);
}

static void test_bytes_that_a_variable_cannot_have(void **state)
{
    (void)state;
    struct event event;
    event_init(&event, "a\0b", 3);
    char **environment = event_command_environment(&event.event);
    assert_null(find(environment, "STATECTL_EVENT_VALUE"));
    assert_string_equal(find(environment, "STATECTL_EVENT_VALUE_BASE64"), "YQBi");
    event_command_free(environment);

    size_t length = EVENT_COMMAND_MAX_BYTES + 1;
    char *large = malloc(length);
    memset(large, 'x', length);
    event_init(&event, large, length - 1);
    environment = event_command_environment(&event.event);
    assert_int_equal(strlen(find(environment, "STATECTL_EVENT_VALUE")), length - 1);
    event_command_free(environment);
    event_init(&event, large, length);
    environment = event_command_environment(&event.event);
    assert_null(find(environment, "STATECTL_EVENT_VALUE"));
    assert_null(find(environment, "STATECTL_EVENT_VALUE_BASE64"));
    event_command_free(environment);
    free(large);
}

static void test_ours_is_kept_and_an_outer_event_is_not(void **state)
{
    (void)state;
    struct event event;
    event_init(&event, "", 0);
    event.event.type = STATED__V1__EVENT__TYPE__TYPE_DELETE;
    setenv("STATECTL_EVENT_VALUE", "of an outer watch", 1);
    setenv("STATECTL_EVEN", "kept", 1);
    char **environment = event_command_environment(&event.event);
    assert_null(find(environment, "STATECTL_EVENT_VALUE"));
    assert_string_equal(find(environment, "STATECTL_EVEN"), "kept");
    event_command_free(environment);
    unsetenv("STATECTL_EVENT_VALUE");
    unsetenv("STATECTL_EVEN");
}

static void test_how_it_ends_is_told(void **state)
{
    (void)state;
    static char sh[] = "sh";
    static char option[] = "-c";
    static char reads[] = "test \"$(cat)\" = \"$STATECTL_EVENT_VALUE\"";
    static char fails[] = "exit 3";
    static char missing[] = "/no/such/program";
    struct event event;
    event_init(&event, "the value", 9);
    char *const good[] = {sh, option, reads, NULL};
    char *const bad[] = {sh, option, fails, NULL};
    char *const none[] = {missing, NULL};
    assert_int_equal(event_command_run(good, &event.event), EXIT_DONE);
    assert_int_equal(event_command_run(bad, &event.event), EXIT_NEGATIVE);
    assert_int_equal(event_command_run(none, &event.event), EXIT_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_put_with_what_was_before),
        cmocka_unit_test(test_a_delete_has_no_value),
        cmocka_unit_test(test_bytes_that_a_variable_cannot_have),
        cmocka_unit_test(test_ours_is_kept_and_an_outer_event_is_not),
        cmocka_unit_test(test_how_it_ends_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
