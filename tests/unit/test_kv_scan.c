/* Does a walk give every key of its range once, in order, however it is cut into pages? */
#include "test.h"

#include "rep_double.h"
#include "served.h"

#include "stated/kv.h"
#include "stated/v1/state.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS = 25 };

static struct served served;
static struct stated_client *client;
static struct stated_status status;

static int set_up(void **state)
{
    (void)state;
    served_start(&served);
    client = served_client(&served);
    for (int i = 0; i < KEYS; i++) {
        char key[24];
        snprintf(key, sizeof(key), "n/%02d", i);
        if (stated_kv_put(client, stated_text(key), stated_text(key + 2), NULL, NULL, NULL) !=
            STATED_OK) {
            return 1;
        }
    }
    return stated_kv_put(client, stated_text("other"), stated_text("x"), NULL, NULL, NULL) !=
           STATED_OK;
}

static int tear_down(void **state)
{
    (void)state;
    stated_client_close(client);
    served_stop(&served);
    return 0;
}

static struct stated_kv_scan *open_scan(const struct stated_kv_range *range,
                                        const struct stated_kv_scan_options *options)
{
    struct stated_kv_scan *scan;
    assert_int_equal(stated_kv_scan_open(client, range, options, &scan, &status), STATED_OK);
    return scan;
}

/* Walks to the end and closes; the keys must be first, first + 1, … */
static void assert_walk(const struct stated_kv_range *range,
                        const struct stated_kv_scan_options *options, int first, int count)
{
    struct stated_kv_scan *scan = open_scan(range, options);
    const struct stated_kv_entry *entry;
    int n = 0;
    while ((entry = stated_kv_scan_next(scan)) != NULL) {
        char key[24];
        snprintf(key, sizeof(key), "n/%02d", first + n++);
        assert_string_equal((const char *)entry->key.data, key);
        bool has_value = options == NULL || !options->keys_only;
        assert_string_equal((const char *)entry->value.data, has_value ? key + 2 : "");
        assert_true(stated_kv_scan_revision(scan) >= entry->mod_revision);
    }
    assert_int_equal(n, count);
    assert_null(stated_kv_scan_next(scan));
    assert_int_equal(stated_kv_scan_close(scan, &status), STATED_OK);
    assert_int_equal(status.code, STATED_OK);
}

static void test_any_page_size(void **state)
{
    (void)state;
    struct stated_kv_range range = stated_kv_prefix("n/");
    assert_walk(&range, NULL, 0, KEYS);
    for (uint32_t page = 1; page <= KEYS + 1; page++) {
        struct stated_kv_scan_options options = STATED_KV_SCAN_OPTIONS_INIT;
        options.page_entries = page;
        options.committed = page % 2 == 0;
        options.keys_only = page % 3 == 0;
        assert_walk(&range, &options, 0, KEYS);
    }
}

static void test_no_more_than_wanted(void **state)
{
    (void)state;
    struct stated_kv_range range = stated_kv_prefix("n/");
    struct stated_kv_scan_options options = STATED_KV_SCAN_OPTIONS_INIT;
    for (uint64_t most = 1; most <= KEYS + 1; most++) {
        options.max_entries = most;
        options.page_entries = 4;
        assert_walk(&range, &options, 0, most < KEYS ? (int)most : KEYS);
    }
}

static void test_start_and_end(void **state)
{
    (void)state;
    struct stated_kv_range range = {.start = stated_text("n/03"), .end = stated_text("n/07")};
    struct stated_kv_scan_options options = STATED_KV_SCAN_OPTIONS_INIT;
    options.page_entries = 3;
    assert_walk(&range, &options, 3, 4);
    range = (struct stated_kv_range){.end = stated_text("n/02")};
    assert_walk(&range, NULL, 0, 2);
    range = (struct stated_kv_range){.start = stated_text("n/24"), .end = stated_text("o")};
    assert_walk(&range, NULL, 24, 1);
    range = stated_kv_prefix("nothing");
    assert_walk(&range, NULL, 0, 0);
}

static void test_every_key(void **state)
{
    (void)state;
    struct stated_kv_scan *scan = open_scan(NULL, NULL);
    int n = 0;
    assert_int_equal(stated_kv_scan_revision(scan), 0);
    while (stated_kv_scan_next(scan) != NULL) {
        n++;
    }
    assert_int_equal(n, KEYS + 1);
    assert_int_equal(stated_kv_scan_close(scan, NULL), STATED_OK);
}

static void test_the_range_may_go_once_it_is_open(void **state)
{
    (void)state;
    char *prefix = strdup("n/1");
    struct stated_kv_range range = stated_kv_prefix(prefix);
    struct stated_kv_scan *scan = open_scan(&range, NULL);
    memset(prefix, 'z', 3);
    free(prefix);
    assert_string_equal((const char *)stated_kv_scan_next(scan)->key.data, "n/10");
    assert_int_equal(stated_kv_scan_close(scan, &status), STATED_OK);
}

/* Keys that come and go beside the walk change nothing about the others. */
static void test_writes_beside_a_walk(void **state)
{
    (void)state;
    struct stated_kv_range range = stated_kv_prefix("n/");
    struct stated_kv_scan_options options = STATED_KV_SCAN_OPTIONS_INIT;
    options.page_entries = 2;
    struct stated_kv_scan *scan = open_scan(&range, &options);
    const struct stated_kv_entry *entry;
    int n = 0;
    while ((entry = stated_kv_scan_next(scan)) != NULL) {
        char key[24];
        snprintf(key, sizeof(key), "n/%02d", n++);
        assert_string_equal((const char *)entry->key.data, key);
        snprintf(key, sizeof(key), "m/%02d", n);
        assert_int_equal(stated_kv_put(client, stated_text(key), stated_text(""), NULL, NULL, NULL),
                         STATED_OK);
    }
    assert_int_equal(n, KEYS);
    assert_int_equal(stated_kv_scan_close(scan, &status), STATED_OK);
    range = stated_kv_prefix("m/");
    assert_int_equal(stated_kv_delete_range(client, &range, NULL, NULL, NULL), STATED_OK);
}

static void test_count_and_delete(void **state)
{
    (void)state;
    uint64_t count;
    uint64_t revision;
    struct stated_kv_range range = stated_kv_prefix("d/");
    for (int i = 0; i < 3; i++) {
        char key[24];
        snprintf(key, sizeof(key), "d/%d", i);
        assert_int_equal(stated_kv_put(client, stated_text(key), stated_text(""), NULL, NULL, NULL),
                         STATED_OK);
    }
    assert_int_equal(stated_kv_count(client, &range, NULL, &count, &status), STATED_OK);
    assert_int_equal(count, 3);
    assert_int_equal(stated_kv_count(client, NULL, NULL, &count, &status), STATED_OK);
    assert_int_equal(count, KEYS + 1 + 3);
    assert_int_equal(stated_kv_delete_range(client, &range, NULL, &revision, &status), STATED_OK);
    assert_true(revision > 0);
    assert_int_equal(stated_kv_count(client, NULL, NULL, &count, &status), STATED_OK);
    assert_int_equal(count, KEYS + 1);
}

static void test_bad_arguments(void **state)
{
    (void)state;
    struct stated_kv_scan *scan;
    uint64_t count;
    struct stated_kv_range both = stated_kv_prefix("n/");
    struct stated_kv_range no_data = {.start = {NULL, 1}};
    struct stated_kv_range backwards = {.start = stated_text("b"), .end = stated_text("a")};
    both.end = stated_text("n/1");
    assert_int_equal(stated_kv_scan_open(client, &both, NULL, &scan, &status),
                     STATED_INVALID_ARGUMENT);
    assert_null(scan);
    assert_string_equal(status.message,
                        "the range has a prefix and a start or an end; leave one out");
    assert_int_equal(stated_kv_scan_open(client, &no_data, NULL, &scan, &status),
                     STATED_INVALID_ARGUMENT);
    assert_string_equal(status.message, "range.start.data is NULL, but range.start.size is 1");
    assert_int_equal(stated_kv_scan_open(client, NULL, NULL, NULL, &status),
                     STATED_INVALID_ARGUMENT);
    assert_int_equal(stated_kv_scan_open(NULL, NULL, NULL, &scan, &status),
                     STATED_INVALID_ARGUMENT);
    assert_int_equal(stated_kv_count(client, NULL, NULL, NULL, &status), STATED_INVALID_ARGUMENT);
    assert_int_equal(stated_kv_count(client, &both, NULL, &count, &status),
                     STATED_INVALID_ARGUMENT);
    assert_int_equal(stated_kv_delete_range(client, &both, NULL, NULL, &status),
                     STATED_INVALID_ARGUMENT);
    scan = open_scan(&backwards, NULL);
    assert_null(stated_kv_scan_next(scan));
    assert_int_equal(stated_kv_scan_close(scan, &status), STATED_INVALID_ARGUMENT);
    assert_non_null(strstr(status.message, "before its start"));
    assert_null(stated_kv_scan_next(NULL));
    assert_int_equal(stated_kv_scan_revision(NULL), 0);
    assert_int_equal(stated_kv_scan_close(NULL, &status), STATED_OK);
}

/* A server that sends one entry a page, and then something else. */
enum lie { LIE_NOTHING_MORE, LIE_SILENCE, LIE_LONG_KEY };

struct liar {
    enum lie lie;
    unsigned pages;
};

static void lie(void *argument, const Stated__V1__RequestFrame *frame, struct rep_answer *answer)
{
    static uint8_t key[500];
    struct liar *liar = argument;
    Stated__V1__Entry entry = STATED__V1__ENTRY__INIT;
    Stated__V1__Entry *entries[] = {&entry};
    Stated__V1__ReadResponse response = STATED__V1__READ_RESPONSE__INIT;
    (void)frame;
    bool lies = liar->pages++ >= 2;
    if (lies && liar->lie == LIE_SILENCE) {
        answer->kind = REP_DROP;
        return;
    }
    entry.key = (ProtobufCBinaryData){.len = lies ? sizeof(key) : 1, .data = key};
    response.entries = entries;
    response.n_entries = lies && liar->lie == LIE_NOTHING_MORE ? 0 : 1;
    response.more = true;
    rep_answer_ok(answer, &response.base);
}

static void assert_lie(enum lie what, enum stated_code code, const char *message)
{
    struct liar liar = {.lie = what};
    struct rep_double *server = rep_double_start(lie, &liar);
    struct stated_client_options open = STATED_CLIENT_OPTIONS_INIT;
    struct stated_kv_scan_options options = STATED_KV_SCAN_OPTIONS_INIT;
    struct stated_client *other;
    struct stated_kv_scan *scan;
    open.endpoint = rep_double_url(server);
    options.timeout_ms = what == LIE_SILENCE ? 100 : 0;
    assert_int_equal(stated_client_open(&open, &other, &status), STATED_OK);
    assert_int_equal(stated_kv_scan_open(other, NULL, &options, &scan, &status), STATED_OK);
    assert_non_null(stated_kv_scan_next(scan));
    assert_non_null(stated_kv_scan_next(scan));
    assert_null(stated_kv_scan_next(scan));
    assert_null(stated_kv_scan_next(scan));
    assert_int_equal(stated_kv_scan_close(scan, &status), code);
    assert_int_equal(status.code, code);
    assert_non_null(strstr(status.message, message));
    stated_client_close(other);
    rep_double_stop(server);
}

static void test_less_is_never_taken_for_the_end(void **state)
{
    (void)state;
    assert_lie(LIE_NOTHING_MORE, STATED_INTERNAL, "there are more entries, but sent none");
    assert_lie(LIE_LONG_KEY, STATED_INTERNAL, "a key of 500 bytes");
    assert_lie(LIE_SILENCE, STATED_DEADLINE_EXCEEDED, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_page_size),
        cmocka_unit_test(test_no_more_than_wanted),
        cmocka_unit_test(test_start_and_end),
        cmocka_unit_test(test_every_key),
        cmocka_unit_test(test_the_range_may_go_once_it_is_open),
        cmocka_unit_test(test_writes_beside_a_walk),
        cmocka_unit_test(test_count_and_delete),
        cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_less_is_never_taken_for_the_end),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
