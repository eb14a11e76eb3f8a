#include "statectl/methods.h"

#include "statectl/errors.h"
#include "statectl/suggest.h"

#include "stated/v1/admin.stated-client.h"
#include "stated/v1/state.stated-client.h"

#include <stdbool.h>
#include <string.h>

enum { MAX_METHODS = 64 };

const struct stated_client_method *methods_at(size_t index)
{
    const struct stated_client_method *const *services[] = {stated_v1_state_service_calls,
                                                            stated_v1_admin_service_calls};
    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++) {
        for (size_t j = 0; services[i][j] != NULL; j++) {
            if (index-- == 0) {
                return services[i][j];
            }
        }
    }
    return NULL;
}

const char *methods_access(enum stated_access access)
{
    switch (access) {
    case STATED_ACCESS_READ:
        return "read";
    case STATED_ACCESS_WRITE:
        return "write";
    case STATED_ACCESS_PARK:
        return "park";
    default:
        return "none";
    }
}

/* Whether name is the whole of it, or all that is behind a "." or "/" of it. */
static bool is_end(const char *whole, const char *name)
{
    size_t length = strlen(whole);
    size_t end = strlen(name);
    if (end == 0 || end > length || strcmp(whole + length - end, name) != 0) {
        return false;
    }
    return end == length || whole[length - end - 1] == '/' || whole[length - end - 1] == '.';
}

/* The part of a method's name that people type most: behind the last "/" or, when what they typed
   has one, behind the last "." before it. */
static const char *short_name(const char *whole, bool has_service)
{
    const char *slash = strrchr(whole, '/');
    const char *at = slash;
    while (has_service && at > whole && at[-1] != '.') {
        at--;
    }
    return has_service ? at : slash + 1;
}

static void say_unknown(const char *name)
{
    const char *names[MAX_METHODS];
    size_t n = 0;
    bool is_whole = strchr(name, '.') != NULL;
    for (const struct stated_client_method *method; (method = methods_at(n)) != NULL; n++) {
        names[n] = is_whole ? method->name : short_name(method->name, strchr(name, '/') != NULL);
    }
    const char *similar = suggest(name, names, n);
    if (similar != NULL) {
        error_say("no method '%s'; did you mean '%s'?", name, similar);
    } else {
        error_say("no method '%s'; statectl rpc list names them", name);
    }
}

const struct stated_client_method *methods_find(const char *name)
{
    const struct stated_client_method *found = NULL;
    const struct stated_client_method *method;
    for (size_t i = 0; (method = methods_at(i)) != NULL; i++) {
        if (!is_end(method->name, name)) {
            continue;
        }
        if (found != NULL) {
            error_say("'%s' may be %s or %s", name, found->name, method->name);
            return NULL;
        }
        found = method;
    }
    if (found == NULL) {
        say_unknown(name);
    }
    return found;
}
