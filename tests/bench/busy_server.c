/* Serves busy.proto at the URL it is given. Linked with the gate it measures the project; linked
   with pthread_gate.c it measures what a glibc readers-writer lock in the gate's place does.

   usage: busy_server URL [recovers]   a torn state: left to the operator, or repaired */
#include "busy.stated-server.h"

#include <stated/server.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static atomic_uint_least64_t changes;

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void work(const Busy__V1__BusyRequest *request)
{
    uint64_t end_ns = now_ns() + request->work_us * UINT64_C(1000);
    while (now_ns() < end_ns) {
    }
    struct timespec left = {.tv_sec = request->wait_us / 1000000,
                            .tv_nsec = request->wait_us % 1000000 * 1000L};
    if (request->wait_us > 0) {
        nanosleep(&left, NULL);
    }
}

static enum stated_code echo(struct stated_call *call, const Busy__V1__BusyRequest *request,
                             Busy__V1__BusyResponse *response)
{
    (void)call, (void)request, (void)response;
    return STATED_OK;
}

static enum stated_code look(struct stated_call *call, const Busy__V1__BusyRequest *request,
                             Busy__V1__BusyResponse *response)
{
    (void)call;
    work(request);
    response->changes = atomic_load(&changes);
    return STATED_OK;
}

static enum stated_code change(struct stated_call *call, const Busy__V1__BusyRequest *request,
                               Busy__V1__BusyResponse *response)
{
    work(request);
    if (request->fail) {
        return stated_call_fail(call, STATED_ABORTED, "asked to fail");
    }
    response->changes = atomic_fetch_add(&changes, 1) + 1;
    if (request->tear) {
        return stated_call_torn(call, "half of change %llu is missing",
                                (unsigned long long)response->changes);
    }
    return STATED_OK;
}

/* Takes back what was half done. */
static bool recover(void *context)
{
    (void)context;
    atomic_fetch_sub(&changes, 1);
    return true;
}

/* Light, as a store's small reads are: a call of no time may run on the thread that received it. */
static enum stated_code admit_look(struct stated_call *call, const Busy__V1__BusyRequest *request,
                                   struct stated_admission *admission)
{
    (void)call;
    admission->light = request->work_us == 0 && request->wait_us == 0;
    return STATED_OK;
}

static const struct busy_v1_busy_handlers handlers = {
    .echo = echo, .look = look, .admit_look = admit_look, .change = change};

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 3 || (argc == 3 && strcmp(argv[2], "recovers") != 0)) {
        fprintf(stderr, "usage: %s URL [recovers]\n", argv[0]);
        return 2;
    }
    const char *listen[] = {argv[1]};
    struct stated_server_options options = STATED_SERVER_OPTIONS_INIT;
    options.listen = listen;
    options.n_listen = 1;
    options.recover = argc == 3 ? recover : NULL;

    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);

    struct stated_status status = {.code = STATED_OK};
    struct stated_server *server;
    if (stated_server_new(&options, &server, &status) != STATED_OK ||
        stated_server_register(server, &busy_v1_busy_type, &handlers, NULL, &status) != STATED_OK ||
        stated_server_start(server, &status) != STATED_OK) {
        fprintf(stderr, "%s: %s\n", argv[0], status.message);
        return 1;
    }
    int number;
    sigwait(&signals, &number);
    stated_server_stop(server);
    enum stated_code code = stated_server_join(server, &status);
    stated_server_free(server);
    return code == STATED_OK ? 0 : 1;
}
