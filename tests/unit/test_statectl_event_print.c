/* Is an event shown as each format wants it? */
#include "statectl/event_print.h"

#include "statectl/json.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static Stated__V1__Entry previous = STATED__V1__ENTRY__INIT;
static Stated__V1__Entry entry = STATED__V1__ENTRY__INIT;
static Stated__V1__Event event = STATED__V1__EVENT__INIT;

static ProtobufCBinaryData text(const char *bytes)
{
    return (ProtobufCBinaryData){.len = strlen(bytes), .data = (uint8_t *)(uintptr_t)bytes};
}

static int set_up(void **state)
{
    (void)state;
    stated__v1__event__init(&event);
    stated__v1__entry__init(&entry);
    stated__v1__entry__init(&previous);
    entry.key = text("k");
    entry.value = text("v\n");
    entry.mod_revision = 12;
    entry.create_revision = 10;
    entry.version = 3;
    previous.value = text("\xff");
    previous.mod_revision = 11;
    previous.version = 2;
    event.entry = &entry;
    return 0;
}

/* What is printed of one event. To free. */
static char *shown(enum output_format format)
{
    char *out = NULL;
    size_t length;
    FILE *standard = stdout;
    stdout = open_memstream(&out, &length);
    assert_non_null(stdout);
    struct event_print print;
    event_print_init(&print, format);
    event_print(&print, &event);
    event_print_deinit(&print);
    fclose(stdout);
    stdout = standard;
    return out;
}

static void assert_shown(enum output_format format, const char *expected)
{
    char *out = shown(format);
    assert_string_equal(out, expected);
    free(out);
}

static void test_raw(void **state)
{
    (void)state;
    assert_shown(OUTPUT_RAW, "put\t12\tk\tv\n\n");
    event.type = STATED__V1__EVENT__TYPE__TYPE_DELETE;
    assert_shown(OUTPUT_RAW, "delete\t12\tk\n");
}

static void test_table(void **state)
{
    (void)state;
    char *out = shown(OUTPUT_TABLE);
    assert_non_null(strstr(out, "REVISION  CHANGE  KEY  VALUE"));
    assert_non_null(strstr(out, "12  put     k    v\\n"));
    free(out);
    event.type = STATED__V1__EVENT__TYPE__TYPE_DELETE;
    out = shown(OUTPUT_TABLE);
    assert_non_null(strstr(out, "12  delete  k"));
    assert_null(strstr(out, "v\\n"));
    free(out);
}

static void test_json(void **state)
{
    (void)state;
    assert_shown(OUTPUT_JSONL, "{\"type\":\"put\",\"revision\":12,\"key\":\"k\",\"value\":\"v\\n\","
                               "\"create_revision\":10,\"version\":3}\n");
    event.type = STATED__V1__EVENT__TYPE__TYPE_DELETE;
    event.previous = &previous;
    assert_shown(OUTPUT_JSONL, "{\"type\":\"delete\",\"revision\":12,\"key\":\"k\",\"previous\":"
                               "{\"value_base64\":\"/w==\",\"mod_revision\":11,\"version\":2}}\n");
}

static void test_a_list_takes_what_would_be_printed(void **state)
{
    (void)state;
    struct event_print print;
    event_print_init(&print, OUTPUT_JSON);
    print.list = json_new_array();
    event_print(&print, &event);
    event_print(&print, &event);
    assert_int_equal(json_array_size(print.list), 2);
    json_decref(print.list);
    event_print_deinit(&print);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_raw),
        TEST(test_table),
        TEST(test_json),
        TEST(test_a_list_takes_what_would_be_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
