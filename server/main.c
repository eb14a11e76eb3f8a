/* The program `stated`: options, store, server, and a wait for the signal that ends it. */
#include "base/log.h"
#include "engine/lmdb_store.h"
#include "options.h"
#include "server.h"
#include "state/state_service.h"

#include "stated/server.h"

#include <nng/nng.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* Every connection is a descriptor: take all that the system allows. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
            log_warn("cannot raise the limit of open files");
        }
    }
}

/* Waits for signals on a thread of its own, so that main can wait for the server, which may also
   stop by itself. The first signal stops it, a second one ends the process at once. */
static void *handle_signals(void *argument)
{
    struct stated_server *server = argument;
    sigset_t signals;
    int number;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigwait(&signals, &number);
    log_info("stopping on signal %d; a second one ends the server at once", number);
    stated_server_stop(server);
    sigwait(&signals, &number);
    _exit(130);
}

/* Before any thread starts: all of them inherit the mask. */
static void block_signals(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* the limit of a file's size is a full disk: told by the call */
}

static void log_ready(struct stated_server *server, const struct options *options)
{
    for (size_t i = 0; server_endpoint(server, i) != NULL; i++) {
        log_info("listening on %s", server_endpoint(server, i));
    }
    log_info("stated %s is ready; data in %s, pid %d", STATED_VERSION, options->data_dir,
             (int)getpid());
}

static enum stated_code serve(const struct options *options, struct store *store,
                              struct stated_status *status)
{
    struct stated_server *server;
    pthread_t signal_thread;
    enum stated_code code = stated_server_new(&options->server, &server, status);
    if (code != STATED_OK) {
        return code;
    }
    code = state_service_register(server, store, status);
    if (code == STATED_OK) {
        code = stated_server_start(server, status);
    }
    if (code == STATED_OK && pthread_create(&signal_thread, NULL, handle_signals, server) != 0) {
        code = stated_status_set(status, STATED_RESOURCE_EXHAUSTED, "no thread for signals");
        stated_server_stop(server);
        (void)!stated_server_join(server, NULL);
    }
    if (code != STATED_OK) {
        stated_server_free(server);
        return code;
    }
    log_ready(server, options);
    code = stated_server_join(server, status);
    if (code == STATED_DEADLINE_EXCEEDED) {
        log_error("%s; leaving without them", status->message);
        _exit(EXIT_FAILURE); /* threads are still inside calls: the store may not be closed */
    }
    pthread_cancel(signal_thread);
    pthread_join(signal_thread, NULL);
    stated_server_free(server);
    return code;
}

int main(int argc, char **argv)
{
    struct options options;
    if (!options_read(&options, argc, argv)) {
        return 2;
    }
    log_configure(options.log_level, options.log_format);
    block_signals();
    raise_descriptor_limit();

    struct stated_status status = {.code = STATED_OK};
    struct store *store;
    enum stated_code code = lmdb_store_open(&options.store, &store, &status);
    if (code == STATED_OK) {
        code = serve(&options, store, &status);
        store->ops->close(store);
        nng_fini();
    }
    if (code != STATED_OK) {
        log_error("%s", status.message);
    } else {
        log_info("stopped");
    }
    options_deinit(&options);
    return code == STATED_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
