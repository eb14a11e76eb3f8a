#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

socklen_t address_to_system(const nng_sockaddr *address, struct sockaddr_storage *system)
{
    memset(system, 0, sizeof(*system));
    switch (address->s_family) {
    case NNG_AF_INET: {
        struct sockaddr_in *in = (struct sockaddr_in *)system;
        in->sin_family = AF_INET;
        in->sin_port = address->s_in.sa_port;
        in->sin_addr.s_addr = address->s_in.sa_addr;
        return sizeof(*in);
    }
    case NNG_AF_INET6: {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)system;
        in6->sin6_family = AF_INET6;
        in6->sin6_port = address->s_in6.sa_port;
        in6->sin6_scope_id = address->s_in6.sa_scope;
        memcpy(&in6->sin6_addr, address->s_in6.sa_addr, sizeof(in6->sin6_addr));
        return sizeof(*in6);
    }
    case NNG_AF_IPC: {
        struct sockaddr_un *un = (struct sockaddr_un *)system;
        un->sun_family = AF_UNIX;
        snprintf(un->sun_path, sizeof(un->sun_path), "%.*s", (int)sizeof(un->sun_path) - 1,
                 address->s_ipc.sa_path);
        return sizeof(*un);
    }
    default:
        return 0;
    }
}

const char *address_format(const nng_sockaddr *address, char out[ADDRESS_BYTES])
{
    char host[INET6_ADDRSTRLEN];
    switch (address->s_family) {
    case NNG_AF_INET:
        inet_ntop(AF_INET, &address->s_in.sa_addr, host, sizeof(host));
        snprintf(out, ADDRESS_BYTES, "%s:%u", host, (unsigned)ntohs(address->s_in.sa_port));
        break;
    case NNG_AF_INET6:
        inet_ntop(AF_INET6, address->s_in6.sa_addr, host, sizeof(host));
        snprintf(out, ADDRESS_BYTES, "[%s]:%u", host, (unsigned)ntohs(address->s_in6.sa_port));
        break;
    case NNG_AF_IPC:
        snprintf(out, ADDRESS_BYTES, "%s", address->s_ipc.sa_path);
        break;
    default:
        snprintf(out, ADDRESS_BYTES, "unknown");
        break;
    }
    return out;
}

bool address_is_local(const nng_sockaddr *address)
{
    switch (address->s_family) {
    case NNG_AF_INET:
        return (ntohl(address->s_in.sa_addr) >> 24) == 127;
    case NNG_AF_INET6: {
        struct in6_addr in6;
        memcpy(&in6, address->s_in6.sa_addr, sizeof(in6));
        return IN6_IS_ADDR_LOOPBACK(&in6) || (IN6_IS_ADDR_V4MAPPED(&in6) && in6.s6_addr[12] == 127);
    }
    default:
        return address->s_family == NNG_AF_IPC;
    }
}
