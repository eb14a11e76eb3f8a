/* Is an endpoint that cannot work refused with what was probably meant? */
#include "test.h"

#include "endpoint.h"

#include <string.h>

static void assert_taken(const char *url)
{
    struct stated_status status;
    if (endpoint_check(url, &status) != STATED_OK) {
        fail_msg("%s: %s", url, status.message);
    }
}

static void assert_refused(const char *url, const char *advice)
{
    struct stated_status status;
    if (endpoint_check(url, &status) != STATED_INVALID_ARGUMENT) {
        fail_msg("%s was taken", url);
    }
    if (strstr(status.message, advice) == NULL) {
        fail_msg("%s: \"%s\" does not say \"%s\"", url, status.message, advice);
    }
}

static void test_takes_what_can_be_dialled(void **state)
{
    (void)state;
    assert_taken("ipc:///run/stated/stated.sock");
    assert_taken("ipc://relative.sock");
    assert_taken("tcp://127.0.0.1:7420");
    assert_taken("tcp://[::1]:7420");
    assert_taken("tcp://localhost:1");
    assert_taken("tcp://localhost:65535");
}

static void test_refuses_what_is_incomplete(void **state)
{
    (void)state;
    assert_refused("", "neither ipc://PATH nor tcp://HOST:PORT");
    assert_refused("ipc://", "names no path");
    assert_refused("tcp://", "tcp://HOST:PORT");
    assert_refused("tcp://localhost", "tcp://HOST:PORT");
    assert_refused("tcp://localhost:", "tcp://HOST:PORT");
    assert_refused("tcp://:7420", "tcp://HOST:PORT");
    assert_refused("tcp://localhost:0", "tcp://HOST:PORT");
    assert_refused("tcp://localhost:65536", "tcp://HOST:PORT");
    assert_refused("tcp://localhost:74x", "tcp://HOST:PORT");
}

static void test_says_what_was_meant(void **state)
{
    (void)state;
    assert_refused("/run/stated/stated.sock", "did you mean \"ipc:///run/stated/stated.sock\"");
    assert_refused("./here.sock", "did you mean \"ipc://./here.sock\"");
    assert_refused("localhost:7420", "did you mean \"tcp://localhost:7420\"");
    assert_refused("tpc://localhost:7420", "did you mean \"tcp://localhost:7420\"");
    assert_refused("unix:///run/x", "did you mean \"ipc:///run/x\"");
    assert_refused("TCP://localhost:7420", "did you mean \"tcp://localhost:7420\"");
    assert_refused("ipc:/run/x", "did you mean \"ipc:///run/x\"");
    assert_refused("ipc//run/x", "did you mean \"ipc:///run/x\"");
    assert_refused("IPC:x", "did you mean \"ipc://x\"");
    assert_refused("tcp//localhost:7420", "did you mean \"tcp://localhost:7420\"");
    assert_refused("tcp:localhost:7420", "did you mean \"tcp://localhost:7420\"");
    assert_refused("tcp:/localhost:7420", "did you mean \"tcp://localhost:7420\"");
    assert_refused("tcpserver:7420", "did you mean \"tcp://tcpserver:7420\"");
    assert_refused("ipc:", "neither");
    assert_refused("tcp:", "neither");
    assert_refused("nonsense", "neither");
}

static void test_says_why_a_known_scheme_is_refused(void **state)
{
    (void)state;
    assert_refused("ws://localhost:80/", "websockets are refused");
    assert_refused("wss://localhost:80/", "websockets are refused");
    assert_refused("tls+tcp://localhost:7420", "does not speak TLS");
}

static void test_knows_the_longest_socket_path(void **state)
{
    (void)state;
    char url[256] = "ipc:///";
    size_t start = strlen("ipc://");
    memset(url + start + 1, 'x', 106);
    url[start + 107] = '\0';
    assert_taken(url);
    url[start + 107] = 'x';
    url[start + 108] = '\0';
    assert_refused(url, "has 108 bytes; the system's limit is 107");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_what_can_be_dialled),
        cmocka_unit_test(test_refuses_what_is_incomplete),
        cmocka_unit_test(test_says_what_was_meant),
        cmocka_unit_test(test_says_why_a_known_scheme_is_refused),
        cmocka_unit_test(test_knows_the_longest_socket_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
