#include "net/listen_url.h"

#include <nng/nng.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define SCHEMES "ipc://PATH or tcp://HOST:PORT"

/* Of a URL shown in a message, so that the advice after it is not cut off. */
#define SHOWN 100

static enum stated_code check_ipc(const char *text, const char *path, struct stated_status *status)
{
    const size_t limit = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
    if (path[0] == '\0') {
        return stated_status_set(status, STATED_INVALID_ARGUMENT,
                                 "%s names no path; give ipc://PATH", text);
    }
    if (strlen(path) > limit) {
        return stated_status_set(
            status, STATED_INVALID_ARGUMENT,
            "the path of %.*s... has %zu bytes, a socket's may have %zu; choose a shorter one",
            SHOWN, text, strlen(path), limit);
    }
    return STATED_OK;
}

/* HOST:PORT, where HOST may be in brackets and a slash may follow. */
static bool is_address(const char *rest)
{
    const char *host_end = rest[0] == '[' ? strchr(rest, ']') : NULL;
    const char *colon = strchr(host_end == NULL ? rest : host_end, ':');
    if (colon == NULL || (host_end != NULL && colon != host_end + 1) || colon[1] < '0' ||
        colon[1] > '9') {
        return false;
    }
    char *end;
    unsigned long port = strtoul(colon + 1, &end, 10);
    return port <= 65535 && (end[0] == '\0' || strcmp(end, "/") == 0);
}

static enum stated_code check_tcp(const char *text, const char *rest, struct stated_status *status)
{
    if (!is_address(rest)) {
        return stated_status_set(
            status, STATED_INVALID_ARGUMENT,
            "%.*s is not tcp://HOST:PORT with a port from 0 (any free one) to 65535", SHOWN, text);
    }
    return STATED_OK;
}

static enum stated_code refuse_websocket(const char *text, const char *rest,
                                         struct stated_status *status)
{
    (void)rest;
    return stated_status_set(
        status, STATED_INVALID_ARGUMENT, "%.*s: websockets are not served%s; give " SCHEMES, SHOWN,
        text,
        NNG_MINOR_VERSION < 6 ? ", because NNG before 1.6 lets any client overwrite memory there "
                                "(nng issue 1594)"
                              : "");
}

static enum stated_code refuse_tls(const char *text, const char *rest, struct stated_status *status)
{
    (void)rest;
    return stated_status_set(
        status, STATED_INVALID_ARGUMENT,
        "%.*s: TLS needs a certificate, and this version cannot be given one; give " SCHEMES, SHOWN,
        text);
}

static const struct {
    const char *prefix;
    enum listen_scheme scheme;
    enum stated_code (*check)(const char *text, const char *rest, struct stated_status *status);
} schemes[] = {
    {"ipc://", LISTEN_IPC, check_ipc},       {"tcp://", LISTEN_TCP, check_tcp},
    {"ws://", LISTEN_TCP, refuse_websocket}, {"wss://", LISTEN_TCP, refuse_websocket},
    {"tls+tcp://", LISTEN_TCP, refuse_tls},
};

enum stated_code listen_url_parse(const char *text, struct listen_url *url,
                                  struct stated_status *status)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t length = strlen(schemes[i].prefix);
        if (strncmp(text, schemes[i].prefix, length) == 0) {
            *url = (struct listen_url){.scheme = schemes[i].scheme, .rest = text + length};
            return schemes[i].check(text, url->rest, status);
        }
    }
    return stated_status_set(status, STATED_INVALID_ARGUMENT,
                             "\"%.*s\" is not a URL to listen on; give " SCHEMES, SHOWN, text);
}
