#include "dial_error.h"

#include <nng/nng.h>
#include <string.h>

/* Who begins like this. */
static const char *guess_peer(const uint8_t *said)
{
    static const struct {
        const char *begins;
        size_t length;
        const char *who;
    } peers[] = {
        {"HTTP", 4, "it answers as an HTTP server"},
        {"-ERR", 4, "it answers as a Redis server"},
        {"-NOA", 4, "it answers as a Redis server"},
        {"-DEN", 4, "it answers as a Redis server"},
        {"SSH-", 4, "it greets as an SSH server"},
        {"220 ", 4, "it greets as a mail or FTP server"},
        {"\x15\x03", 2, "it speaks TLS"},
        {"\0SP", 3, "it is an SP socket of another kind"},
    };
    for (size_t i = 0; said != NULL && i < sizeof(peers) / sizeof(peers[0]); i++) {
        if (memcmp(said, peers[i].begins, peers[i].length) == 0) {
            return peers[i].who;
        }
    }
    return "it greets otherwise";
}

enum stated_code dial_error_explain(int error, const uint8_t *said, const char *endpoint,
                                    uint32_t connect_timeout_ms, struct stated_status *status)
{
    switch (error) {
    case NNG_ECONNREFUSED:
    case NNG_ENOENT:
        return stated_status_set(status, STATED_UNAVAILABLE,
                                 "no server at %s; start one with: stated --listen %s", endpoint,
                                 endpoint);
    case NNG_EPERM:
        return stated_status_set(status, STATED_PERMISSION_DENIED,
                                 "no permission to use %s; run as the user who owns it, or as root",
                                 endpoint);
    case NNG_EPROTO:
        return stated_status_set(status, STATED_UNAVAILABLE,
                                 "what listens at %s is no stated server (%s); check the endpoint",
                                 endpoint, guess_peer(said));
    case NNG_ECONNRESET:
    case NNG_ECONNSHUT:
    case NNG_ECLOSED:
        return stated_status_set(status, STATED_UNAVAILABLE,
                                 "%s accepted the connection and closed it; is it a stated server, "
                                 "and has it room for one more connection?",
                                 endpoint);
    case NNG_EADDRINVAL:
        return stated_status_set(status, STATED_UNAVAILABLE,
                                 "cannot find %s; check the host name and the port", endpoint);
    case NNG_ENOMEM:
    case NNG_ENOFILES:
        return stated_status_set(status, STATED_RESOURCE_EXHAUSTED, "cannot connect to %s: %s",
                                 endpoint, nng_strerror(error));
    case 0:
    case NNG_ETIMEDOUT:
        return stated_status_set(status, STATED_UNAVAILABLE,
                                 "no answer from %s within %u ms; is it a stated server, and can "
                                 "this machine reach it?",
                                 endpoint, connect_timeout_ms);
    default:
        return stated_status_set(status, STATED_UNAVAILABLE, "cannot connect to %s: %s", endpoint,
                                 nng_strerror(error));
    }
}
