/* Do addresses read as people write them, and is "only this machine" told apart from the rest? */
#include "test.h"

#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

static nng_sockaddr inet4(const char *host, uint16_t port)
{
    nng_sockaddr address = {.s_in = {.sa_family = NNG_AF_INET, .sa_port = htons(port)}};
    assert_int_equal(inet_pton(AF_INET, host, &address.s_in.sa_addr), 1);
    return address;
}

static nng_sockaddr inet6(const char *host, uint16_t port)
{
    nng_sockaddr address = {.s_in6 = {.sa_family = NNG_AF_INET6, .sa_port = htons(port)}};
    assert_int_equal(inet_pton(AF_INET6, host, address.s_in6.sa_addr), 1);
    return address;
}

static nng_sockaddr ipc(const char *path)
{
    nng_sockaddr address = {.s_ipc = {.sa_family = NNG_AF_IPC}};
    strncpy(address.s_ipc.sa_path, path, sizeof(address.s_ipc.sa_path) - 1);
    return address;
}

static void assert_address(nng_sockaddr address, const char *text, bool local)
{
    char out[ADDRESS_BYTES];
    assert_string_equal(address_format(&address, out), text);
    assert_int_equal(address_is_local(&address), local);
}

static void test_text_and_reach(void **state)
{
    (void)state;
    assert_address(inet4("127.0.0.1", 7420), "127.0.0.1:7420", true);
    assert_address(inet4("127.9.9.9", 0), "127.9.9.9:0", true);
    assert_address(inet4("0.0.0.0", 65535), "0.0.0.0:65535", false);
    assert_address(inet4("192.168.0.1", 1), "192.168.0.1:1", false);
    assert_address(inet6("::1", 1), "[::1]:1", true);
    assert_address(inet6("::", 1), "[::]:1", false);
    assert_address(inet6("::ffff:127.0.0.1", 1), "[::ffff:127.0.0.1]:1", true);
    assert_address(inet6("::ffff:10.0.0.1", 1), "[::ffff:10.0.0.1]:1", false);
    assert_address(inet6("fe80::1", 1), "[fe80::1]:1", false);
    assert_address(ipc("/run/s.sock"), "/run/s.sock", true);
    assert_address((nng_sockaddr){.s_family = NNG_AF_UNSPEC}, "unknown", false);
}

static void test_system_form(void **state)
{
    (void)state;
    struct sockaddr_storage system;
    nng_sockaddr address = inet4("127.0.0.1", 7420);
    assert_int_equal(address_to_system(&address, &system), sizeof(struct sockaddr_in));
    struct sockaddr_in *in = (struct sockaddr_in *)&system;
    assert_int_equal(in->sin_family, AF_INET);
    assert_int_equal(ntohs(in->sin_port), 7420);
    assert_int_equal(ntohl(in->sin_addr.s_addr), INADDR_LOOPBACK);

    address = inet6("::1", 7);
    assert_int_equal(address_to_system(&address, &system), sizeof(struct sockaddr_in6));
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&system;
    assert_int_equal(in6->sin6_family, AF_INET6);
    assert_int_equal(ntohs(in6->sin6_port), 7);
    assert_true(IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr));

    address = ipc("/run/s.sock");
    assert_int_equal(address_to_system(&address, &system), sizeof(struct sockaddr_un));
    assert_string_equal(((struct sockaddr_un *)&system)->sun_path, "/run/s.sock");

    address.s_family = NNG_AF_UNSPEC;
    assert_int_equal(address_to_system(&address, &system), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_and_reach),
        cmocka_unit_test(test_system_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
