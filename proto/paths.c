#include "paths.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void paths_read_environment(struct paths_environment *environment)
{
    *environment = (struct paths_environment){
        .uid = geteuid(),
        .runtime_dir = getenv("XDG_RUNTIME_DIR"),
        .state_home = getenv("XDG_STATE_HOME"),
        .home = getenv("HOME"),
    };
}

static int is_usable(const char *directory)
{
    return directory != NULL && directory[0] == '/';
}

size_t paths_default_endpoint(const struct paths_environment *environment, char *buffer,
                              size_t size)
{
    int length;
    if (environment->uid == 0) {
        length = snprintf(buffer, size, "ipc:///run/stated/stated.sock");
    } else if (is_usable(environment->runtime_dir)) {
        length = snprintf(buffer, size, "ipc://%s/stated/stated.sock", environment->runtime_dir);
    } else {
        length = snprintf(buffer, size, "ipc:///tmp/stated-%lu/stated.sock",
                          (unsigned long)environment->uid);
    }
    return (size_t)length;
}

size_t paths_default_data_directory(const struct paths_environment *environment, char *buffer,
                                    size_t size)
{
    int length;
    if (environment->uid == 0) {
        length = snprintf(buffer, size, "/var/lib/stated");
    } else if (is_usable(environment->state_home)) {
        length = snprintf(buffer, size, "%s/stated", environment->state_home);
    } else if (is_usable(environment->home)) {
        length = snprintf(buffer, size, "%s/.local/state/stated", environment->home);
    } else {
        length = snprintf(buffer, size, "/tmp/stated-%lu/data", (unsigned long)environment->uid);
    }
    return (size_t)length;
}

size_t stated_default_endpoint(char *buffer, size_t size)
{
    struct paths_environment environment;
    paths_read_environment(&environment);
    return paths_default_endpoint(&environment, buffer, size);
}
