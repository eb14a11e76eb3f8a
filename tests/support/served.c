#include "served.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_MS = 60000, STEP_MS = 5, MOST = 16 };

/* Those that run, to be killed when the program ends in whatever way. */
static struct served *all[MOST];

static void must(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "served: %s: %s\n", what, strerror(errno));
        abort();
    }
}

static void stop_all(void)
{
    for (int i = 0; i < MOST; i++) {
        if (all[i] != NULL) {
            served_stop(all[i]);
        }
    }
}

static void run(struct served *self)
{
    char data[96];
    snprintf(data, sizeof(data), "%s/data", self->directory);
    pid_t parent = getpid();
    self->pid = fork();
    must(self->pid >= 0, "fork");
    if (self->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent) {
            execl(STATED_PROGRAM, STATED_PROGRAM, "--listen", self->url, "--data-dir", data,
                  "--log-level", "warn", (char *)NULL);
        }
        _exit(127);
    }
}

/* Until a client can be opened. */
static void wait_until_it_answers(const struct served *self)
{
    struct stated_client_options options = STATED_CLIENT_OPTIONS_INIT;
    struct stated_client *client;
    struct stated_status status;
    options.endpoint = self->url;
    for (int waited_ms = 0; waited_ms < PATIENCE_MS; waited_ms += STEP_MS) {
        if (stated_client_open(&options, &client, &status) == STATED_OK) {
            stated_client_close(client);
            return;
        }
        must(waitpid(self->pid, NULL, WNOHANG) == 0, "stated ended");
        poll(NULL, 0, STEP_MS);
    }
    must(false, status.message);
}

void served_restart(struct served *self)
{
    run(self);
    wait_until_it_answers(self);
}

void served_start(struct served *self)
{
    static bool registered;
    int place = 0;
    while (place < MOST && all[place] != NULL) {
        place++;
    }
    must(place < MOST, "too many");
    strcpy(self->directory, "/tmp/stated-test-XXXXXX");
    must(mkdtemp(self->directory) != NULL, "mkdtemp");
    snprintf(self->url, sizeof(self->url), "ipc://%s/socket", self->directory);
    if (!registered) {
        registered = true;
        atexit(stop_all);
    }
    all[place] = self;
    served_restart(self);
}

void served_kill(struct served *self)
{
    if (self->pid > 0) {
        kill(self->pid, SIGKILL);
        waitpid(self->pid, NULL, 0);
        self->pid = 0;
    }
}

static void remove_directory(const char *directory)
{
    int status;
    pid_t pid = fork();
    must(pid >= 0, "fork");
    if (pid == 0) {
        execlp("rm", "rm", "-rf", directory, (char *)NULL);
        _exit(127);
    }
    must(waitpid(pid, &status, 0) == pid && status == 0, "rm");
}

void served_stop(struct served *self)
{
    served_kill(self);
    remove_directory(self->directory);
    for (int i = 0; i < MOST; i++) {
        if (all[i] == self) {
            all[i] = NULL;
        }
    }
}

struct stated_client *served_client(const struct served *self)
{
    struct stated_client_options options = STATED_CLIENT_OPTIONS_INIT;
    struct stated_client *client;
    struct stated_status status;
    options.endpoint = self->url;
    if (stated_client_open(&options, &client, &status) != STATED_OK) {
        must(false, status.message);
    }
    return client;
}
