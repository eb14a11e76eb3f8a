#include "dial.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *counter;
    enum dial_failure failure;
} counters[] = {
    {"refused", DIAL_REFUSED}, {"proto", DIAL_PROTOCOL},
    {"reject", DIAL_PROTOCOL}, {"disconnect", DIAL_DISCONNECT},
    {"timeout", DIAL_TIMEOUT}, {"auth", DIAL_OTHER},
    {"oom", DIAL_OTHER},       {"other", DIAL_OTHER},
};

enum dial_failure dial_failure_of(nng_dialer dialer)
{
    nng_stat *root;
    if (nng_stats_get(&root) != 0) {
        return DIAL_PENDING;
    }
    enum dial_failure failure = DIAL_PENDING;
    nng_stat *own = nng_stat_find_dialer(root, dialer);
    for (size_t i = 0; own != NULL && i < sizeof(counters) / sizeof(counters[0]); i++) {
        nng_stat *stat = nng_stat_find(own, counters[i].counter);
        if (stat != NULL && nng_stat_value(stat) > 0) {
            failure = counters[i].failure;
            break;
        }
    }
    nng_stats_free(root);
    return failure;
}

/* NNG's counters do not tell a socket we may not use from other errors. */
static bool is_forbidden(const char *endpoint)
{
    static const char scheme[] = "ipc://";
    return strncmp(endpoint, scheme, sizeof(scheme) - 1) == 0 &&
           access(endpoint + sizeof(scheme) - 1, W_OK) != 0 && errno == EACCES;
}

enum stated_code dial_explain(enum dial_failure failure, const char *endpoint,
                              uint32_t connect_timeout_ms, struct stated_status *status)
{
    if ((failure == DIAL_OTHER || failure == DIAL_REFUSED) && is_forbidden(endpoint)) {
        return stated_status_set(status, STATED_PERMISSION_DENIED,
                                 "no permission to use %s; run as the user who owns it, or as root",
                                 endpoint);
    }
    switch (failure) {
    case DIAL_REFUSED:
        return stated_status_set(status, STATED_UNAVAILABLE,
                                 "no server at %s; start one with: stated --listen %s", endpoint,
                                 endpoint);
    case DIAL_PROTOCOL:
        return stated_status_set(status, STATED_UNAVAILABLE,
                                 "what listens at %s is no stated server (it greets otherwise); "
                                 "check the endpoint",
                                 endpoint);
    case DIAL_DISCONNECT:
        return stated_status_set(status, STATED_UNAVAILABLE,
                                 "%s accepted the connection and closed it; is it a stated server, "
                                 "and has it room for one more connection?",
                                 endpoint);
    case DIAL_OTHER:
        return stated_status_set(status, STATED_UNAVAILABLE,
                                 "cannot connect to %s; check the host name and the port",
                                 endpoint);
    case DIAL_PENDING:
    case DIAL_TIMEOUT:
        break;
    }
    return stated_status_set(status, STATED_UNAVAILABLE,
                             "no answer from %s within %u ms; is it a stated server, and can this "
                             "machine reach it?",
                             endpoint, connect_timeout_ms);
}
