#include "statectl/event_command.h"

#include "statectl/base64.h"
#include "statectl/errors.h"
#include "statectl/event_print.h"
#include "statectl/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct variables {
    char **at;
    size_t n;
};

static void add(struct variables *self, char *text)
{
    self->at = memory_resize(self->at, self->n + 2, sizeof *self->at);
    self->at[self->n++] = text;
    self->at[self->n] = NULL;
}

static void add_number(struct variables *self, const char *name, uint64_t number)
{
    add(self, memory_format(EVENT_COMMAND_PREFIX "%s=%" PRIu64, name, number));
}

/* As they are when they can be, and in base64. */
static void add_bytes(struct variables *self, const char *name, ProtobufCBinaryData bytes)
{
    if (bytes.len > EVENT_COMMAND_MAX_BYTES) {
        return;
    }
    const char *text = bytes.len > 0 ? (const char *)bytes.data : "";
    if (memchr(text, '\0', bytes.len) == NULL) {
        add(self, memory_format(EVENT_COMMAND_PREFIX "%s=%.*s", name, (int)bytes.len, text));
    }
    char *encoded = memory_new(base64_length(bytes.len) + 1, 1);
    base64_encode(bytes.data, bytes.len, encoded);
    add(self, memory_format(EVENT_COMMAND_PREFIX "%s_BASE64=%s", name, encoded));
    free(encoded);
}

char **event_command_environment(const Stated__V1__Event *event)
{
    struct variables self = {0};
    for (char **inherited = environ; *inherited != NULL; inherited++) {
        if (strncmp(*inherited, EVENT_COMMAND_PREFIX, strlen(EVENT_COMMAND_PREFIX)) != 0) {
            add(&self, memory_format("%s", *inherited));
        }
    }
    add(&self, memory_format(EVENT_COMMAND_PREFIX "TYPE=%s", event_type(event)));
    add_number(&self, "REVISION", event->entry->mod_revision);
    add_bytes(&self, "KEY", event->entry->key);
    if (event->type != STATED__V1__EVENT__TYPE__TYPE_DELETE) {
        add_bytes(&self, "VALUE", event->entry->value);
        add_number(&self, "CREATE_REVISION", event->entry->create_revision);
        add_number(&self, "VERSION", event->entry->version);
    }
    if (event->previous != NULL) {
        add_bytes(&self, "PREVIOUS_VALUE", event->previous->value);
        add_number(&self, "PREVIOUS_REVISION", event->previous->mod_revision);
    }
    return self.at;
}

void event_command_free(char **environment)
{
    for (char **at = environment; *at != NULL; at++) {
        free(*at);
    }
    free(environment);
}

/* A file with the value in it, to be read from its beginning: a pipe could fill up, or break. */
static int open_value(const Stated__V1__Event *event)
{
    ProtobufCBinaryData value = event->entry->value;
    int fd = memfd_create("value", MFD_CLOEXEC);
    if (event->type == STATED__V1__EVENT__TYPE__TYPE_DELETE) {
        return fd;
    }
    for (size_t written = 0; fd >= 0 && written < value.len;) {
        ssize_t more = write(fd, value.data + written, value.len - written);
        if (more < 0 && errno != EINTR) {
            close(fd);
            return -1;
        }
        written += more > 0 ? (size_t)more : 0;
    }
    return fd >= 0 && lseek(fd, 0, SEEK_SET) == 0 ? fd : -1;
}

static int spawn(char *const argv[], int input, const Stated__V1__Event *event, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    char **environment = event_command_environment(event);
    int error = posix_spawn_file_actions_init(&actions);
    if (error == 0) {
        error = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
        error = error != 0 ? error : posix_spawnp(pid, argv[0], &actions, NULL, argv, environment);
        posix_spawn_file_actions_destroy(&actions);
    }
    event_command_free(environment);
    return error;
}

int event_command_run(char *const argv[], const Stated__V1__Event *event)
{
    uint64_t revision = event->entry->mod_revision;
    int input = open_value(event);
    if (input < 0) {
        return error_usage("cannot hand the value of revision %" PRIu64 " on: %s", revision,
                           strerror(errno));
    }
    pid_t pid;
    int error = spawn(argv, input, event, &pid);
    close(input);
    if (error != 0) {
        return error_usage("cannot run %s: %s", argv[0], strerror(error));
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return EXIT_DONE;
    }
    return error_negative(
        "%s ended with %s %d for revision %" PRIu64 "; go on with --from %" PRIu64, argv[0],
        WIFSIGNALED(status) ? "signal" : "status",
        WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), revision, revision);
}
