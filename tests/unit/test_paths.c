/* Do server and client agree on where they meet, whoever runs them? */
#include "test.h"

#include "paths.h"
#include "stated/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void assert_endpoint(struct paths_environment environment, const char *expected)
{
    char buffer[PATHS_BYTES];
    assert_int_equal(paths_default_endpoint(&environment, buffer, sizeof(buffer)),
                     strlen(expected));
    assert_string_equal(buffer, expected);
}

static void assert_data_directory(struct paths_environment environment, const char *expected)
{
    char buffer[PATHS_BYTES];
    assert_int_equal(paths_default_data_directory(&environment, buffer, sizeof(buffer)),
                     strlen(expected));
    assert_string_equal(buffer, expected);
}

static void test_endpoint(void **state)
{
    (void)state;
    assert_endpoint((struct paths_environment){.uid = 0, .runtime_dir = "/run/user/0"},
                    "ipc:///run/stated/stated.sock");
    assert_endpoint((struct paths_environment){.uid = 1000, .runtime_dir = "/run/user/1000"},
                    "ipc:///run/user/1000/stated/stated.sock");
    assert_endpoint((struct paths_environment){.uid = 1000}, "ipc:///tmp/stated-1000/stated.sock");
    assert_endpoint((struct paths_environment){.uid = 1000, .runtime_dir = ""},
                    "ipc:///tmp/stated-1000/stated.sock");
    assert_endpoint((struct paths_environment){.uid = 1000, .runtime_dir = "relative"},
                    "ipc:///tmp/stated-1000/stated.sock");
}

static void test_data_directory(void **state)
{
    (void)state;
    assert_data_directory((struct paths_environment){.uid = 0, .state_home = "/s", .home = "/root"},
                          "/var/lib/stated");
    assert_data_directory((struct paths_environment){.uid = 7, .state_home = "/s", .home = "/h"},
                          "/s/stated");
    assert_data_directory((struct paths_environment){.uid = 7, .state_home = "s", .home = "/h"},
                          "/h/.local/state/stated");
    assert_data_directory((struct paths_environment){.uid = 7}, "/tmp/stated-7/data");
}

static void test_small_buffer_tells_the_need(void **state)
{
    (void)state;
    char buffer[8];
    struct paths_environment environment = {.uid = 0};
    assert_int_equal(paths_default_endpoint(&environment, buffer, sizeof(buffer)),
                     strlen("ipc:///run/stated/stated.sock"));
    assert_string_equal(buffer, "ipc:///");
    assert_int_equal(paths_default_endpoint(&environment, NULL, 0),
                     strlen("ipc:///run/stated/stated.sock"));
}

static void test_public_default_follows_the_process(void **state)
{
    (void)state;
    char expected[PATHS_BYTES];
    char buffer[PATHS_BYTES];
    assert_int_equal(setenv("XDG_RUNTIME_DIR", "/somewhere", 1), 0);
    struct paths_environment environment;
    paths_read_environment(&environment);
    assert_string_equal(environment.runtime_dir, "/somewhere");
    paths_default_endpoint(&environment, expected, sizeof(expected));
    stated_default_endpoint(buffer, sizeof(buffer));
    assert_string_equal(buffer, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_endpoint),
        cmocka_unit_test(test_data_directory),
        cmocka_unit_test(test_small_buffer_tells_the_need),
        cmocka_unit_test(test_public_default_follows_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
