/* Is what may stand at the cursor offered, and put there so that it is one word? */
#include "statectl/complete.h"

#include "test.h"

#include <stdlib.h>
#include <string.h>

static const char *const all_keys[] = {"color", "count/1", "count/2", "a b", "a bc", "é1", "é2"};

static void list_keys(void *argument, ProtobufCBinaryData prefix, struct complete *complete)
{
    (void)argument;
    for (size_t i = 0; i < sizeof all_keys / sizeof all_keys[0]; i++) {
        ProtobufCBinaryData key = {.data = (uint8_t *)(uintptr_t)all_keys[i],
                                   .len = strlen(all_keys[i])};
        if (key.len >= prefix.len && memcmp(key.data, prefix.data, prefix.len) == 0) {
            complete_add(complete, key);
        }
    }
}

static const struct complete_keys keys = {.list = list_keys};

/* What is offered for the line, in order, with bars between. */
static void assert_offers(const char *line, const char *expected)
{
    struct complete complete;
    char text[512] = "";
    complete_line(&complete, line, strlen(line), &keys);
    for (size_t i = 0; i < complete.n && strlen(text) < 300; i++) {
        strcat(text, i > 0 ? "|" : "");
        strncat(text, (const char *)complete.found[i].data, 60);
    }
    complete_free(&complete);
    assert_string_equal(text, expected);
}

/* What the line is after a Tab; NULL = it stays. */
static void assert_becomes(const char *line, const char *expected)
{
    struct complete complete;
    size_t cursor = strlen(line);
    complete_line(&complete, line, cursor, &keys);
    char *replacement = complete_replacement(&complete, line, cursor);
    if (expected == NULL) {
        assert_null(replacement);
    } else {
        char text[512];
        assert_non_null(replacement);
        snprintf(text, sizeof text, "%.*s%s", (int)complete.start, line, replacement);
        assert_string_equal(text, expected);
    }
    free(replacement);
    complete_free(&complete);
}

static void test_commands(void **state)
{
    (void)state;
    assert_offers("verif", "verify-order");
    assert_offers("he", "health|help");
    assert_offers("help verif", "verify-order");
    assert_offers("-o json verif", "verify-order");
    assert_offers("frob", "");
    assert_becomes("verif", "verify-order ");
    assert_becomes("he", NULL);
}

static void test_options_and_their_arguments(void **state)
{
    (void)state;
    assert_offers("put --if", "--if-absent|--if-revision");
    assert_offers("put --he", "--help");
    assert_offers("get a --com", "--committed");
    assert_offers("get -- --com", "");
    assert_offers("ls -o js", "json|jsonl");
    assert_offers("--color a", "auto|always");
    assert_offers("del --prefix col", "color");
    assert_offers("put --if-revision ", "");
    assert_becomes("put --if", "put --if-");
    assert_becomes("put --if-a", "put --if-absent ");
}

static void test_arguments(void **state)
{
    (void)state;
    assert_offers("get co", "color|count/1|count/2");
    assert_offers("get color cou", "count/1|count/2");
    assert_offers("put color ", "");
    assert_offers("put -f x col", "color");
    assert_offers("poison ", "show|clear");
    assert_offers("rpc describe ClearP", "ClearPoison");
    assert_offers("import /dev/nul", "/dev/null");
    assert_offers("frobnicate col", "");
    assert_offers("get color # col", "");
}

static void test_quotes(void **state)
{
    (void)state;
    assert_offers("get 'a b", "a b|a bc");
    assert_offers("get a\\ b", "a b|a bc");
    assert_offers("get \"a\\x20bc", "a bc");
    assert_becomes("get a", "get \"a b");
    assert_becomes("get \"a b", NULL);
    assert_becomes("get 'a bc", "get \"a bc\" ");
    assert_becomes("get cou", "get count/");
    assert_becomes("get count/", NULL);
    assert_becomes("get col", "get color ");
    assert_becomes("get color", "get color ");
}

/* é1 and é2 have the whole character in common. */
static void test_characters_stay_whole(void **state)
{
    (void)state;
    assert_becomes("get \xc3", "get é");
    assert_becomes("get é", NULL);
    assert_becomes("get é2", "get é2 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_options_and_their_arguments),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_characters_stay_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
