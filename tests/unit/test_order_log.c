/* Is every line of the order log the JSON it promises? */
#include "order/order_log.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

enum { LINES = 16 };

static size_t name_of(const void *argument, uint32_t key, char name[ORDER_LOG_NAME_BYTES])
{
    return (size_t)sprintf(name, "%s%u", (const char *)argument, (unsigned)key);
}

/* Writes the history and parses it again, a document a line. */
static size_t write_and_parse(const struct oracle_history *history, json_t *lines[LINES])
{
    char *text = NULL;
    size_t size = 0;
    size_t n = 0;
    FILE *file = open_memstream(&text, &size);
    assert_non_null(file);
    order_log_write(file, history, name_of, "k/");
    assert_false(ferror(file));
    assert_int_equal(fclose(file), 0);
    for (char *line = text; *line != '\0'; n++) {
        char *end = strchr(line, '\n');
        assert_non_null(end);
        assert_true(n < LINES);
        lines[n] = json_loadb(line, (size_t)(end - line), JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(lines[n]);
        line = end + 1;
    }
    free(text);
    return n;
}

static void free_lines(json_t *lines[LINES], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        json_decref(lines[i]);
    }
}

static void test_state_comes_first_and_absent_keys_not_at_all(void **state)
{
    struct oracle_cell cells[3] = {
        [1] = {.value = oracle_value_of("text", 4), .version = 2, .mod_revision = 9}};
    struct oracle_history history = {.cells = cells, .n_keys = 3};
    json_t *lines[LINES];
    const char *key;
    const char *value;
    json_int_t version;
    json_int_t mod_revision;
    (void)state;
    assert_int_equal(write_and_parse(&history, lines), 1);
    assert_int_equal(json_unpack(lines[0], "{s:s,s:s,s:I,s:I!}", "state", &key, "value", &value,
                                 "version", &version, "mod_revision", &mod_revision),
                     0);
    assert_string_equal(key, "k/1");
    assert_int_equal(strlen(value), strlen("xxh3:") + 16);
    assert_memory_equal(value, "xxh3:", 5);
    assert_int_equal(version, 2);
    assert_int_equal(mod_revision, 9);
    free_lines(lines, 1);
}

static void test_call_with_every_kind_of_step(void **state)
{
    const struct oracle_step steps[] = {
        {.action = ORACLE_EXPECT, .key = 0},
        {.action = ORACLE_PUT, .key = 1, .value = oracle_value_of("-5", 2)},
        {.action = ORACLE_DELETE, .key = 2},
        {.action = ORACLE_ADD, .key = 0, .value = oracle_value_number(7)},
    };
    const struct oracle_call call = {.ticket = UINT64_C(1) << 62,
                                     .sent_ns = 3,
                                     .received_ns = 4,
                                     .revision = 5,
                                     .steps = steps,
                                     .n_steps = 4,
                                     .writes = true};
    struct oracle_cell cells[3] = {0};
    struct oracle_history history = {.calls = &call, .n_calls = 1, .cells = cells, .n_keys = 3};
    json_t *lines[LINES];
    (void)state;
    assert_int_equal(write_and_parse(&history, lines), 1);
    json_t *due = json_pack(
        "{s:I,s:i,s:i,s:i,s:b,s:b,s:[{s:s,s:n,s:i,s:i},{s:s,s:i},{s:s},{s:s,s:i}]}", "ticket",
        (json_int_t)call.ticket, "sent_ns", 3, "received_ns", 4, "revision", 5, "write", 1, "lost",
        0, "steps", "expect", "k/0", "value", "version", 0, "mod_revision", 0, "put", "k/1",
        "value", -5, "delete", "k/2", "add", "k/0", "value", 7);
    assert_non_null(due);
    assert_true(json_equal(lines[0], due));
    json_decref(due);
    free_lines(lines, 1);
}

static void test_a_full_disk_shows(void **state)
{
    struct oracle_cell cells[1] = {0};
    const struct oracle_call call = {.ticket = 1};
    struct oracle_history history = {.calls = &call, .n_calls = 1, .cells = cells, .n_keys = 1};
    FILE *file = fopen("/dev/full", "w");
    (void)state;
    assert_non_null(file);
    setvbuf(file, NULL, _IONBF, 0);
    order_log_write(file, &history, name_of, "k/");
    assert_true(ferror(file));
    fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_state_comes_first_and_absent_keys_not_at_all),
        cmocka_unit_test(test_call_with_every_kind_of_step),
        cmocka_unit_test(test_a_full_disk_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
