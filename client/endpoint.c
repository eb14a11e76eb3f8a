#include "endpoint.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

/* Of a URL shown in a message: the message has to hold the advice as well. */
#define SHOWN 100

static enum stated_code check_ipc(const char *url, const char *path, struct stated_status *status)
{
    size_t longest = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
    if (path[0] == '\0') {
        return stated_status_set(status, STATED_INVALID_ARGUMENT,
                                 "endpoint \"%s\" names no path; for example "
                                 "ipc:///run/stated/stated.sock",
                                 url);
    }
    if (strlen(path) > longest) {
        return stated_status_set(status, STATED_INVALID_ARGUMENT,
                                 "the socket path of endpoint \"%.*s...\" has %zu bytes; the "
                                 "system's limit is %zu",
                                 SHOWN, url, strlen(path), longest);
    }
    return STATED_OK;
}

static enum stated_code check_tcp(const char *url, const char *address,
                                  struct stated_status *status)
{
    const char *colon = strrchr(address, ':');
    char *end = NULL;
    long port = colon == NULL ? 0 : strtol(colon + 1, &end, 10);
    if (colon == NULL || colon == address || end == colon + 1 || *end != '\0' || port < 1 ||
        port > 65535) {
        return stated_status_set(status, STATED_INVALID_ARGUMENT,
                                 "endpoint \"%.*s\" is not tcp://HOST:PORT; for example "
                                 "tcp://127.0.0.1:7420",
                                 SHOWN, url);
    }
    return STATED_OK;
}

static enum stated_code refuse_web(const char *url, const char *rest, struct stated_status *status)
{
    (void)rest;
    return stated_status_set(status, STATED_INVALID_ARGUMENT,
                             "endpoint \"%.*s\": websockets are refused, NNG before 1.6 has a "
                             "memory error there; use ipc:// or tcp://",
                             SHOWN, url);
}

static enum stated_code refuse_tls(const char *url, const char *rest, struct stated_status *status)
{
    (void)rest;
    return stated_status_set(status, STATED_INVALID_ARGUMENT,
                             "endpoint \"%.*s\": this client does not speak TLS; use ipc:// or "
                             "tcp://",
                             SHOWN, url);
}

static const struct {
    const char *scheme;
    enum stated_code (*check)(const char *url, const char *rest, struct stated_status *status);
} schemes[] = {
    {"ipc", check_ipc},  {"tcp", check_tcp}, {"tls+tcp", refuse_tls},
    {"wss", refuse_web}, {"ws", refuse_web},
};

/* What someone who wrote no URL of ours probably meant. */
struct guess {
    const char *scheme; /* "" when there is no telling */
    const char *rest;   /* what comes behind its "://" */
};

/* A scheme of ours with something else than "://" behind it: "ipc:/x", "tcp//host:1", "tcp:host:1".
   A path keeps one slash. */
static struct guess guess_separator(const char *url)
{
    static const char *const ours[] = {"ipc", "tcp"};
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        size_t length = strlen(ours[i]);
        const char *rest = url + length;
        if (strncasecmp(url, ours[i], length) != 0 || (*rest != ':' && *rest != '/')) {
            continue;
        }
        rest += *rest == ':';
        size_t slashes = strspn(rest, "/");
        rest += slashes > 0 && i == 0 ? slashes - 1 : slashes;
        return (struct guess){.scheme = ours[i], .rest = rest};
    }
    return (struct guess){.scheme = "", .rest = url};
}

static struct guess guess(const char *url)
{
    const char *separator = strstr(url, "://");
    struct guess guessed = separator == NULL ? guess_separator(url)
                                             : (struct guess){.scheme = "", .rest = separator + 3};
    if (guessed.scheme[0] != '\0') {
        return guessed;
    }
    if (guessed.rest[0] == '/' || guessed.rest[0] == '.') {
        guessed.scheme = "ipc";
    } else if (strrchr(guessed.rest, ':') != NULL) {
        guessed.scheme = "tcp";
    }
    return guessed;
}

static enum stated_code check_one(const char *url, struct stated_status *status)
{
    const char *separator = strstr(url, "://");
    for (size_t i = 0; separator != NULL && i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t length = strlen(schemes[i].scheme);
        if ((size_t)(separator - url) == length && memcmp(url, schemes[i].scheme, length) == 0) {
            return schemes[i].check(url, separator + 3, status);
        }
    }
    struct guess guessed = guess(url);
    if (guessed.scheme[0] != '\0' && guessed.rest[0] != '\0') {
        return stated_status_set(status, STATED_INVALID_ARGUMENT,
                                 "endpoint \"%.*s\" is no URL of ours; did you mean "
                                 "\"%s://%.*s\"?",
                                 SHOWN / 2, url, guessed.scheme, SHOWN / 2, guessed.rest);
    }
    return stated_status_set(status, STATED_INVALID_ARGUMENT,
                             "endpoint \"%.*s\" is neither ipc://PATH nor tcp://HOST:PORT", SHOWN,
                             url);
}

size_t endpoint_length(const char *list)
{
    for (const char *comma = strchr(list, ','); comma != NULL; comma = strchr(comma + 1, ',')) {
        const char *after = strchr(comma + 1, ',');
        const char *separator = strstr(comma + 1, "://");
        if (separator != NULL && (after == NULL || separator < after)) {
            return (size_t)(comma - list);
        }
    }
    return strlen(list);
}

size_t endpoint_count(const char *list)
{
    size_t n = 1;
    for (size_t length; list[length = endpoint_length(list)] != '\0'; list += length + 1) {
        n++;
    }
    return n;
}

enum stated_code endpoint_check(const char *list, struct stated_status *status)
{
    enum stated_code code = STATED_OK;
    size_t n = endpoint_count(list);
    for (size_t i = 0; i < n && code == STATED_OK; i++) {
        size_t length = endpoint_length(list);
        char *url = strndup(list, length);
        code = url == NULL ? stated_status_set(status, STATED_RESOURCE_EXHAUSTED,
                                               "no memory to look at the endpoint")
                           : check_one(url, status);
        free(url);
        list += length + 1;
    }
    return code;
}
