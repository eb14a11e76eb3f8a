/* Is every URL either one to listen on or refused with what is wrong and what to give instead? */
#include "test.h"

#include "net/listen_url.h"

#include <string.h>

static void assert_accepted(const char *text, enum listen_scheme scheme, const char *rest)
{
    struct listen_url url;
    struct stated_status status;
    assert_int_equal(listen_url_parse(text, &url, &status), STATED_OK);
    assert_int_equal(url.scheme, scheme);
    assert_string_equal(url.rest, rest);
}

static void assert_refused(const char *text, const char *reason)
{
    struct listen_url url;
    struct stated_status status;
    assert_int_equal(listen_url_parse(text, &url, &status), STATED_INVALID_ARGUMENT);
    assert_int_equal(status.code, STATED_INVALID_ARGUMENT);
    if (strstr(status.message, reason) == NULL) {
        fail_msg("%s: \"%s\" does not say \"%s\"", text, status.message, reason);
    }
    assert_non_null(strstr(status.message, "://"));
    assert_true(strlen(status.message) < STATED_MESSAGE_BYTES - 1);
}

static void test_ipc(void **state)
{
    (void)state;
    assert_accepted("ipc:///run/stated/stated.sock", LISTEN_IPC, "/run/stated/stated.sock");
    assert_accepted("ipc://relative", LISTEN_IPC, "relative");
    assert_refused("ipc://", "no path");

    char longest[6 + 108 + 1] = "ipc://";
    memset(longest + 6, 'x', 107);
    assert_accepted(longest, LISTEN_IPC, longest + 6);
    longest[6 + 107] = 'x';
    assert_refused(longest, "107");
}

static void test_tcp(void **state)
{
    (void)state;
    assert_accepted("tcp://127.0.0.1:7420", LISTEN_TCP, "127.0.0.1:7420");
    assert_accepted("tcp://127.0.0.1:0/", LISTEN_TCP, "127.0.0.1:0/");
    assert_accepted("tcp://[::1]:65535", LISTEN_TCP, "[::1]:65535");
    assert_accepted("tcp://*:1", LISTEN_TCP, "*:1");
    assert_accepted("tcp://:1", LISTEN_TCP, ":1");
    static const char *const bad[] = {
        "tcp://",          "tcp://localhost", "tcp://localhost:", "tcp://localhost:x",
        "tcp://h:65536",   "tcp://h:1x",      "tcp://h:1/path",   "tcp://h:-1",
        "tcp://[::1]",     "tcp://[::1]x:1",  "tcp://h: 1",       "tcp://h:99999999999999999999",
        "tcp:///tmp/sock",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_refused(bad[i], "HOST:PORT");
    }
}

static void test_schemes_that_are_not_served(void **state)
{
    (void)state;
    assert_refused("ws://127.0.0.1:80/x", "websocket");
    assert_refused("wss://127.0.0.1:80/x", "websocket");
    assert_refused("ws://127.0.0.1:80/x", "1594");
    assert_refused("tls+tcp://127.0.0.1:1", "certificate");
    assert_refused("http://127.0.0.1", "not a URL to listen on");
    assert_refused("inproc://x", "not a URL to listen on");
    assert_refused("/run/stated.sock", "ipc://PATH");
    assert_refused("127.0.0.1:7420", "tcp://HOST:PORT");
    assert_refused("IPC://x", "ipc://PATH");
    assert_refused("", "ipc://PATH");
}

static void test_long_text_keeps_the_advice(void **state)
{
    (void)state;
    char text[5000];
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_refused(text, "tcp://HOST:PORT");
    memcpy(text, "tcp://", 6);
    assert_refused(text, "65535");
    memcpy(text, "ws://a", 6);
    assert_refused(text, "tcp://HOST:PORT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ipc),
        cmocka_unit_test(test_tcp),
        cmocka_unit_test(test_schemes_that_are_not_served),
        cmocka_unit_test(test_long_text_keeps_the_advice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
