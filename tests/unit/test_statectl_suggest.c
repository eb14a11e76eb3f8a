/* Is a mistyped name understood, and is nothing made up where none is close? */
#include "statectl/suggest.h"

#include "test.h"

static const char *const names[] = {"get", "put", "del", "export", "import", "verify-order"};

static const char *suggested(const char *name)
{
    return suggest(name, names, sizeof names / sizeof names[0]);
}

static void test_a_slip_of_the_finger(void **state)
{
    (void)state;
    assert_string_equal(suggested("gett"), "get");
    assert_string_equal(suggested("gt"), "get");
    assert_string_equal(suggested("gte"), "get");
    assert_string_equal(suggested("pur"), "put");
    assert_string_equal(suggested("imprt"), "import");
    assert_string_equal(suggested("exprot"), "export");
    assert_string_equal(suggested("verifyorder"), "verify-order");
    assert_string_equal(suggested("verify_order"), "verify-order");
}

static void test_the_closest_one(void **state)
{
    (void)state;
    assert_string_equal(suggested("export"), "export");
    assert_string_equal(suggested("mport"), "import");
}

static void test_nothing_is_close(void **state)
{
    (void)state;
    assert_null(suggested(""));
    assert_null(suggested("g"));
    assert_null(suggested("xyz"));
    assert_null(suggested("delete"));
    assert_null(suggested("a-name-that-is-much-longer-than-any-of-the-commands-there-are"));
    assert_null(suggest("get", names, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_slip_of_the_finger),
        cmocka_unit_test(test_the_closest_one),
        cmocka_unit_test(test_nothing_is_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
